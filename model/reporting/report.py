"""The report page: one self-contained HTML file of a run, its losses and its scores.

Everything that comes from data is escaped, texts carry `dir="auto"`, plots are images in the page itself, and the page
forbids itself scripts and outside addresses.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from model.evaluation.ranking.ranks import chance_score
from model.evaluation.results import Results, Row, format_measure
from model.evaluation.tasks import TASKS
from model.reporting.charts import bar_chart, heat_map, retrieval_chart, training_chart
from model.reporting.config import ReportConfig
from model.reporting.data import RunData, Series, read_run
from model.reporting.finetuning import finetuning_sections
from model.reporting.linking import linking_sections
from model.reporting.parts import Chart, Section, Table, rows_table
from model.reporting.standing import standing

TEMPLATE = "report.html.jinja"
QUESTIONS = {"mep": "From a context with a masked mention", "oe": "From a subject and a relation"}
ABOUT = {"mep": ("projection head for mep", "context to entity"), "oe": ("projection head for oe", "fact to object")}
"""Words of notes that are about one question alone."""
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
    """Return the page as HTML."""
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.lstrip_blocks = True
    return environment.get_template(TEMPLATE).render(
        name=data.name,
        head=data.head,
        overview=_overview(data),
        verdicts=_verdicts(data),
        sections=[
            *_training(data),
            *_retrieval(data),
            *_alignment(data),
            *_bitext(data),
            *linking_sections(data),
            *_probing(data),
            *finetuning_sections(data),
        ],
        config=json.dumps(data.config, indent=1, ensure_ascii=False) if data.config else "",
    )


def _overview(data: RunData) -> Table:
    lines = []
    for name in (*TASKS, *(name for name in data.results if name not in TASKS)):
        if results := data.results.get(name):
            keys = ", ".join(f"{name} {value}" for name, value in results.primary_keys.items() if name != "about")
            measure = results.find(**results.primary_keys).measures[results.primary_metric]
            remark = "stand-in for training: no claim" if results.stand_in else ""
            value = format_measure(results.primary_metric, measure)
            # Results may have been added from elsewhere: the page says of which model each is.
            model = "/".join(Path(results.model).parts[-2:])
            stands = standing(results)
            cells = [value, stands.chance, stands.trivial, stands.asked]
            lines.append([name, *cells, results.primary_metric, keys, model, remark])
    head = ["task", "%", "chance", "trivial line", "n", "metric", "of", "model", "remark"]
    return Table(head, lines, left=1)


def _verdicts(data: RunData) -> list[str]:
    """In words, what the headlines do not show to be learnt."""
    stands = {name: standing(results).verdict for name, results in data.results.items()}
    return [f"{name}: {verdict}" for name, verdict in stands.items() if verdict]


def _training(data: RunData) -> list[Section]:
    charts = []
    for measure, label in (("loss", "loss"), ("accuracy", "share right, in the batch")):
        if any(name in data.series for name in (f"{objective}/{measure}" for objective in ("mlm", "mep", "oe"))):
            address = training_chart(data.series, measure, label)
            charts.append(Chart(address, f"{measure} of each objective by step, means between two log lines"))
    if any(name.startswith("validation/retrieval/") for name in data.series):
        words = (
            "what a validation's fixed queries find, beside naming frequent answers first (dashed) and chance (dotted)"
        )
        charts.append(Chart(retrieval_chart(data.series), words))
    text = (
        "Losses of different objectives are not on one scale: that of MEP and OE grows with the number of candidates."
    )
    if not charts and not data.warnings:
        return []
    return [Section("Training", text, data.warnings, charts, _last_figures(data.series))]


def _last_figures(series: Mapping[str, Series]) -> list[Table]:
    """Losses and shares right at the end, each beside that of the last validation, and what retrieval found there."""
    head = ["objective", "loss", "in validation", "right, %", "in validation", "mrr, %", "frequency", "chance"]
    lines = []
    for name in ("mlm", "mep", "oe"):
        places = [f"{name}/loss", f"validation/{name}/loss", f"{name}/accuracy", f"validation/{name}/accuracy"]
        places += [f"validation/retrieval/{name}/{line}mrr" for line in ("", "frequency_", "chance_")]
        if any(place in series for place in places):
            shown = [series[place][-1][1] if place in series else None for place in places]
            cells = ["" if value is None else f"{value:.3f}" for value in shown[:2]]
            cells += ["" if value is None else f"{100 * value:.1f}" for value in shown[2:]]
            lines.append([name, *cells])
    steps = [points[-1][0] for name, points in series.items() if name.startswith("validation/")]
    return [Table(head, lines, left=1)] if lines and steps else []


def _retrieval(data: RunData) -> list[Section]:
    results = data.results.get("retrieval")
    if results is None:
        return []
    sections = []
    # One scale for both questions: colours can be compared across the page.
    top = max((row.measures["mrr"].mean for row in results.rows if row.matches(about="pair")), default=0.0)
    for question, title in QUESTIONS.items():
        pairs = [row for row in results.rows if row.matches(about="pair", question=question)]
        if pairs:
            charts = [_pair_map(pairs, title, top, _pair_chance(pairs))]
            own = [row for row in results.rows if row.matches(question=question)]
            groups = [[r for r in own if r.keys["about"] == about] for about in ("summary", "frequency", "seen")]
            tables = [rows_table(rows, leave_out=("about", "question")) for rows in groups if rows]
            text = "Every description of the target language is a candidate. Chance ranks them at random."
            others = tuple(word for other, words in ABOUT.items() if other != question for word in words)
            notes = [note for note in results.notes if not any(other in note for other in others)]
            shown = results.data.get("examples", []) if question == "mep" else []
            sections.append(Section(f"Retrieval: {title.lower()}", text, notes, charts, tables, examples=shown))
    return sections


def _alignment(data: RunData) -> list[Section]:
    results = data.results.get("alignment")
    if results is None:
        return []
    pairs = [row for row in results.rows if row.matches(about="pair", spelling="differs")]
    title = "From label to label, labels spelled differently"
    charts = [_pair_map(pairs, title, 0.0, _pair_chance(pairs))] if pairs else []
    groups = [[r for r in results.rows if r.keys["about"] == about] for about in ("summary", "frequency", "seen")]
    tables = [rows_table(rows, leave_out=("about", "question")) for rows in groups if rows]
    text = "From an entity's label in one language to its label in another; every chosen label of that language is a candidate."
    return [Section("Alignment of labels", text, results.notes, charts, tables)]


def _bitext(data: RunData) -> list[Section]:
    results = data.results.get("bitext")
    if results is None:
        return []
    groups = [[row for row in results.rows if row.matches(about=about)] for about in ("summary", "pair")]
    groups[1] = [row for row in groups[1] if row.keys.get("line", "model") == "model"]
    tables = [rows_table(rows, leave_out=("about",)) for rows in groups if rows]
    text = (
        "Is a sentence's nearest neighbour its translation (Tatoeba), or which pairs are mined from two texts (BUCC). Spelling "
        "compares three-letter pieces: it finds names and numbers, and has learnt nothing."
    )
    return [Section(f"Bitext: {results.data.get('set', '')}", text, results.notes, [], tables)]


def _pair_chance(pairs: Sequence[Row]) -> str:
    """Return what chance would score on these pairs, in words; nothing where the numbers of candidates are not known."""
    counts = [row.measures["candidates"].mean for row in pairs if "candidates" in row.measures]
    if not counts:
        return ""
    least, most = (100 * chance_score(int(count), 1).mrr for count in (max(counts), min(counts)))
    return f"; chance {least:.1f}" if f"{least:.1f}" == f"{most:.1f}" else f"; chance {least:.1f} to {most:.1f}"


def _pair_map(pairs: Sequence[Row], title: str, top: float, chance: str) -> Chart:
    languages = sorted({row.keys[side] for row in pairs for side in ("source", "target")})
    values = {(row.keys["source"], row.keys["target"]): row.measures["mrr"].mean for row in pairs}
    address = heat_map(values, languages, languages, "mean reciprocal rank, %", top)
    return Chart(address, f"{title}: mean reciprocal rank in per cent, by language of question and candidates{chance}")


def _probing(data: RunData) -> list[Section]:
    results = data.results.get("probing")
    if results is None:
        return []
    relations = {line: _by_relation(results, line) for line in LINES}
    names = sorted(relations["model"], key=lambda name: -relations["model"][name])
    lines = {line: values for line, values in relations.items() if values}
    charts = [Chart(bar_chart(names, lines, "hits@1, %"), "hits@1 in per cent by relation, mean over languages", True)]
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
