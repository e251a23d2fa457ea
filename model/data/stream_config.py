"""What the training stream is told: sizes of a step, objectives and their shares, language rules, shuffling.

Marks on method values: code = read in the authors' release; text = read in the paper; recalled = from memory of the
paper, not checked; open = nobody here knows; ours = no counterpart in the paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Literal

from schemas.errors import UsageError
from schemas.names import Names

Objective = Literal["mlm", "mep", "oe"]
"""Masked language modelling, masked entity prediction, object entailment."""

OBJECTIVES: tuple[Objective, ...] = ("mlm", "mep", "oe")

CONTEXT_SHARE = 0.85
"""About how much of the tokens of MEP is contexts, in which tokens are masked; the rest is descriptions."""

MASKED_SLACK = 0.025
"""Slots for masked tokens above the expected number, as a share of all tokens that may be masked: for the tokens of
masked mentions, and for chance."""

LanguageRule = Literal["same", "any", "prefer_different"]
"""How the language of a description is chosen: the reference language where it exists (else any); any; one that differs
from the reference language where it exists (else the same)."""


@dataclass(frozen=True, kw_only=True)
class StreamShapes:
    """The static shapes of a batch; equal for all steps of a run."""

    tokens: int
    """Length T of the packed stream, in tokens."""
    documents: int
    """Number D of documents `cu_seqlens` has room for."""
    longest: int
    """Upper bound of a document's length, in tokens, special tokens included."""
    masked: int
    """Slots K for masked tokens."""
    keys: int
    """Slots N for distinct descriptions."""
    mep: int
    """Slots Qm for masked mentions."""
    oe: int
    """Slots Qo for subject+relation queries."""
    true_objects: int
    """Slots M for the true objects of one query."""


