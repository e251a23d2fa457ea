"""XL-BEL: biomedical mentions in ten languages, each looked for among the names of a dictionary by embedding alone.

A file of mentions has `CUI||mention` a line, or `CUI||mention||context` with the mention between `<tgt>` and `</tgt>`; a CUI may
be several, joined by `|`. The dictionary has `CUI||name` a line, many names for a CUI. A mention counts as found at k where
one of the k nearest names has one of its CUIs; contexts are not read. The mention is embedded as names are, without a mark.

Source: Liu et al. (2021), cross-lingual biomedical entity linking (SapBERT), and its published evaluation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from model.entities.linking_config import LinkingConfig
from model.entities.names import fold
from model.evaluation.bootstrap import Outcomes
from model.evaluation.documents import description
from model.evaluation.embedder import Embedder, load_embedder
from model.evaluation.outcome_files import SetOutcomes, intervals
from model.evaluation.ranking.mining import nearest
from model.evaluation.results import Results, Row, mean_row, with_intervals
from model.evaluation.sets.text import read_lines
from model.training.tokenizer_source import open_tokenizer
from schemas.errors import InputCorrupt, InputMissing, UsageError

KS = (1, 5)
"""acc@1 and acc@5, as the paper reports them."""
EMBEDDING, SPELLING = "embedding", "spelling"
_FILE = re.compile(r"([a-z]{2,3})_[0-9a-z]+_test_query(?:_with_context)?\.txt(?:\.gz)?")
_ALL = "all"
_CONCEPT = re.compile(r"[A-Z0-9]+")
"""Most are CUIs of UMLS (C0009968); the set also has `CL448688`, `CN029274` and one bare number."""
_TARGET = re.compile(r"<tgt>(.*?)</tgt>")


@dataclass(frozen=True)
class Named:
    """A name, or a mention, and the concepts it stands for."""

    concepts: frozenset[str]
    name: str


def name_files(folder: Path) -> dict[str, Path]:
    """Files of XL-BEL by language; that of all languages together is left out. Raises: UsageError for two of one language."""
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("**/*_test_query*.txt*")):
        match = _FILE.fullmatch(path.name)
        if match is None or match[1] == _ALL:
            continue
        if match[1] in found:
            raise UsageError(f"{folder} holds {found[match[1]]} and {path}: name the folder of one version of the set")
        found[match[1]] = path
    return found


def read_named(path: Path, *, columns: int = 3) -> list[Named]:
    """Read names or mentions. Raises: InputCorrupt with the line for another form, and where a context has another mention."""
    found = []
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        place, cells = f"{path}, line {number}", line.split("||")
        concepts = frozenset(cells[0].strip().split("|"))
        if not 2 <= len(cells) <= columns or not cells[1].strip() or not all(map(_CONCEPT.fullmatch, concepts)):
            raise InputCorrupt(
                f"{place}: found {line[:80]!r}, expected a CUI such as C0009968 and a name, between them ||"
            )
        target = _TARGET.search(cells[-1])
        # One German context of the published set has its mention behind the marks.
        if target and target[1].strip() not in ("", cells[1].strip()):
            raise InputCorrupt(
                f"{place}: found the mention {cells[1]!r}, but {target[1]!r} between the marks of its context"
            )
        found.append(Named(concepts, cells[1].strip()))
    if not found:
        raise InputCorrupt(f"{path}: found no name")
    return found


def score_names(config: LinkingConfig, files: dict[str, Path]) -> Results:
    """Look for every mention among the names of the dictionary. Raises: UsageError without one; as the readers do."""
    if not config.dictionary:
        raise UsageError("XL-BEL is scored against its names: pass --dictionary, a file of `CUI||name` a line")
    if not Path(config.dictionary).is_file():
        raise InputMissing(f"{config.dictionary}: there is no such file")
    if missing := [language for language in config.languages if language not in files]:
        raise UsageError(f"{config.data} has no mentions in {', '.join(missing)}; it has {', '.join(files)}")
    names = read_named(Path(config.dictionary), columns=2)
    mentions = {
        language: read_named(path) for language, path in files.items() if language in (config.languages or files)
    }
    tokenizer = open_tokenizer(config.model)
    embedder = load_embedder(config.model, tokenizer, config.device, config.batch_tokens)
    vectors = _embed(names, tokenizer, embedder, config)
    outcomes = []
    for language, own in mentions.items():
        found = nearest(_embed(own, tokenizer, embedder, config), vectors, max(KS)).places.tolist()
        outcomes += [
            _outcomes(EMBEDDING, language, own, found, names),
            _outcomes(SPELLING, language, own, _spelled(own, names), names),
        ]
    rows = _rows(outcomes)
    return Results(
        task="linking",
        model=config.model,
        primary_metric="acc@1",
        primary_keys={"about": "language", "way": EMBEDDING, "language": "mean"},
        rows=rows,
        outcomes=outcomes,
        notes=_notes(names, mentions, config, embedder),
        data={"set": "XL-BEL", "metric": "share of mentions with one of their CUIs among the nearest names"},
        config=asdict(config),
    )


def _embed(names: Sequence[Named], tokenizer: object, embedder: Embedder, config: LinkingConfig) -> Tensor:
    ids = tokenizer([one.name for one in names], add_special_tokens=False, verbose=False)["input_ids"]  # type: ignore[operator]
    documents = [description(own, embedder.special, embedder.lengths) for own in ids]
    return embedder.embed(documents, "mep_key", config.pooling)


def _spelled(mentions: Sequence[Named], names: Sequence[Named]) -> list[list[int]]:
    """Names that are spelled like each mention, in the dictionary's order: what is found without a model."""
    places: dict[str, list[int]] = {}
    for place, one in enumerate(names):
        places.setdefault(fold(one.name), []).append(place)
    return [places.get(fold(one.name), []) for one in mentions]


def _outcomes(
    way: str, language: str, mentions: Sequence[Named], found: Sequence[Sequence[int]], names: Sequence[Named]
) -> SetOutcomes:
    values = {
        f"acc@{k}": np.array(
            [
                any(names[place].concepts & one.concepts for place in own[:k])
                for one, own in zip(mentions, found, strict=True)
            ],
            dtype=np.float64,
        )
        for k in KS
    }
    return SetOutcomes({"about": "language", "way": way, "language": language}, 0, Outcomes("means", values))


def _rows(outcomes: Sequence[SetOutcomes]) -> list[Row]:
    """Return the mean over languages of both ways, then each language."""
    rows = []
    for one in outcomes:
        scores = {name: float(one.outcomes.scores(name)[0]) for name in one.outcomes.names()}
        row = Row.single(one.keys, scores | {"queries": len(one.outcomes)})
        rows.append(with_intervals(row, intervals(outcomes, [one.keys])))
    means = []
    for way in (EMBEDDING, SPELLING):
        own = [row for row in rows if row.matches(way=way)]
        mean = mean_row({"about": "language", "way": way, "language": "mean"}, own, [f"acc@{k}" for k in KS])
        means.append(with_intervals(mean, intervals(outcomes, [row.keys for row in own])))
    return [*means, *rows]


def _notes(
    names: Sequence[Named], mentions: dict[str, list[Named]], config: LinkingConfig, embedder: Embedder
) -> list[str]:
    there = frozenset().union(*(one.concepts for one in names))
    asked = [one for own in mentions.values() for one in own]
    notes = [] if embedder.has_head("mep_key") and config.pooling == "state" else ["no projection head is used"]
    if absent := sum(not one.concepts & there for one in asked):
        notes.append(f"{absent:,} of {len(asked):,} mentions have a CUI that the dictionary lacks: missed")
    return notes
