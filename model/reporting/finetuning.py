"""The sections of fine-tuning: a run's scores by language beside the published ones, each of these with its source."""

from collections.abc import Sequence

from model.evaluation.published import PublishedScore, published_for
from model.evaluation.results import Results
from model.evaluation.tasks import TASKS
from model.reporting.charts import Bar, language_chart
from model.reporting.data import RunData
from model.reporting.parts import Chart, Section, Table, measure_cell

FINETUNED = ("ner", "xnli", "qa")
OURS = "this run"


def finetuning_sections(data: RunData) -> list[Section]:
    """One section for each fine-tuning task that has results."""
    return [_section(name, data.results[name]) for name in FINETUNED if name in data.results]


def _section(name: str, results: Results) -> Section:
    task, languages = TASKS[name], _languages(results)
    published = [
        score for score in published_for(results.data.get("set", task.published_set)) if score.language in languages
    ]
    sources = list(dict.fromkeys(_source(score) for score in published))
    text = (
        f"{task.protocol[0].upper()}{task.protocol[1:]}. Primary metric: {task.primary_metric}. Scores of other models, none of "
        "them ours, stand below with the number of their source; compare only where split, metric and selection agree."
    )
    return Section(
        f"Fine-tuning: {name.upper()}",
        text,
        results.notes,
        [_chart(results, published)],
        [_table(results, published, sources)],
        sources,
        results.stand_in,
    )


def _source(score: PublishedScore) -> str:
    return f"{score.source} ({score.certainty})"


def _languages(results: Results) -> list[str]:
    """Return the mean first: of most published models nothing else is known."""
    return list(dict.fromkeys(["mean", *(row.keys["language"] for row in results.rows)]))


def _table(results: Results, published: Sequence[PublishedScore], sources: Sequence[str]) -> Table:
    """Return a line per metric, selection and split of the run, then one per model, metric, split and source."""
    languages = _languages(results)
    metrics = [name for name in (results.primary_metric, "exact match") if name in results.rows[0].measures]
    groups = dict.fromkeys((row.keys["selection"], row.keys["split"]) for row in results.rows)
    lines = []
    for metric in metrics:
        for selection, split in groups:
            rows = {r.keys["language"]: r for r in results.rows if r.matches(selection=selection, split=split)}
            cells = [measure_cell(rows[language], metric) if language in rows else "" for language in languages]
            lines.append([OURS, "", metric, split, selection, *cells])
    for group in dict.fromkeys((s.model, _source(s), s.metric, s.split) for s in published):
        model, source, metric, split = group
        own = {s.language: s.text for s in published if (s.model, _source(s), s.metric, s.split) == group}
        cells = [own.get(language, "") for language in languages]
        lines.append([model, f"[{sources.index(source) + 1}]", metric, split, "", *cells])
    return Table(["model", "source", "metric", "split", "selected by", *languages], lines, left=5)


def _chart(results: Results, published: Sequence[PublishedScore]) -> Chart:
    """Bars of the run's primary metric by language, and published scores of the same metric and split as marks."""
    metric, split = results.primary_metric, results.primary_keys["split"]
    bars: dict[str, dict[str, Bar]] = {}
    for row in results.rows:
        if row.matches(split=split):
            measure = row.measures[metric]
            line = bars.setdefault(f"{OURS}, by {row.keys['selection']}", {})
            line[row.keys["language"]] = (measure.mean, measure.spread or 0.0)
    marks: dict[str, dict[str, Bar]] = {}
    for score in published:
        if (score.metric, score.split) == (metric, split):
            middle, half = (score.low + score.high) / 200, (score.high - score.low) / 200
            marks.setdefault(score.model, {})[score.language] = (middle, half)
    address = language_chart(_languages(results), bars, marks, f"{metric}, {split}, %")
    caption = f"{metric} on {split} by language, with its spread over seeds; marks: published scores on {split}"
    return Chart(address, caption, wide=True)
