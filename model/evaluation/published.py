"""Published scores of base-size models, zero-shot from English, each with its source and how far it was checked.

None of them is ours. A score may be set beside one of ours only where data, split, metric and selection agree;
`docs/evaluation.md` says for each task when they do.
"""

from dataclasses import dataclass
from typing import Literal

Certainty = Literal["computed here", "attributed", "second-hand"]
"""`computed here`: from published predictions, by the scorers of this project. `attributed`: believed to stand in the
named source, which was not read again. `second-hand`: seen in another work's quotation only."""


@dataclass(frozen=True, kw_only=True)
class PublishedScore:
    """One cell, in per cent."""

    model: str
    set: str
    """Name of the evaluation set."""
    metric: str
    split: str
    language: str
    """A code, or `mean` over the task's languages."""
    low: float
    high: float
    """Equal to `low` unless sources differ."""
    source: str
    certainty: Certainty

    @property
    def text(self) -> str:
        """The value as a table shows it."""
        return f"{self.low:g}" if self.low == self.high else f"{self.low:g} to {self.high:g}"


def _cell(
    model: str,
    set_name: str,
    value: float | tuple[float, float],
    source: str,
    certainty: Certainty = "attributed",
    **changes: str,
) -> PublishedScore:
    low, high = value if isinstance(value, tuple) else (value, value)
    metric = "accuracy" if set_name == "XNLI" else "f1"
    fields = {"metric": metric, "split": "test", "language": "mean"} | changes
    return PublishedScore(model=model, set=set_name, low=low, high=high, source=source, certainty=certainty, **fields)


_INFOXLM = "Chi et al. 2021 (InfoXLM)"
_XLM_ALIGN = "Chi et al. 2021 (XLM-Align)"
_XGLUE = "Liang et al. 2020 (XGLUE)"
_DEV = "Unicoder's dev predictions in XGLUE's repository"
_SECOND_HAND = "Jiang et al. 2022 (XLM-K), quoted in later work; the paper's table was not seen"

UNICODER_DEV = {
    "CoNLL": {"de": 78.76, "en": 94.77, "es": 77.79, "nl": 82.89, "mean": 83.55},
    "XNLI": {
        "ar": 72.57, "bg": 76.91, "de": 77.35, "el": 76.27, "en": 84.82, "es": 79.76, "fr": 77.55, "hi": 71.24,
        "ru": 75.58, "sw": 67.95, "th": 71.53, "tr": 73.41, "ur": 66.22, "vi": 74.54, "zh": 74.78, "mean": 74.70,
    },
    "MLQA": {
        "ar": 59.51, "de": 63.94, "en": 79.88, "es": 69.29, "hi": 65.22, "vi": 66.39, "zh": 62.89, "mean": 66.73,
    },
}  # fmt: skip
"""Dev scores of Unicoder's published predictions by set and language, in per cent, by the scorers of this project."""

PUBLISHED: tuple[PublishedScore, ...] = (
    _cell("mBERT", "MLQA", 57.7, _INFOXLM),
    _cell("mBERT", "XNLI", 66.3, _INFOXLM),
    _cell("XLM-R base", "MLQA", (62.9, 65.1), f"{_INFOXLM}; {_XGLUE}"),
    _cell("XLM-R base", "XNLI", (74.5, 76.2), f"{_INFOXLM}; Conneau et al. 2020 (XLM-R)"),
    _cell("Unicoder", "MLQA", 66.2, _XGLUE),
    _cell("Unicoder", "XNLI", 74.8, _XGLUE),
    _cell("Unicoder", "CoNLL", 80.06, _XGLUE),
    *(
        _cell("Unicoder", name, value, _DEV, "computed here", split="dev", language=language)
        for name, scores in UNICODER_DEV.items()
        for language, value in scores.items()
    ),
    _cell("InfoXLM base", "MLQA", 68.1, _INFOXLM),
    _cell("InfoXLM base", "MLQA", 49.6, _INFOXLM, metric="exact match"),
    _cell("InfoXLM base", "XNLI", 76.5, _INFOXLM),
    _cell("XLM-Align base", "MLQA", 68.1, _XLM_ALIGN),
    _cell("XLM-Align base", "MLQA", 49.8, _XLM_ALIGN, metric="exact match"),
    _cell("XLM-Align base", "XNLI", 76.2, _XLM_ALIGN),
    _cell("mmBERT base", "MLQA", 66.0, "Marone et al. 2025 (mmBERT); probably the SQuAD metric, so not comparable"),
    _cell("mmBERT base", "XNLI", 77.1, "Marone et al. 2025 (mmBERT)"),
    _cell("mDeBERTa-v3 base", "XNLI", 79.8, "He et al. 2023 (DeBERTaV3)"),
    _cell("XLM-K", "MLQA", 69.2, _SECOND_HAND, "second-hand", language="es"),
    _cell("XLM-K", "CoNLL", 73.3, _SECOND_HAND, "second-hand", language="de"),
)


def published_for(name: str) -> list[PublishedScore]:
    """Return the published scores on one set."""
    return [score for score in PUBLISHED if score.set == name]
