"""Bitext: does a sentence find its translation among the sentences of another language?

Tatoeba asks each sentence for its nearest neighbour, both ways (accuracy). BUCC hides translations in two long texts; pairs are
mined, and those above a threshold count (F1): that of the sample set where it lies beside, else the best on the set itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from model.evaluation.bootstrap import Outcomes
from model.evaluation.documents import Document
from model.evaluation.embedder import Embedder, load_embedder
from model.evaluation.outcome_files import SetOutcomes, intervals
from model.evaluation.ranking.config import BitextConfig
from model.evaluation.ranking.mining import mine, nearest, unambiguous
from model.evaluation.ranking.ranks import normalise
from model.evaluation.results import Results, Row, mean_row, with_intervals
from model.evaluation.scores.bitext import Pair, best_threshold, score_mined
from model.evaluation.sets.bitext import BUCC, TATOEBA, Bitext, read_bitexts
from model.evaluation.sets.forms import language_of
from model.evaluation.sets.sizes import size_notes
from model.training.tokenizer_source import open_tokenizer
from schemas.errors import UsageError

THERE, BACK = "first to second", "second to first"
"""Directions of a pair `de-en`: XTREME's Tatoeba is the first."""
MODEL, SPELLING, CHANCE = "model", "spelling", "chance"
_BUCKETS = 4096
"""Places that the three-letter pieces of the line of spelling fall into."""


def run_bitext(config: BitextConfig) -> Results:
    """Score a model on the bitexts of a folder. Raises: the openers' and readers' errors; UsageError as `chosen`."""
    bitexts = chosen(read_bitexts(Path(config.data), config.set), config.languages)
    tokenizer = open_tokenizer(config.model)
    embedder = load_embedder(config.model, tokenizer, config.device, config.batch_tokens)
    if config.layer is not None:
        embedder.layer = config.layer
    return score_bitexts(config, bitexts, Sentences(embedder, tokenizer, config))


def chosen(bitexts: Sequence[Bitext], languages: Sequence[str]) -> list[Bitext]:
    """Return the pairs of some languages, all where none is named. Raises: UsageError where there is none of them."""
    wanted = {language_of(code) or code for code in languages}
    kept = [one for one in bitexts if not wanted or {one.source, one.target} & wanted]
    if not kept:
        there = sorted({f"{one.source}-{one.target}" for one in bitexts})
        raise UsageError(f"languages: there is no bitext in {', '.join(languages)}; there are {', '.join(there)}")
    return kept


class Sentences:
    """Turns sentences into vectors of length 1."""

    def __init__(self, embedder: Embedder, tokenizer: Any, config: BitextConfig) -> None:
        """Wrap a model and its tokenizer."""
        self.embedder, self.tokenizer, self.config = embedder, tokenizer, config

    def embed(self, sentences: Sequence[str]) -> Float[Tensor, "sentences dim"]:
        """One vector for each sentence, of as many tokens as the model reads at most."""
        special, room = self.embedder.special, self.embedder.lengths.context - 2
        ids = self.tokenizer(list(sentences), add_special_tokens=False, verbose=False)["input_ids"]
        documents = [Document([special.begin, *own[:room], special.end]) for own in ids]
        return self.embedder.embed(documents, "mep_key", self.config.pooling)


def score_bitexts(config: BitextConfig, bitexts: Sequence[Bitext], sentences: Sentences) -> Results:
    """Score aligned bitexts by accuracy, others by mining."""
    name = bitexts[0].set
    rows, outcomes = _aligned(bitexts, sentences) if name == TATOEBA else _mined(config, bitexts, sentences)
    notes = (
        [] if sentences.embedder.has_head("mep_key") and config.pooling == "state" else ["no projection head is used"]
    )
    if name == BUCC:
        notes += _threshold_notes(rows)
    notes += [note for one in bitexts for note in size_notes(name, one.split, one.source, len(one.gold))]
    return Results(
        task="bitext",
        model=config.model,
        primary_metric="accuracy" if name == TATOEBA else "f1",
        primary_keys=rows[0].keys,
        rows=rows,
        outcomes=outcomes,
        notes=notes,
        data={"set": name, "metric": "accuracy" if name == TATOEBA else "F1 of mined pairs"},
        config=asdict(config),
    )


def _aligned(bitexts: Sequence[Bitext], sentences: Sentences) -> tuple[list[Row], list[SetOutcomes]]:
    outcomes, rows = [], []
    for one in bitexts:
        right = _right(sentences.embed(one.source_sentences), sentences.embed(one.target_sentences))
        spelled = _right(_spelling(one.source_sentences), _spelling(one.target_sentences))
        for direction, source, target in ((THERE, one.source, one.target), (BACK, one.target, one.source)):
            keys = {"about": "pair", "direction": direction, "source": source, "target": target}
            outcomes.append(
                SetOutcomes(keys, 0, Outcomes("means", {"accuracy": right[direction]}, f"{source} {target}"))
            )
            count = len(one.gold)
            lines = {MODEL: right[direction].mean(), SPELLING: spelled[direction].mean(), CHANCE: 1 / count}
            rows.append(Row.single(keys | {"line": MODEL}, {"accuracy": lines[MODEL], "queries": count}))
            rows += [Row.single(keys | {"line": line}, {"accuracy": lines[line]}) for line in (SPELLING, CHANCE)]
    means = [
        mean_row(
            {"about": "summary", "direction": direction, "line": line},
            [row for row in rows if row.matches(direction=direction, line=line)],
            ["accuracy"],
        )
        for direction in (THERE, BACK)
        for line in (MODEL, SPELLING, CHANCE)
    ]
    return _with_intervals([*means, *rows], outcomes), outcomes


