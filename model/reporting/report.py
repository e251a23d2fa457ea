"""The report page: one self-contained HTML file of a run, its losses and its scores.

Everything that comes from data is escaped, texts carry `dir="auto"`, plots are images in the page itself, and the page
forbids itself scripts and outside addresses.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from model.evaluation.results import Results, Row, format_measure
from model.evaluation.tasks import TASKS
from model.reporting.charts import bar_chart, heat_map, training_chart
from model.reporting.config import ReportConfig
from model.reporting.data import RunData, read_run
from model.reporting.finetuning import finetuning_sections
from model.reporting.parts import Chart, Section, Table, rows_table

TEMPLATE = "report.html.jinja"
QUESTIONS = {"mep": "From a context with a masked mention", "oe": "From a subject and a relation"}
LINES = ("model", "random weights", "majority")
LATIN_END = 0x250
"""First code point after the Latin letters that every plot font has."""
MOST_LETTERS = 48
"""Longest template beside a bar."""


def write_report(config: ReportConfig) -> Path:
    """Write the page and return its path. Raises: as `read_run`."""
    data = read_run(config)
    path = Path(config.output) if config.output else Path(config.run) / "report.html"
    beside = path.with_name(f".{path.name}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    beside.write_text(render(data), encoding="utf-8")
    os.replace(beside, path)
    return path


def render(data: RunData) -> str:
    """The page as HTML."""
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.lstrip_blocks = True
    return environment.get_template(TEMPLATE).render(
        name=data.name,
        overview=_overview(data),
        sections=[*_training(data), *_retrieval(data), *_alignment(data), *_probing(data), *finetuning_sections(data)],
        config=json.dumps(data.config, indent=1, ensure_ascii=False) if data.config else "",
    )


def _overview(data: RunData) -> Table:
    lines = []
    for task in TASKS.values():
        if results := data.results.get(task.name):
            keys = ", ".join(f"{name} {value}" for name, value in results.primary_keys.items() if name != "about")
            measure = results.find(**results.primary_keys).measures[results.primary_metric]
            remark = "stand-in for training: no claim" if results.stand_in else ""
            value = format_measure(results.primary_metric, measure)
            # Results may have been added from elsewhere: the page says of which model each is.
            model = "/".join(Path(results.model).parts[-2:])
            lines.append([task.name, value, results.primary_metric, keys, model, remark])
    return Table(["task", "%", "metric", "of", "model", "remark"], lines, left=6)


def _training(data: RunData) -> list[Section]:
    charts = []
    for measure, label in (("loss", "loss"), ("accuracy", "share right, in the batch")):
        if any(name in data.series for name in (f"{objective}/{measure}" for objective in ("mlm", "mep", "oe"))):
            address = training_chart(data.series, measure, label)
            charts.append(Chart(address, f"{measure} of each objective by step, means between two log lines"))
    text = (
        "Losses of different objectives are not on one scale: that of MEP and OE grows with the number of candidates."
    )
    return [Section("Training", text, charts=charts)] if charts else []


def _retrieval(data: RunData) -> list[Section]:
    results = data.results.get("retrieval")
    if results is None:
        return []
    sections = []
    for question, title in QUESTIONS.items():
        pairs = [row for row in results.rows if row.matches(about="pair", question=question)]
        if pairs:
            charts = [_pair_map(pairs, title)]
            own = [row for row in results.rows if row.matches(question=question)]
            groups = [[r for r in own if r.keys["about"] == about] for about in ("summary", "frequency", "seen")]
            tables = [rows_table(rows, leave_out=("about", "question")) for rows in groups if rows]
            text = "Every description of the target language is a candidate. Chance ranks them at random."
            others = tuple(f"projection head for {other}" for other in QUESTIONS if other != question)
            notes = [note for note in results.notes if not any(other in note for other in others)]
            sections.append(Section(f"Retrieval: {title.lower()}", text, notes, charts, tables))
    return sections


def _alignment(data: RunData) -> list[Section]:
    results = data.results.get("alignment")
    if results is None:
        return []
    pairs = [row for row in results.rows if row.matches(about="pair", spelling="differs")]
    charts = [_pair_map(pairs, "From label to label, labels spelled differently")] if pairs else []
    groups = [[r for r in results.rows if r.keys["about"] == about] for about in ("summary", "frequency", "seen")]
    tables = [rows_table(rows, leave_out=("about", "question")) for rows in groups if rows]
    text = "From an entity's label in one language to its label in another; every chosen label of that language is a candidate."
    return [Section("Alignment of labels", text, results.notes, charts, tables)]


def _pair_map(pairs: Sequence[Row], title: str) -> Chart:
    languages = sorted({row.keys[side] for row in pairs for side in ("source", "target")})
    values = {(row.keys["source"], row.keys["target"]): row.measures["mrr"].mean for row in pairs}
    address = heat_map(values, languages, languages, "mean reciprocal rank, %")
    return Chart(address, f"{title}: mean reciprocal rank in per cent, by language of question and candidates")


def _probing(data: RunData) -> list[Section]:
    results = data.results.get("probing")
    if results is None:
        return []
    relations = {line: _by_relation(results, line) for line in LINES}
    names = sorted(relations["model"], key=lambda name: -relations["model"][name])
    lines = {line: values for line, values in relations.items() if values}
    charts = [Chart(bar_chart(names, lines, "hits@1, %"), "hits@1 in per cent by relation, mean over languages")]
    summary = [row for row in results.rows if row.keys["about"] == "summary"]
    consistency = [row for row in results.rows if row.matches(about="consistency", languages="mean")]
    tables = [rows_table(rows, leave_out=("about",)) for rows in (summary, consistency) if rows]
    text = "The majority ranks objects by how often they occur with the relation and knows nothing of the subject."
    return [Section("Probing of facts", text, results.notes, charts, tables)]


def _by_relation(results: Results, line: str) -> dict[str, float]:
    """hits@1 by relation, named by its id and, where the plot's font has the letters, by its first template."""
    values = {}
    for row in results.rows:
        if row.matches(about="relation", line=line):
            template = row.keys.get("template", "")
            latin = all(ord(character) < LATIN_END for character in template)
            name = f"{template[:MOST_LETTERS]}  {row.keys['relation']}" if latin else row.keys["relation"]
            values[name.strip()] = row.measures["hits@1"].mean
    return values