@dataclass(frozen=True, kw_only=True)
class StreamConfig:
    """How token shards become batches."""

    tokens_per_step: int = 16_384
    """Length of one rank's packed stream, in tokens. (open)"""
    max_text_length: int = 512
    """Longest plain-text document in MLM, in tokens with special tokens; longer ones are cut into pieces. (recalled)"""
    max_length: int = 256
    """Longest Wikipedia context, in tokens with special tokens; longer ones are cut around the mention. (recalled)"""
    max_description_length: int = 128
    """Longest description, in tokens with special tokens; its end is cut off. (open)"""
    max_relation_length: int = 32
    """Longest relation text, in tokens without special tokens. (open)"""
    max_masked: int = 0
    """Slots for masked tokens in a step; 0 derives them from the shares. (ours)"""
    max_keys: int = 0
    """Slots for distinct descriptions in a step; 0 derives them from the shares. (ours)"""
    max_mep: int = 0
    """Slots for masked mentions in a step; 0 derives them from the shares. (ours)"""
    max_oe: int = 0
    """Slots for subject+relation queries in a step; 0 derives them from the shares. (ours)"""
    max_documents: int = 0
    """Slots for documents in a step; 0 derives them from the other slots. (ours)"""
    max_true_objects: int = 16
    """Slots for the true objects of one (subject, relation); where there are more, those in the step go first. (ours)"""
    expected_length: int = 48
    """Length of a typical short document, in tokens; only used to derive slots that are left at 0. (ours)"""

    mlm_share: float = 0.34
    """Share of a step's tokens that goes to plain MLM; 0 turns the objective off. (open)"""
    mep_share: float = 0.33
    """Share of a step's tokens that goes to masked mentions and their descriptions; 0 turns it off. (open)"""
    oe_share: float = 0.33
    """Share of a step's tokens that goes to triples; 0 turns it off. (open)"""
    one_objective_per_batch: bool = False
    """Give each rank-batch to a single objective, interleaved by the shares. (code; `paper` mode)"""

    mlm_probability: float = 0.15
    """Share of ordinary tokens of texts and contexts chosen for MLM. (recalled)"""
    mlm_on_contexts: bool = True
    """Compute MLM on the contexts of masked mentions too. (code)"""
    mlm_from_contexts: bool = True
    """Let plain MLM draw from Wikipedia contexts as well as from plain text. (ours; the paper uses Common Crawl)"""
    mention_mask_rate: float = 1.0
    """Share of chosen mentions whose sub-tokens are all replaced by the mask token. (open: the release holds no masking)"""
    mention_in_mlm: bool = True
    """Predict the masked mention's own sub-tokens by MLM as well. (open)"""
    validation_seed: int = 1
    """Seed of the choices made in validation batches, so that all runs are scored on the same ones. (ours)"""

    mlm_alpha: float = 0.3
    """Exponent of language smoothing for MLM: q_i proportional to p_i ** alpha. (text)"""
    mep_alpha: float = 0.7
    """The same for the contexts of MEP. (recalled)"""
    oe_alpha: float = 0.7
    """The same for the languages of subjects in OE. (recalled)"""
    languages: Names = ()
    """Languages to use; empty means all that the dataset has. (text: the 100 largest Wikipedias)"""
    mep_description_language: LanguageRule = "any"
    """Language of the description of a mention, against the context's. (open)"""
    oe_object_language: LanguageRule = "any"
    """Language of the object's description, against the subject's. (open)"""
    oe_relation_language: LanguageRule = "same"
    """Language of the relation's text, against the subject's. (open)"""

    hard_negatives: int = 0
    """Extra descriptions per query that are likely to be confused with the right one; 0 turns them off. (ours)"""

    num_lanes: int = 24
    """Virtual lanes; part of the order, so fixed for a run. Any number of ranks shares them; W ranks that do not divide
    it pack W / gcd(W, lanes) times as much as they train on, so a run for hundreds of ranks wants more lanes. (ours)"""
    window_units: int = 16
    """Units whose rows are shuffled together in a lane; memory grows with it. (ours)"""
    unit_rows: int = 512
    """Most rows of one unit, the piece of a row group that goes to one lane: a whole one as shards are written. (ours)"""
    packing_buffer: int = 64
    """Most examples that wait for room in a later batch of their lane. (ours)"""

    def __post_init__(self) -> None:
        shares = (self.mlm_share, self.mep_share, self.oe_share)
        if min(shares) < 0 or sum(shares) <= 0:
            raise UsageError(f"shares are {shares}: expected none below 0 and at least one above it.")
        for name in ("mlm_probability", "mention_mask_rate"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} is {getattr(self, name)}, expected a share between 0 and 1.")
        longest = self.longest
        if self.tokens_per_step < 2 * longest:
            raise UsageError(
                f"tokens_per_step is {self.tokens_per_step}, but one document may have {longest} tokens: "
                f"expected at least {2 * longest}. Raise tokens_per_step or lower the max_*_length fields."
            )
        if min(self.max_length, self.max_text_length, self.max_description_length) < 8:
            raise UsageError("max_length, max_text_length and max_description_length must be at least 8 tokens.")
        for name in ("num_lanes", "window_units", "unit_rows", "packing_buffer", "max_true_objects"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}, expected at least 1.")

    @property
    def longest(self) -> int:
        """Upper bound of one document's length, in tokens."""
        pair = self.max_description_length + self.max_relation_length + 1 if self.oe_share else 0
        described = self.max_description_length if self.mep_share or self.oe_share else 0
        text = self.max_text_length if self.mlm_share else 0
        context = self.max_length if self.mep_share or (self.mlm_share and self.mlm_from_contexts) else 0
        return max(pair, described, text, context)

    def share(self, objective: Objective) -> float:
        """Return an objective's share of the tokens, the shares summing to 1."""
        shares: dict[Objective, float] = {"mlm": self.mlm_share, "mep": self.mep_share, "oe": self.oe_share}
        return shares[objective] / sum(shares.values())

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """The objectives that are on."""
        return tuple(objective for objective in OBJECTIVES if self.share(objective) > 0)

    def shapes(self) -> StreamShapes:
        """Return the static shapes of a batch, with slots left at 0 derived from the shares."""
        whole = {objective: 1.0 if self.one_objective_per_batch else self.share(objective) for objective in OBJECTIVES}
        on = {objective: whole[objective] if objective in self.objectives else 0.0 for objective in OBJECTIVES}
        per_length = self.tokens_per_step / self.expected_length
        mep = self.max_mep or ceil(on["mep"] * per_length / 2)
        oe = self.max_oe or ceil(on["oe"] * per_length)
        keys = self.max_keys or ceil((mep + oe) * (1 + self.hard_negatives))
        maskable = min(1.0, on["mlm"] + CONTEXT_SHARE * on["mep"] * self.mlm_on_contexts)
        expected = ceil(self.tokens_per_step * maskable * (self.mlm_probability + MASKED_SLACK))
        masked = self.max_masked or max(1, expected)
        tails = ceil(self.tokens_per_step / self.longest)
        documents = self.max_documents or ceil(on["mlm"] * per_length) + mep + oe + keys + tails
        return StreamShapes(
            tokens=self.tokens_per_step,
            documents=documents,
            longest=self.longest,
            masked=masked,
            keys=keys,
            mep=mep,
            oe=oe,
            true_objects=self.max_true_objects,
        )
