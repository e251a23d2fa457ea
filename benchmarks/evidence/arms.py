"""The arms: runs on the same tokens, steps and seeds that differ in what they are trained on, or in one setting."""

from __future__ import annotations

from dataclasses import dataclass

ALL = "mlm,mep,oe"


@dataclass(frozen=True)
class Arm:
    """One way of training."""

    name: str
    """Name of its folder and of its line in the table."""
    objectives: str
    """Objectives it is trained on."""
    flags: tuple[str, ...] = ()
    """What it changes."""
    says: str = ""
    """The change in words."""


RELEASE = (
    "--method.mode", "paper", "--method.bank-size", "2048", "--method.head-norm", "batch", "--method.temperature", "0.05",
    "--stream.one-objective-per-batch", "True", "--stream.mlm-on-contexts", "True",
)  # fmt: skip
"""The released loss with all that belongs to it; the recipe's own values are those of `best`."""

MAIN = (
    Arm("mlm", "mlm", says="masked words alone"),
    Arm("mep", "mlm,mep", says="+ Masked Entity Prediction"),
    Arm("oe", "mlm,oe", says="+ Object Entailment"),
    Arm("best", ALL, says="+ both, this project's method"),
    Arm(
        "paper",
        ALL,
        RELEASE,
        "+ both, the released loss: a bank of 2,048, BatchNorm, temperature 0.05, words of contexts masked too",
    ),
)
CHANGES = (
    Arm("bank", ALL, ("--method.bank-size", "2048"), "best with a bank of 2,048"),
    Arm(
        "same-language",
        ALL,
        ("--stream.mep-description-language", "same", "--stream.oe-object-language", "same"),
        "best, descriptions in the language of the question alone",
    ),
    Arm("unmasked", ALL, ("--stream.mention-mask-rate", "0"), "best, mentions left unmasked"),
    Arm("hard", ALL, ("--stream.hard-negatives", "1"), "best with a hard negative a pair"),
    Arm("batch-norm", ALL, ("--method.head-norm", "batch"), "best, BatchNorm in the heads as in the release"),
)
ARMS = {arm.name: arm for arm in (*MAIN, *CHANGES)}

SIZES: dict[str, tuple[str, ...]] = {
    "cpu": (
        "--steps", "600", "--log-every", "50", "--validate-every", "0", "--save-every", "300",
        "--stream.tokens-per-step", "9216", "--stream.max-text-length", "64", "--stream.max-length", "32",
        "--stream.max-description-length", "48", "--stream.max-relation-length", "8", "--stream.expected-length", "14",
        "--stream.mlm-share", "0.1", "--stream.mep-share", "0.6", "--stream.oe-share", "0.3",
        "--optim.warmup-steps", "40", "--optim.peak-rate", "1.5e-3",
    ),
}  # fmt: skip
"""Flags that all arms of a size share, over the recipe `tiny`."""
