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

from model.entities.linker import LinkedMention, Linker, encode_mentions
from model.entities.linking_config import LinkingConfig
from model.entities.linking_sets import LinkedText, read_linking_set
from model.evaluation.bootstrap import Outcomes, interval
from model.evaluation.results import Measure, Results, Row, mean_row

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
    """Link every mention of a set and compare with its items. Raises: as `Linker.open` and `read_linking_set`."""
    linker = Linker.open(config.model, config.index, config.device, config.batch_tokens)
    name, texts = read_linking_set(Path(config.data))
    if config.languages:
        texts = [text for text in texts if text.language in config.languages]
    outcomes = [outcome for some in _portions(texts) for outcome in _outcomes(linker, some)]
    rows = [*_by_language(outcomes), *_grouped(outcomes, "frequency")]
    if config.threshold is not None:
        rows.append(_nil_row(outcomes, config.threshold))
    known = sum(outcome.known for outcome in outcomes)
    notes = []
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
            number = int(entity[1:])
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


def _measures(outcomes: Sequence[Outcome], way: str) -> dict[str, Measure]:
    measures = {}
    for k in RECALLS:
        right = np.array([0 < one.ranks[way] <= k for one in outcomes], dtype=np.float64)
        own = Outcomes("means", {"recall": right})
        measures[f"recall@{k}"] = Measure((float(right.mean()),), interval([[own]], "recall"))
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