def _right(ours: Tensor, theirs: Tensor) -> dict[str, np.ndarray]:
    """By direction, whether the nearest neighbour of each sentence is its translation; of equally near ones the first counts."""
    truth = torch.arange(len(ours))
    there, back = (nearest(a, b, 1).places[:, 0] == truth for a, b in ((ours, theirs), (theirs, ours)))
    return {THERE: there.double().numpy(), BACK: back.double().numpy()}


def _spelling(sentences: Sequence[str]) -> Float[Tensor, "sentences buckets"]:
    """Count three-letter pieces: what names and numbers give away to a model that has learnt nothing."""
    counts = torch.zeros(len(sentences), _BUCKETS)
    for row, sentence in enumerate(sentences):
        text = f" {sentence.casefold()} "
        for start in range(len(text) - 2):
            counts[row, crc32(text[start : start + 3].encode()) % _BUCKETS] += 1
    return normalise(counts)


def _mined(
    config: BitextConfig, bitexts: Sequence[Bitext], sentences: Sentences
) -> tuple[list[Row], list[SetOutcomes]]:
    scored = {(one.source, one.target, one.split): mined_pairs(config, one, sentences) for one in bitexts}
    thresholds = {
        (one.source, one.target, one.split): best_threshold(scored[one.source, one.target, one.split], one.gold)
        for one in bitexts
    }
    final = "test" if any(one.split == "test" for one in bitexts) else "dev"
    rows, outcomes = [], []
    for one in (bitext for bitext in bitexts if bitext.split == final):
        own, elsewhere = (one.source, one.target, final), (one.source, one.target, "dev")
        by = "sample" if final == "test" and elsewhere in thresholds else "itself"
        threshold = thresholds[elsewhere if by == "sample" else own]
        found = {pair for pair, score in scored[own].items() if score >= threshold}
        best = {pair for pair, score in scored[own].items() if score >= thresholds[own]}
        keys = {"about": "pair", "source": one.source, "target": one.target, "threshold by": by}
        values = asdict(score_mined(found, one.gold)) | {
            "best f1": score_mined(best, one.gold).f1,
            "pairs": len(one.gold),
        }
        rows.append(Row.single(keys, values))
        outcomes.append(SetOutcomes(keys, 0, _span_outcomes(found, one.gold)))
    mean = mean_row({"about": "summary", "line": MODEL}, rows, ["f1", "precision", "recall", "best f1"])
    return _with_intervals([mean, *rows], outcomes), outcomes


def mined_pairs(config: BitextConfig, one: Bitext, sentences: Sentences) -> Mapping[Pair, float]:
    """Return the mined pairs by their ids, with scores. Sentences that stand twice in their text are no pair's."""
    ours, theirs = (list(dict.fromkeys(texts)) for texts in (one.source_sentences, one.target_sentences))
    pairs = mine(sentences.embed(ours), sentences.embed(theirs), neighbours=config.neighbours, margin=config.margin)
    own = unambiguous(one.source_ids, one.source_sentences)
    other = unambiguous(one.target_ids, one.target_sentences)
    return {
        (own[ours[source]], other[theirs[target]]): score
        for source, target, score in pairs
        if ours[source] in own and theirs[target] in other
    }


def _span_outcomes(found: set[Pair], gold: frozenset[Pair]) -> Outcomes:
    """Right, found and true pairs of every source sentence that has one, as F1 counts them."""
    names = sorted({source for source, _ in found | gold})
    places = {name: place for place, name in enumerate(names)}
    values = {name: np.zeros(len(names)) for name in ("correct", "predicted", "true")}
    for name, pairs in (("correct", found & gold), ("predicted", found), ("true", gold)):
        for source, _ in pairs:
            values[name][places[source]] += 1
    return Outcomes("spans", values)


def _with_intervals(rows: Sequence[Row], outcomes: Sequence[SetOutcomes]) -> list[Row]:
    """Give the model's rows of pairs and of their means their intervals."""
    found = []
    for row in rows:
        plain = {name: value for name, value in row.keys.items() if name != "line"}
        members = [one.keys for one in outcomes if dict(one.keys) == plain]
        if row.matches(about="summary"):
            members = [one.keys for one in outcomes if one.keys.get("direction") == row.keys.get("direction")]
        is_model = row.keys.get("line", MODEL) == MODEL
        found.append(with_intervals(row, intervals(outcomes, members)) if members and is_model else row)
    return found


def _threshold_notes(rows: Sequence[Row]) -> list[str]:
    alone = [f"{row.keys['source']}-{row.keys['target']}" for row in rows if row.matches(**{"threshold by": "itself"})]
    if not alone:
        return []
    return [f"{', '.join(alone)}: the threshold is the best on the set itself, as in LASER's figures: an upper bound"]
