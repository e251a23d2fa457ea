"""From a pack of examples to a batch: one stream, special tokens put in, tokens masked, queries and keys pointed out.

    pack ─▶ documents end to end ─▶ tokens masked ─▶ positions of documents, queries and keys ─▶ Batch

A worked line, `<s>` being 0, `</s>` 2 and padding 1: a context [11, 12, 13] whose mention is its tokens 1 to 2, and the key
[21, 22] become the stream [0, 11, 12, 13, 2, 0, 21, 22, 2, 1]. Documents start at 0 and 5 and have 5 and 4 tokens; the
query stands at 0 + 1 + 1 = 2, behind `<s>` and the token before the mention, the key at 5. Position ids count from 2 in every
document: [2, 3, 4, 5, 6, 2, 3, 4, 5, 2].
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from model.batch import IGNORED_LABEL, UNUSED, Batch
from model.data.draws import KeyPart, uniform, words
from model.data.examples.example import Example, Tokens
from model.data.special_tokens import SpecialTokens
from model.data.stores.ragged import Numbers, expand
from model.data.stores.triples import TripleIndex
from model.data.stream.packing import Pack
from model.data.stream_config import StreamConfig

MASKED_SHARE, RANDOM_SHARE = 0.8, 0.1
"""Of the chosen tokens; the rest keeps its id."""
_ONE = 2.0**32
_KINDS = {"mlm": 0, "mep": 1, "oe": 2}


class Collator:
    """Turns packs into batches of static shapes."""

    def __init__(
        self, special: SpecialTokens, config: StreamConfig, triples: TripleIndex | None, *key: KeyPart
    ) -> None:
        """Args:
        special: the tokenizer's reserved ids.
        config: shapes and masking.
        triples: true objects; None where object entailment is off.
        key: what masks depend on besides the place of a batch.
        """
        self._special, self._config, self._triples, self._key = special, config, triples, key
        self._shapes = config.shapes()
        self._masker = Masker(special, config.mlm_probability, self._shapes.masked)

    def batch(self, pack: Pack, position: int, *place: KeyPart) -> Batch:
        """Make the batch of a pack.

        Args:
            pack: its examples and keys.
            position: the stream's clock.
            place: what the masks depend on: lane and number of the pack within it.
        """
        token_ids, starts, lengths = self._lay_out(pack)
        fields = self._documents(starts, lengths)
        fields |= self._masked(pack.examples, token_ids, starts, lengths, *place)
        fields |= self._queries_and_keys(pack, starts)
        return Batch(
            **{name: torch.from_numpy(values) for name, values in fields.items()},
            max_seqlen=self._shapes.longest,
            num_tokens=pack.num_tokens,
            position=position,
            row_ids=tuple([example.origin for example in pack.examples]),
        )

    def _lay_out(self, pack: Pack) -> tuple[Numbers, Numbers, Numbers]:
        """Put all documents of a pack end to end: `<s>`, parts with `</s>` after each; the examples' first, then the keys'.

        Returns:
            The stream [T], its unused end filled with the padding id; where each document starts; its length.
        """
        begin, end = np.array([self._special.begin]), np.array([self._special.end])
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
        token_ids = np.full(self._shapes.tokens, self._special.pad, dtype=np.int64)
        if pieces:
            np.concatenate(pieces, out=token_ids[: lengths.sum()])
        return token_ids, np.cumsum(lengths) - lengths, lengths

    def _documents(self, starts: Numbers, lengths: Numbers) -> dict[str, npt.NDArray[np.integer]]:
        """Return `position_ids` and `cu_seqlens`, the unused end cut into documents like the rest."""
        size, longest = self._shapes.tokens, self._shapes.longest
        used = int(starts[-1] + lengths[-1]) if len(starts) else 0
        starts = np.concatenate([starts, np.arange(used, size, longest)])
        cu_seqlens = np.full(self._shapes.documents + 1, size, dtype=np.int32)
        cu_seqlens[: len(starts)] = starts
        position_ids = np.arange(size) - np.repeat(starts, np.diff(starts, append=size)) + self._special.position_offset
        return {"position_ids": position_ids, "cu_seqlens": cu_seqlens}

    def _masked(
        self, examples: list[Example], token_ids: Numbers, starts: Numbers, lengths: Numbers, *place: KeyPart
    ) -> dict[str, npt.NDArray[np.integer]]:
        """Return `token_ids` with tokens and mentions hidden, and what is to be predicted there."""
        count = len(examples)
        starts, lengths = starts[:count], lengths[:count]
        kinds = np.array([_KINDS[example.address[0]] for example in examples], dtype=np.int64)
        wanted = np.array([True, self._config.mlm_on_contexts, False])[kinds]
        eligible = np.zeros(len(token_ids), dtype=bool)
        eligible[: lengths.sum()] = np.repeat(wanted, lengths)  # the examples' documents lie first, end to end
        draws = uniform(count, *self._key, "mention mask", *place)
        masked = (kinds == _KINDS["mep"]) & (draws < self._config.mention_mask_rate)
        first, last = np.array([example.mention for example in examples], dtype=np.int64).reshape(-1, 2)[masked].T
        _, hidden = expand(starts[masked] + 1 + first, last - first + 1)
        predicted = hidden if self._config.mention_in_mlm and self._config.mlm_on_contexts else hidden[:0]
        found = self._masker.mask(token_ids, eligible, hidden, predicted, *self._key, "mask", *place)
        return dict(zip(("token_ids", "mlm_positions", "mlm_labels"), found, strict=True))

    def _queries_and_keys(self, pack: Pack, starts: Numbers) -> dict[str, Numbers]:
        """Return where the keys and the queries of both knowledge objectives stand, and what they are of."""
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
            "key_positions": _filled(starts[num_examples:], shapes.keys, 0),
            "key_entities": _filled(np.fromiter(pack.keys, dtype=np.int64), shapes.keys, UNUSED),
            "mep_positions": _filled(starts[mep] + 1 + first, shapes.mep, 0),
            "mep_entities": _filled(entity[mep], shapes.mep, UNUSED),
            "mep_keys": _filled(
                np.array([key_of[item] for item in entity[mep].tolist()], np.int64), shapes.mep, UNUSED
            ),
            "oe_positions": _filled(starts[oe], shapes.oe, 0),
            "oe_keys": _filled(np.array([key_of[item] for item in entity[oe].tolist()], np.int64), shapes.oe, UNUSED),
            "oe_subjects": _filled(subjects, shapes.oe, UNUSED),
            "oe_relations": _filled(relations, shapes.oe, UNUSED),
            "oe_objects": objects,
        }


class Masker:
    """Chooses tokens of streams of one tokenizer: 80 % give way to the mask token, 10 % to a random one, 10 % are kept.

    Source: Devlin et al., BERT (NAACL 2019), section 3.1.
    """

    def __init__(self, special: SpecialTokens, probability: float, most: int) -> None:
        """Args:
        special: the tokenizer's reserved ids.
        probability: share of the tokens that may be chosen that is.
        most: K, the most tokens that are predicted in a stream.
        """
        self._mask, self._most = special.mask, most
        self._probability = probability
        self._maskable = ~special.is_reserved()
        self._ordinary = special.ordinary()

    def mask(
        self, token_ids: Numbers, eligible: npt.NDArray[np.bool_], hidden: Numbers, predicted: Numbers, *key: KeyPart
    ) -> tuple[Numbers, Numbers, Numbers]:
        """Mask a stream; a pure function of its arguments.

        Args:
            token_ids: the stream, [T]; not changed.
            eligible: where tokens may be chosen; reserved ids are left alone everywhere.
            hidden: positions to replace by the mask token whatever is drawn: masked mentions.
            predicted: those of `hidden` that are to be predicted; they take places before chosen tokens. Reserved ids among
                them, such as `<unk>`, are not.
            key: what the draws depend on.

        Returns:
            The stream as the encoder sees it, [T]; where tokens are to be predicted, rising, then 0 in unused places, [K];
            what stood there, then `IGNORED_LABEL`, [K].
        """
        raw = words(len(token_ids), *key)
        draw = (raw >> np.uint64(32)).astype(np.uint32)
        free = eligible & self._maskable[token_ids]
        free[hidden] = False
        chosen = np.flatnonzero(free & (draw < np.uint64(self._probability * _ONE)))
        predicted = predicted[self._maskable[token_ids[predicted]]][: self._most]
        room = self._most - len(predicted)
        if len(chosen) > room:  # the smallest draws stay: which tokens are given up does not depend on their place
            chosen = np.sort(chosen[np.argsort(draw[chosen], kind="stable")[:room]])
        out = token_ids.copy()
        out[hidden] = self._mask
        self._replace(out, chosen, raw)
        positions = np.sort(np.concatenate([predicted, chosen]))
        labels = token_ids[positions]
        return out, _filled(positions, self._most, 0), _filled(labels, self._most, IGNORED_LABEL)

    def _replace(self, out: Numbers, chosen: Numbers, raw: npt.NDArray[np.uint64]) -> None:
        """Hide the chosen tokens 80/10/10. The low word of each draw decides; what is left of it picks the token."""
        fate = (raw[chosen] & np.uint64(0xFFFFFFFF)).astype(np.float64) / _ONE
        out[chosen[fate < MASKED_SHARE]] = self._mask
        swapped = (fate >= MASKED_SHARE) & (fate < MASKED_SHARE + RANDOM_SHARE)
        # Within its tenth the draw is uniform again, with 28 bits: enough for a vocabulary of a quarter million. Of 1,000
        # ordinary ids, a fate of 0.8537 is (0.8537 - 0.8) / 0.1 = 0.537 of the way through them: the one at place 537.
        pick = (fate[swapped] - MASKED_SHARE) / RANDOM_SHARE
        out[chosen[swapped]] = self._ordinary[(pick * len(self._ordinary)).astype(np.int64)]


def _filled(values: Numbers, count: int, filler: int) -> Numbers:
    """Return `values` filled up to `count`."""
    out = np.full(count, filler, dtype=np.int64)
    out[: len(values)] = values
    return out
