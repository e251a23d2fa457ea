"""Which rows are for training and which for validation: a stable function of a key, the same in every run.

Contexts are split by the entity of their page, triples by themselves, so that no page entity of a validation context
and no validation triple is ever trained on.
"""

from __future__ import annotations

from hashlib import blake2b

TRAIN, VALIDATION, UNSPLIT = "train", "validation", "part"
"""Names of the splits in shard names; `part` is for tables that are not split."""

SPLITS = (TRAIN, VALIDATION, UNSPLIT)


def split_of(key: str, validation_per_mille: int) -> str:
    """Return `validation` for about `validation_per_mille` of 1,000 keys and `train` for the others.

    >>> split_of("Q42", 0), split_of("Q42", 1000)
    ('train', 'validation')
    """
    bucket = int.from_bytes(blake2b(key.encode(), digest_size=8, person=b"xlmk-split").digest(), "big") % 1000
    return VALIDATION if bucket < validation_per_mille else TRAIN


def triple_key(subject: str, relation: str, object_: str) -> str:
    """Return the key a triple is split by."""
    return f"{subject} {relation} {object_}"
