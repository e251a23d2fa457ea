"""How many examples the public sets have, so that a file that was cut, or another version, is told before its score is compared.

`sizes.tsv` holds set, split, number of examples and the languages that have as many. Where its figures are from: XNLI, both
versions of MasakhaNER, WikiNEuRal, CoNLL and Tatoeba were counted with the readers of this project in the published files
(XNLI's test by its data set card); MLQA by the table of its repository; XQuAD by its own description.
"""

from functools import cache
from pathlib import Path

FEW_TRAINING = 1000
"""Training examples below which the choice of them and the seed decide as much as the model."""
FEW_TEST = 100
"""Test examples below which a share moves by more than a tenth from one sample to the next: 1 / sqrt(100)."""


@cache
def published_sizes() -> dict[tuple[str, str, str], frozenset[int]]:
    """Return the sizes by set, split and language; sets of two versions have two."""
    lines = (Path(__file__).parent / "sizes.tsv").read_text(encoding="utf-8").splitlines()[1:]
    found: dict[tuple[str, str, str], frozenset[int]] = {}
    for line in lines:
        name, split, count, languages = line.split("\t")
        for language in languages.split(" "):
            key = (name, split, language)
            found[key] = found.get(key, frozenset()) | {int(count)}
    return found


def size_notes(name: str, split: str, language: str, found: int) -> list[str]:
    """Return what a reader must know of the number of examples in one language of a set."""
    notes = []
    expected = published_sizes().get((name, split, language))
    if expected and found not in expected:
        published = " or ".join(f"{count:,}" for count in sorted(expected))
        notes.append(
            f"{name}, {split} in {language}: {found:,} examples, published are {published}; the file is cut or of another "
            "version, so its score is comparable with no published one"
        )
    if found < FEW_TEST:
        notes.append(f"{split} in {language}: {found:,} examples are too few to mean anything; differences are chance")
    return notes


def training_notes(found: int) -> list[str]:
    """Return what a reader must know of the number of training examples."""
    if found >= FEW_TRAINING:
        return []
    return [
        f"{found:,} training examples, fewer than {FEW_TRAINING:,}: which ones they are, and the seed, decide as much as the "
        "model; compare means over several seeds"
    ]
