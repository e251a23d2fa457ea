"""From a pack of examples to a batch: one stream, special tokens put in, tokens masked, slots filled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from model.batch import UNUSED, Batch
from model.data.draws import Part, uniform
from model.data.examples.example import Example, Tokens
from model.data.special_tokens import SpecialTokens
from model.data.stores.ragged import Numbers, expand
from model.data.stores.triples import TripleIndex
from model.data.stream.masking import MaskedStream, Masker
from model.data.stream.packing import Pack
from model.data.stream_config import StreamConfig, StreamShapes


class Layout(NamedTuple):
    """A stream before masking."""

    token_ids: Numbers
    """[T], the unused end filled with the padding id."""
    starts: Numbers
    """Start of each document: the examples' first, then the keys'."""
    lengths: Numbers
    """Length of each document, special tokens included."""


class Collator:
    """Turns packs into batches of static shapes."""

    def __init__(self, special: SpecialTokens, config: StreamConfig, triples: TripleIndex | None, *key: Part) -> None:
        """Args:
        special: the tokenizer's reserved ids.
        config: shapes and masking.
        triples: true objects; None where object entailment is off.
        key: what masks depend on besides the place of a batch.
        """
        self._special, self._config, self._triples, self._key = special, config, triples, key
        self._shapes = config.shapes()
        self._masker = Masker(special, config.mlm_probability, self._shapes.masked)

    def batch(self, pack: Pack, position: int, *place: Part) -> Batch:
        """Make the batch of a pack.

        Args:
            pack: its examples and keys.
            position: the stream's clock.
            place: what the masks depend on: lane and number of the pack within it.
        """
        layout = lay_out(pack, self._special, self._shapes)
        masked = self._mask(pack.examples, layout, *place)
        fields = self._positions(layout) | self._queries(pack, layout)
        fields |= {"token_ids": masked.token_ids, "mlm_positions": masked.positions, "mlm_labels": masked.labels}
        return Batch(
            **{name: torch.from_numpy(values) for name, values in fields.items()},
            max_seqlen=self._shapes.longest,
            num_tokens=pack.num_tokens,
            position=position,
            row_ids=tuple([example.origin for example in pack.examples]),
        )

    def _mask(self, examples: list[Example], layout: Layout, *place: Part) -> MaskedStream:
        count = len(examples)
        starts, lengths = layout.starts[:count], layout.lengths[:count]
        kinds = np.array([_KINDS[example.address[0]] for example in examples], dtype=np.int64)
        wanted = np.array([True, self._config.mlm_on_contexts, False])[kinds]
        eligible = np.zeros(len(layout.token_ids), dtype=bool)
        eligible[: lengths.sum()] = np.repeat(wanted, lengths)  # the examples' documents lie first, end to end
        draws = uniform(count, *self._key, "mention mask", *place)
        masked = (kinds == _KINDS["mep"]) & (draws < self._config.mention_mask_rate)
        first, last = np.array([example.mention for example in examples], dtype=np.int64).reshape(-1, 2)[masked].T
        _, hidden = expand(starts[masked] + 1 + first, last - first + 1)
        predicted = hidden if self._config.mention_in_mlm and self._config.mlm_on_contexts else hidden[:0]
        return self._masker.mask(layout.token_ids, eligible, hidden, predicted, *self._key, "mask", *place)

    def _positions(self, layout: Layout) -> dict[str, npt.NDArray[np.integer]]:
        """Return `position_ids` and `cu_seqlens`, the unused end cut into documents like the rest."""
        size, longest = self._shapes.tokens, self._shapes.longest
        used = int(layout.starts[-1] + layout.lengths[-1]) if len(layout.starts) else 0
        starts = np.concatenate([layout.starts, np.arange(used, size, longest)])
        lengths = np.diff(np.append(starts, size))
        cu_seqlens = np.full(self._shapes.documents + 1, size, dtype=np.int32)
        cu_seqlens[: len(starts)] = starts
        position_ids = np.arange(size) - np.repeat(starts, lengths) + self._special.position_offset
        return {"position_ids": position_ids, "cu_seqlens": cu_seqlens}

    def _queries(self, pack: Pack, layout: Layout) -> dict[str, Numbers]:
        """Return keys and the slots of both knowledge objectives."""
        shapes, num_examples = self._shapes, len(pack.examples)
        key_of = {item: index for index, item in enumerate(pack.keys)}
        mep = [index for index, example in enumerate(pack.examples) if example.address[0] == "mep"]
        oe = [index for index, example in enumerate(pack.examples) if example.address[0] == "oe"]
        entity = np.array([example.entity for example in pack.examples], dtype=np.int64)
        subjects = np.array([pack.examples[index].subject for index in oe], dtype=np.int64)
        relations = np.array([pack.examples[index].relation for index in oe], dtype=np.int64)
        first = np.array([pack.examples[index].mention[0] for index in mep], dtype=np.int64)
        objects = np.full((shapes.oe, shapes.true_objects), UNUSED, dtype=np.int64)
        if oe and self._triples is not None:
            present = np.fromiter(pack.keys, dtype=np.int64)
            objects[: len(oe)] = self._triples.table(subjects, relations, entity[oe], shapes.true_objects, present)
        return {
            "key_positions": _slots(layout.starts[num_examples:], shapes.keys, 0),
            "key_entities": _slots(np.fromiter(pack.keys, dtype=np.int64), shapes.keys, UNUSED),
            "mep_positions": _slots(layout.starts[mep] + 1 + first, shapes.mep, 0),
            "mep_entities": _slots(entity[mep], shapes.mep, UNUSED),
            "mep_keys": _slots(np.array([key_of[item] for item in entity[mep].tolist()], np.int64), shapes.mep, UNUSED),
            "oe_positions": _slots(layout.starts[oe], shapes.oe, 0),
            "oe_keys": _slots(np.array([key_of[item] for item in entity[oe].tolist()], np.int64), shapes.oe, UNUSED),
            "oe_subjects": _slots(subjects, shapes.oe, UNUSED),
            "oe_relations": _slots(relations, shapes.oe, UNUSED),
            "oe_objects": objects,
        }


_KINDS = {"mlm": 0, "mep": 1, "oe": 2}


def lay_out(pack: Pack, special: SpecialTokens, shapes: StreamShapes) -> Layout:
    """Put all documents of a pack end to end: `<s>`, parts with `</s>` after each."""
    begin, end = np.array([special.begin]), np.array([special.end])
    pieces: list[Tokens] = []
    for example in pack.examples:
        pieces.append(begin)
        for part in example.parts:
            pieces += (part, end)
    for tokens in pack.keys.values():
        pieces += (begin, tokens, end)
    lengths = np.array(
        [example.num_tokens for example in pack.examples] + [len(tokens) + 2 for tokens in pack.keys.values()],
        dtype=np.int64,
    )
    token_ids = np.full(shapes.tokens, special.pad, dtype=np.int64)
    if pieces:
        np.concatenate(pieces, out=token_ids[: lengths.sum()])
    return Layout(token_ids, np.cumsum(lengths) - lengths, lengths)


def _slots(values: Numbers, count: int, filler: int) -> Numbers:
    """Return `values` filled up to `count`."""
    out = np.full(count, filler, dtype=np.int64)
    out[: len(values)] = values
    return out
