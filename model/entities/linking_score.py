"""Scores entity linking: is the right item among the candidates, and is it the first?

Three ways to candidates stand beside each other: by surface (labels, aliases, anchors; the likeliest first), by the embedding
of the context among all items, and the linker, which chooses by embedding and prior among namesakes. A mention whose item is
not in the index can only be missed; how many there are is said, and `--threshold` takes low scores for such mentions (NIL).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

import numpy as np

from model.entities.linked_text import LinkedText
from model.entities.linker import LinkedMention, Linker, encode_mentions
from model.entities.linking_config import LinkingConfig
from model.entities.linking_sets import read_linking_set
from model.entities.name_linking import name_files, score_names
from model.entities.titled_mentions import TR2016
from model.evaluation.bootstrap import Outcomes, interval
from model.evaluation.outcome_files import SetOutcomes
from model.evaluation.results import Measure, Results, Row, mean_row
from schemas.errors import UsageError

RECALLS = (1, 10, 100)
SURFACE, EMBEDDING, LINKER = "surface", "embedding", "linker"
_TEXTS = 64
"""Documents linked together."""


@dataclass(frozen=True)
class Outcome:
    """What became of one mention."""

    language: str
    bin: str
    known: bool
    """Whether its item is in the index."""
    ranks: dict[str, int]
    """Place of the right item among the candidates of each way, from 1; 0 where it is not among the first hundred."""
    score: float
    """Of the linker's first candidate; minus infinity without any."""


def score_linking(config: LinkingConfig) -> Results:
    """Link every mention of a set and compare with its items.

    Raises: as `Linker.open` and the readers; UsageError where the set needs an index and none is named.
    """
    if named := name_files(Path(config.data)):
        return score_names(config, named)
    if not config.index:
        raise UsageError("linking needs --index, a folder that `python -m model embed` wrote")
    name, texts = read_linking_set(Path(config.data), Path(config.tables) if config.tables else None)
    linker = Linker.open(config.model, config.index, config.device, config.batch_tokens)
    if config.languages:
        texts = [text for text in texts if text.language in config.languages]
    outcomes = [outcome for some in _portions(texts) for outcome in _outcomes(linker, some)]
    rows = [*_by_language(outcomes), *_grouped(outcomes, "hardness" if name == TR2016 else "frequency")]
    if config.threshold is not None:
        rows.append(_nil_row(outcomes, config.threshold))
    known = sum(outcome.known for outcome in outcomes)
    notes = []
    if nameless := sum(entity == "" for text in texts for entity in text.entities):
        notes.append(f"{nameless:,} of {len(outcomes):,} titles have no item in the tables (renamed or gone): missed")
    if known < len(outcomes):
        notes.append(
            f"{len(outcomes) - known:,} of {len(outcomes):,} mentions have an item that the index lacks: missed"
        )
    if linker.index.anchors is None:
        notes.append("the index was made without the build's mentions: no prior, and no anchors among the surfaces")
    return Results(
        task="linking",
        model=config.model,
        primary_metric="recall@1",
        primary_keys={"about": "language", "way": LINKER, "language": "mean"},
        rows=rows,
        outcomes=_set_outcomes(outcomes),
        notes=notes,
        data={"set": name, "metric": "share of mentions whose item is among the first candidates"},
        config=asdict(config),
    )


def _portions(texts: Sequence[LinkedText]) -> Iterator[Sequence[LinkedText]]:
    return (texts[start : start + _TEXTS] for start in range(0, len(texts), _TEXTS))


