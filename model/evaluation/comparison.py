"""Several runs side by side: what each objective adds to retrieval across languages, beside chance.

A model without projection heads is shown twice, by single states and by the mean over tokens, because its best form is
the fair line to beat. Runs that differ in nothing but their seed share a line of means and spreads.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from model.evaluation.command import model_folder
from model.evaluation.comparison_config import ComparisonConfig
from model.evaluation.ranking.config import Pooling, RetrievalConfig
from model.evaluation.ranking.retrieval import run_retrieval
from model.evaluation.results import Measure, Results, Row, align, format_measure, merge_seeds, read_results
from model.training.head_files import load_heads
from model.training.resuming import FREE
from schemas.errors import UsageError

QUESTIONS = {"mep": "context → entity", "oe": "fact → object"}
"""Short heads, no wider than three columns of figures."""
MEASURES = ("hits@1", "hits@10", "mrr")
FLOORS = {"chance": "chance", "frequency": "most frequent answer first"}
"""Lines a model must stand above, and what the table calls them."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One line of the table: a run, or several that differ in their seed alone."""

    name: str
    """What it is called."""
    results: Results
    """Its scores; measures have one value per run."""


def compare(config: ComparisonConfig) -> str:
    """Evaluate every run and return the table; the full results are written beside each run.

    Raises: UsageError where two runs would write into one folder; the errors of retrieval.
    """
    names = [Path(source).name for source in config.runs]
    if config.output and len(set(names)) < len(names):
        raise UsageError(
            f"some runs share a folder name ({', '.join(sorted(names))}), so that their results would lie in one folder. "
            "Leave --output out: results then go into each run's folder"
        )
    groups: dict[str, list[str]] = {}
    for source in config.runs:
        groups.setdefault(_all_but_seed(source), []).append(source)
    return comparison_table([outcome for sources in groups.values() for outcome in _outcomes(config, sources)])


def _outcomes(config: ComparisonConfig, sources: Sequence[str]) -> list[Outcome]:
    """Return a group of runs in each form that is fair to it."""
    roles = set(load_heads(model_folder(sources[0])).heads)
    name = _name(sources, roles)
    found = [Outcome(name=name, results=_merged([_retrieve(config, source, "state") for source in sources]))]
    if not roles:
        results = _merged([_retrieve(config, source, "mean") for source in sources])
        found.append(Outcome(name=f"{name}, mean over tokens", results=results))
    return found


def _all_but_seed(source: str) -> str:
    """Return what a run was trained with, apart from its seed and what changes nothing; its folder where that is not known."""
    path = Path(model_folder(source)) / "run.json"
    if not path.is_file():
        return source
    run = json.loads(path.read_text(encoding="utf-8"))
    kept = {name: value for name, value in run["config"].items() if name not in FREE | {"seed"}}
    return json.dumps([kept, run.get("data"), run.get("steps")], sort_keys=True)


def _merged(runs: Sequence[Results]) -> Results:
    return replace(runs[0], rows=merge_seeds([run.rows for run in runs]))


def comparison_table(outcomes: Sequence[Outcome]) -> str:
    """One line per outcome, below those of chance and frequency; hits and MRR in per cent, means over language pairs."""
    first = outcomes[0].results
    questions = [q for q in QUESTIONS if _line(first, q, "chance") is not None]
    lines = [["", *(name for _ in questions for name in MEASURES)]]
    lines += [[name, *_cells(first, questions, line)] for line, name in FLOORS.items()]
    lines += [[outcome.name, *_cells(outcome.results, questions, "model")] for outcome in outcomes]
    table = align(lines, left=1)
    pairs = len({(r.keys["source"], r.keys["target"]) for r in first.rows if _is_across(r)})
    title = f"retrieval across languages, mean over {pairs} language pairs, in per cent"
    if any(row.measures["mrr"].spread for outcome in outcomes for row in outcome.results.rows):
        title += ", ± standard deviation over seeds"
    return f"{title}\n\n{_group_heads(table, questions)}\n{table}"


def _group_heads(table: str, questions: Sequence[str]) -> str:
    """Return a line that names each question above the first of its columns."""
    header, line, start = table.split("\n", 1)[0], "", 0
    for question in questions:
        place = header.index(f"{MEASURES[0]} ", start)
        line = line.ljust(place) + QUESTIONS[question] + "  "
        start = place + 1
    return line.rstrip()


def _retrieve(config: ComparisonConfig, source: str, pooling: Pooling) -> Results:
    wanted = RetrievalConfig(
        model=model_folder(source),
        data=config.data,
        languages=config.languages,
        max_queries=config.max_queries,
        pooling=pooling,
        device=config.device,
    )
    folder = Path(config.output) / Path(source).name if config.output else Path(source) / "evaluation"
    folder = folder if pooling == "state" else folder / "mean-pooling"
    if config.reuse and (found := _lying_there(folder / "retrieval.json", wanted)):
        return found
    results = run_retrieval(wanted)
    results.write(folder)
    return results


def _lying_there(path: Path, wanted: RetrievalConfig) -> Results | None:
    """Results that a run with these settings wrote after model and data were made; None if there are none."""
    made = [Path(wanted.model) / "config.json", Path(wanted.data) / "manifest.json"]
    if not path.is_file() or any(m.exists() and m.stat().st_mtime > path.stat().st_mtime for m in made):
        return None
    found = read_results(path)
    return found if found.config == json.loads(json.dumps(asdict(wanted))) else None


def _name(sources: Sequence[str], roles: set[str]) -> str:
    objectives = [name for name in ("mep", "oe") if f"{name}_query" in roles]
    label = "MLM only" if not objectives else "MLM" + "".join(f" + {name.upper()}" for name in objectives)
    return f"{label} ({Path(sources[0]).name if len(sources) == 1 else f'{len(sources)} seeds'})"


def _is_across(row: Row) -> bool:
    return row.matches(about="pair") and row.keys["source"] != row.keys["target"]


def _line(results: Results, question: str, line: str) -> Row | None:
    try:
        return results.find(about="summary", question=question, languages="across", line=line)
    except KeyError:
        return None


def _cells(results: Results, questions: Sequence[str], line: str) -> list[str]:
    cells = []
    for question in questions:
        row = _line(results, question, line)
        measures = {name: row.measures[name] for name in MEASURES} if row else {}
        if line in FLOORS:  # the same for every seed
            measures = {name: Measure((measure.mean,)) for name, measure in measures.items()}
        cells += [format_measure(name, measures[name]) if row else "-" for name in MEASURES]
    return cells
