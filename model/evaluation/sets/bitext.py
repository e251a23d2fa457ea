"""Reads bitexts: sentences that translate each other line by line (Tatoeba), or two texts and the pairs hidden in them (BUCC).

Tatoeba, as LASER publishes it: `tatoeba.afr-eng.afr` and `tatoeba.afr-eng.eng`; the same without the first word.
BUCC 2018: `de-en.training.de` and `.en`, an id and a sentence a line, and `de-en.training.gold`, two ids a line; XTREME calls
the sample `dev` and the training set `test`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from model.evaluation.sets.folder import DEPTH, walk
from model.evaluation.sets.forms import language_of
from model.evaluation.sets.text import read_lines
from schemas.errors import InputCorrupt, InputMissing, UsageError

TATOEBA, BUCC = "Tatoeba", "BUCC"
SPLITS = {"sample": "dev", "dev": "dev", "training": "test", "test": "test"}
"""What BUCC and XTREME call the part that thresholds are found on and the part that is scored."""
CODES = {"cmn": "zh", "pes": "fa", "swh": "sw", "tgl": "tl", "kzj": "kzj"}
"""Languages of Tatoeba that XTREME calls by the code of a wider one (with `nob` and `nno`, say, both would be the same), and one
whose code was withdrawn for that of another language of the set."""
MANY = 20
"""Lines of which it cannot be chance that they are in order."""

_PAIR = r"(?P<source>[a-z]{2,3})-(?P<target>[a-z]{2,3})"
_ALIGNED = re.compile(rf"(?:tatoeba\.)?{_PAIR}\.(?P<own>[a-z]{{2,3}})")
_MINED = re.compile(rf"{_PAIR}\.(?P<split>{'|'.join(SPLITS)})\.(?P<own>gold|[a-z]{{2,3}})")


@dataclass(frozen=True)
class Bitext:
    """Two texts, sentence by sentence, and which belong together."""

    set: str
    source: str
    target: str
    split: str
    source_ids: tuple[str, ...]
    source_sentences: tuple[str, ...]
    target_ids: tuple[str, ...]
    target_sentences: tuple[str, ...]
    gold: frozenset[tuple[str, str]]
    """Pairs of ids; of an aligned bitext those of equal lines."""


def read_bitexts(folder: Path, wanted: str = "") -> list[Bitext]:
    """Read all bitexts of a folder, of one set.

    Raises: InputMissing where there is none, or one of a pair's files is not there; UsageError where both sets lie there and
    none is named; InputCorrupt for texts that do not fit together and for sets without their answers.
    """
    found: dict[tuple[str, str, str, str], dict[str, Path]] = {}
    for path in walk(folder, DEPTH):
        name = path.name.removesuffix(".gz")
        for kind, pattern in ((BUCC, _MINED), (TATOEBA, _ALIGNED)):
            if match := pattern.fullmatch(name):
                split = SPLITS[match["split"]] if kind == BUCC else "test"
                found.setdefault((kind, match["source"], match["target"], split), {})[match["own"]] = path
                break
    sets = sorted({kind for kind, *_ in found})
    if wanted:
        names = {name.lower(): name for name in (TATOEBA, BUCC)}
        if wanted.lower() not in names:
            raise UsageError(f"there is no set {wanted!r} of bitext; there are {TATOEBA}, {BUCC}")
        sets = [name for name in sets if name == names[wanted.lower()]]
    if len(sets) > 1:
        raise UsageError(f"{folder} holds {' and '.join(sets)}: name the one to score with --set")
    if not sets:
        raise InputMissing(
            f"{folder}: found no bitext, such as tatoeba.afr-eng.afr and tatoeba.afr-eng.eng, or de-en.training.de, .en and "
            ".gold (plain or .gz), here or below"
        )
    chosen = {key: files for key, files in found.items() if key[0] == sets[0]}
    return [_read(folder, *key, files) for key, files in sorted(chosen.items())]


def _read(folder: Path, kind: str, source: str, target: str, split: str, files: dict[str, Path]) -> Bitext:
    parts = (source, target) if kind == TATOEBA else (source, target, "gold")
    if missing := [name for name in parts if name not in files]:
        there = " and ".join(path.name for path in files.values())
        without = " Test sets are handed out without it." if missing == ["gold"] else ""
        raise InputMissing(f"{folder}: found {there}, and no file that ends in .{missing[0]} beside it.{without}")
    ours_in, theirs_in = (language_of(code, CODES) or code for code in (source, target))
    if kind == TATOEBA:
        ours, theirs = (_sentences(files[code]) for code in parts)
        _check_aligned(files[source], ours, files[target], theirs)
        ids = tuple(map(str, range(len(ours))))
        gold = frozenset(zip(ids, ids, strict=True))
        return Bitext(kind, ours_in, theirs_in, split, ids, ours, ids, theirs, gold)
    own_ids, ours = _identified(files[source])
    their_ids, theirs = _identified(files[target])
    gold = frozenset(_gold(files["gold"], set(own_ids), set(their_ids)))
    return Bitext(kind, ours_in, theirs_in, split, own_ids, ours, their_ids, theirs, gold)


def _sentences(path: Path) -> tuple[str, ...]:
    lines = read_lines(path)
    if lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise InputCorrupt(f"{path}: found no sentence")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            raise InputCorrupt(
                f"{path}, line {number}: found an empty line, expected a sentence for each of the other file"
            )
    return tuple(lines)


def _check_aligned(own: Path, ours: tuple[str, ...], other: Path, theirs: tuple[str, ...]) -> None:
    if len(ours) != len(theirs):
        raise InputCorrupt(
            f"{own} has {len(ours):,} sentences and {other} {len(theirs):,}: expected translations line by line"
        )
    for path, sentences, others in ((own, ours, theirs), (other, theirs, ours)):
        if len(sentences) >= MANY and _is_sorted(sentences) and not _is_sorted(others):
            raise InputCorrupt(
                f"{path}: its lines are in the order of the alphabet and those of the other file are not. XTREME hands Tatoeba "
                "out so, to hide the answers; take the files of LASER (data/tatoeba/v1)"
            )


def _is_sorted(sentences: tuple[str, ...]) -> bool:
    stripped = [sentence.strip() for sentence in sentences]
    return all(a <= b for a, b in zip(stripped, stripped[1:], strict=False))


def _identified(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    ids, sentences = [], []
    for number, line in enumerate(read_lines(path), start=1):
        if not line:
            continue
        name, tab, sentence = line.partition("\t")
        if not tab or not name.strip():
            raise InputCorrupt(f"{path}, line {number}: found {line[:60]!r}, expected an id, a tab and a sentence")
        ids.append(name.strip())
        sentences.append(sentence.strip())
    if len(set(ids)) < len(ids):
        raise InputCorrupt(f"{path}: {len(ids) - len(set(ids)):,} ids stand twice, expected one sentence for each")
    return tuple(ids), tuple(sentences)


def _gold(path: Path, own: set[str], others: set[str]) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        ids = line.split()
        if len(ids) != 2 or ids[0] not in own or ids[1] not in others:
            raise InputCorrupt(
                f"{path}, line {number}: found {line[:60]!r}, expected the id of a source and of a target sentence"
            )
        yield ids[0], ids[1]
