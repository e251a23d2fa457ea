"""Where a headline stands: beside chance, beside the line that knows nothing of the question, and over how many examples."""

from dataclasses import dataclass

from model.evaluation.results import Results, Row, format_measure

TRIVIAL = ("frequency", "majority")
"""Lines that rank by how often something was the answer, and read no question."""
FEW = 100
"""Examples below which a share is chance to a tenth."""
_COUNTS = ("queries", "facts", "pairs", "questions", "sentences")


@dataclass(frozen=True)
class Standing:
    """Cells of the overview."""

    chance: str
    trivial: str
    asked: str
    verdict: str


def standing(results: Results) -> Standing:
    """Set the primary figure of a task beside its lines, and say in words what that means."""
    metric, own = results.primary_metric, results.find(**results.primary_keys)
    value = own.measures[metric]
    chance, trivial = _line(results, ("chance",)), _line(results, TRIVIAL)
    asked = _asked(results, own)
    words = []
    for line, name in ((trivial, "the line that reads no question"), (chance, "chance")):
        if line is None or metric not in line.measures:
            continue
        height = line.measures[metric].mean
        low = value.interval[0] if value.interval else value.mean
        if value.mean <= height:
            words.append(f"below {name}: nothing was shown to be learnt")
            break
        if low <= height:
            words.append(f"not clearly above {name}")
            break
    if 0 < asked < FEW:
        words.append(f"{asked:,.0f} examples are too few to mean anything")
    return Standing(
        _cell(chance, metric) or _chance_of_labels(results),
        _cell(trivial, metric),
        f"{asked:,.0f}" if asked else "",
        "; ".join(words),
    )


def _line(results: Results, names: tuple[str, ...]) -> Row | None:
    """Return the row of the primary figure's keys for another line."""
    for name in names:
        try:
            return results.find(**{**results.primary_keys, "line": name})
        except KeyError:
            continue
    return None


def _cell(row: Row | None, metric: str) -> str:
    return format_measure(metric, row.measures[metric]) if row is not None and metric in row.measures else ""


def _chance_of_labels(results: Results) -> str:
    """Chance where it is known without looking: XNLI has as many pairs of each label."""
    labels = results.data.get("labels", ())
    return f"{100 / len(labels):.1f}" if results.task == "xnli" and labels else ""


def _asked(results: Results, own: Row) -> float:
    """Examples the primary figure is over: its own count, or those of the sets it is the mean of."""
    for name in _COUNTS:
        if name in own.measures:
            return own.measures[name].mean
        keys = {key: value for key, value in own.keys.items() if key not in ("language", "about")}
        rows = [row for row in results.rows if row.matches(**keys) and name in row.measures]
        if rows:
            return sum(row.measures[name].mean for row in rows if "question" not in row.keys or "question" in own.keys)
    return 0.0