def _outcomes(linker: Linker, texts: Sequence[LinkedText]) -> Iterator[Outcome]:
    linked = linker.link_spans([text.text for text in texts], [text.spans for text in texts], top=max(RECALLS))
    documents = [
        document
        for text in texts
        for document in encode_mentions(text.text, text.spans, linker.tokenizer, linker.embedder, mask=True)
    ]
    vectors = iter(linker.vectors(documents))
    for text, mentions in zip(texts, linked, strict=True):
        surfaces = linker.index.lookup.entities([mention.surface for mention in mentions])
        for mention, items, entity, bin_name in zip(mentions, surfaces, text.entities, text.bins, strict=True):
            number = int(entity[1:] or 0)  # an unknown page is no item
            nearest = [item for item, _ in linker.index.nearest(next(vectors), max(RECALLS))]
            ranks = {
                SURFACE: _place(number, [item for item in items if linker.index.knows(item)]),
                EMBEDDING: _place(number, nearest),
                LINKER: _place(number, [int(candidate.entity[1:]) for candidate in mention.candidates]),
            }
            known = linker.index.knows(number)
            yield Outcome(text.language, bin_name, known, ranks, _first_score(mention))


def _place(item: int, items: Sequence[int]) -> int:
    first = list(items[: max(RECALLS)])
    return first.index(item) + 1 if item in first else 0


def _first_score(mention: LinkedMention) -> float:
    return mention.candidates[0].score if mention.candidates else float("-inf")


def _by_language(outcomes: Sequence[Outcome]) -> list[Row]:
    """Return the mean over languages of every way, then each language."""
    rows = _grouped(outcomes, "language")
    names = [f"recall@{k}" for k in RECALLS]
    means = []
    for way in (SURFACE, EMBEDDING, LINKER):
        own = [row for row in rows if row.matches(way=way)]
        if own:
            means.append(mean_row({"about": "language", "way": way, "language": "mean"}, own, names))
    return [*means, *rows]


def _grouped(outcomes: Sequence[Outcome], about: str) -> list[Row]:
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for one in outcomes:
        groups[one.language if about == "language" else one.bin].append(one)
    rows = []
    for name in sorted(group for group in groups if group):
        for way in (SURFACE, EMBEDDING, LINKER):
            rows.append(Row({"about": about, "way": way, about: name}, _measures(groups[name], way)))
    return rows


def _set_outcomes(outcomes: Sequence[Outcome]) -> list[SetOutcomes]:
    """Return what came out for every mention, by language and way, for comparisons of two runs."""
    languages = sorted({one.language for one in outcomes})
    return [
        SetOutcomes(
            {"about": "language", "way": way, "language": language},
            0,
            _recalls([one for one in outcomes if one.language == language], way),
        )
        for language in languages
        for way in (SURFACE, EMBEDDING, LINKER)
    ]


def _recalls(outcomes: Sequence[Outcome], way: str) -> Outcomes:
    values = {f"recall@{k}": np.array([0 < one.ranks[way] <= k for one in outcomes], dtype=np.float64) for k in RECALLS}
    return Outcomes("means", values, outcomes[0].language)


def _measures(outcomes: Sequence[Outcome], way: str) -> dict[str, Measure]:
    measures, own = {}, _recalls(outcomes, way)
    for name in own.names():
        measures[name] = Measure((float(own.scores(name)[0]),), interval([[own]], name))
    measures["in the index"] = Measure((fmean(one.known for one in outcomes),))
    measures["queries"] = Measure((float(len(outcomes)),))
    return measures


def _nil_row(outcomes: Sequence[Outcome], threshold: float) -> Row:
    """Accuracy where a low score says that the item is in no index, and how well it says so."""
    nil = [one.score < threshold for one in outcomes]
    right = [
        says if not one.known else not says and one.ranks[LINKER] == 1 for one, says in zip(outcomes, nil, strict=True)
    ]
    hits = sum(says and not one.known for one, says in zip(outcomes, nil, strict=True))
    values = {
        "accuracy": fmean(right),
        "NIL precision": hits / max(sum(nil), 1),
        "NIL recall": hits / max(sum(not one.known for one in outcomes), 1),
    }
    return Row.single({"about": "NIL", "threshold": f"{threshold:g}"}, values)
