"""Prompts with candidates of their own, the same ones line by line in every language: BMLAMA.

A file `xx.tsv` has the columns Prompt (with `<mask>`), Ans, Candidate Ans (between them a comma and a blank) and Subject; the
n-th line of every file asks the same, and the n-th candidate is the same entity. The right one stands last, so ties are shared.

RankC says how alike two languages rank the candidates, right or wrong: the mean over prompts of the shared part of the first j
candidates, for each j, weighed by the softmax of N - j + 1.

Source: Qi et al. (2023), Cross-Lingual Consistency of Factual Knowledge.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from model.evaluation.bootstrap import Outcomes
from model.evaluation.outcome_files import SetOutcomes, intervals
from model.evaluation.ranking.cloze import ClozeScorer, Gap, fill_gaps
from model.evaluation.ranking.config import ProbingConfig
from model.evaluation.ranking.probing_rows import MAJORITY, MODEL
from model.evaluation.results import Results, Row, mean_row, with_intervals
from model.evaluation.sets.text import read_lines
from schemas.errors import InputCorrupt, UsageError

HEADER = ("Prompt", "Ans", "Candidate Ans", "Subject")
MASK = "<mask>"
CHANCE = "chance"
_SEPARATOR = ", "


@dataclass(frozen=True)
class Prompt:
    """A sentence with a gap, the candidates for it, and the place of the right one."""

    left: str
    right: str
    candidates: tuple[str, ...]
    truth: int


Prompts = Mapping[str, Sequence[Prompt]]
"""By language; the same number of prompts and of candidates in all."""
Line = dict[str, list[Tensor]]
"""What one line says: scores of each prompt's candidates, by language."""


def read_prompts(folder: Path, languages: Sequence[str]) -> dict[str, list[Prompt]]:
    """Read a folder of BMLAMA; nothing where it holds none.

    Raises: UsageError for a language that has no file; InputCorrupt for another form and for languages that do not ask the same.
    """
    tables = [path for path in sorted(folder.glob("*.tsv*")) if path.is_file()]
    if not any(_is_ours(path) for path in tables):
        return {}
    if other := next((path for path in tables if not _is_ours(path)), None):
        raise InputCorrupt(
            f"{other}: its columns are {read_lines(other)[0][:80]!r}, expected {', '.join(HEADER)} as in the others"
        )
    files = {path.name.split(".")[0]: path for path in tables}
    if missing := [language for language in languages if language not in files]:
        raise UsageError(f"{folder} has no prompts in {', '.join(missing)}; it has {', '.join(files)}")
    prompts = {language: _read(files[language]) for language in languages or files}
    first, *others = prompts
    for language in others:
        shapes = [[len(prompt.candidates) for prompt in prompts[name]] for name in (first, language)]
        if shapes[0] != shapes[1]:
            raise InputCorrupt(
                f"{files[language]}: its prompts or candidates are not as many as those of {files[first].name}; expected the "
                "same ones line by line"
            )
    return prompts


def _is_ours(path: Path) -> bool:
    # The Chinese file of BMLAMA17 has a tab inside the third name.
    return read_lines(path)[0].replace("\t", " ").strip() == " ".join(HEADER)


def _read(path: Path) -> list[Prompt]:
    prompts = []
    for number, line in enumerate(read_lines(path)[1:], start=2):
        if not line.strip():
            continue
        place, cells = f"{path}, line {number}", [_unquoted(cell) for cell in line.split("\t")]
        if len(cells) != len(HEADER):
            raise InputCorrupt(f"{place}: found {len(cells)} columns, expected {', '.join(HEADER)}")
        sentence, answer, candidates = cells[0], cells[1].strip(), tuple(cells[2].split(_SEPARATOR))
        if sentence.count(MASK) != 1:
            raise InputCorrupt(f"{place}: found {sentence[:60]!r}, expected one {MASK}")
        if candidates.count(answer) != 1 or len(set(candidates)) < 2:
            raise InputCorrupt(
                f"{place}: found the answer {answer!r}, expected it once among the candidates {cells[2][:80]!r}"
            )
        left, right = sentence.split(MASK)
        prompts.append(Prompt(left, right, candidates, candidates.index(answer)))
    if not prompts:
        raise InputCorrupt(f"{path}: found no prompt")
    return prompts


def _unquoted(cell: str) -> str:
    """Take off the quotes of a table program, which doubles those inside; the Hebrew file has some."""
    inner = cell[1:-1]
    is_quoted = len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in inner.replace('""', "")
    return inner.replace('""', '"') if is_quoted else cell


def answer_prompts(scorer: ClozeScorer, prompts: Sequence[Prompt]) -> list[Tensor]:
    """Score the candidates of every prompt; higher is likelier."""
    gaps = [Gap(prompt.left, prompt.right) for prompt in prompts]
    clozes = fill_gaps(scorer.tokenizer, gaps, [prompt.candidates for prompt in prompts])
    return [torch.nan_to_num(scores, nan=-1e30) for scores in scorer.scores(clozes)]


def by_frequency(prompts: Sequence[Prompt]) -> list[Tensor]:
    """Score candidates by how often they are an answer in the file: what is right without reading the prompt."""
    counts = Counter(prompt.candidates[prompt.truth] for prompt in prompts)
    return [torch.tensor([float(counts[name]) for name in prompt.candidates]) for prompt in prompts]


def bmlama_results(config: ProbingConfig, prompts: Prompts, lines: Mapping[str, Line]) -> Results:
    """Accuracy by language of every line, and RankC by pair of languages."""
    lines = {**lines, MAJORITY: {language: by_frequency(own) for language, own in prompts.items()}}
    rows: list[Row] = []
    for name, line in lines.items():
        own = [_row(name, language, right(prompts[language], scores)) for language, scores in line.items()]
        rows += [mean_row({"about": "summary", "line": name, "language": "mean"}, own, ["hits@1"]), *own]
    count = len(next(iter(prompts.values())))
    rows[0] = replace(rows[0], measures=rows[0].measures | Row.single({}, {"facts": count * len(prompts)}).measures)
    rows.append(Row.single({"about": "summary", "line": CHANCE, "language": "mean"}, {"hits@1": _chance(prompts)}))
    for name, line in lines.items():
        rows += _consistency_rows(name, line)
    outcomes = [
        SetOutcomes(
            {"about": "summary", "line": MODEL, "language": language},
            0,
            Outcomes("means", {"hits@1": right(prompts[language], scores)}, "prompts"),
        )
        for language, scores in lines[MODEL].items()
    ]
    return Results(
        task="probing",
        model=config.model,
        primary_metric="hits@1",
        primary_keys={"about": "summary", "line": MODEL, "language": "mean"},
        rows=_with_intervals(rows, outcomes),
        outcomes=outcomes,
        notes=["a candidate of k tokens is scored as the mean log probability over k masks at once"],
        data={"set": "BMLAMA", "metric": "hits@1", "prompts": f"{count:,}"},
        config=asdict(config),
    )


def right(prompts: Sequence[Prompt], scores: Sequence[Tensor]) -> np.ndarray:
    """Whether the right candidate is first, shape `[prompts]`; as many as tie for the first place share it."""
    found = []
    for prompt, own in zip(prompts, scores, strict=True):
        best = own == own.max()
        found.append(float(best[prompt.truth]) / float(best.sum()))
    return np.array(found)


def rank_consistency(first: Sequence[Tensor], second: Sequence[Tensor]) -> float:
    """Return RankC of two languages' scores for the same candidates, between 0 and 1."""
    total = 0.0
    for own, other in zip(first, second, strict=True):
        count = len(own)
        orders = [scores.argsort(descending=True, stable=True).tolist() for scores in (own, other)]
        weights = torch.arange(count, 0, -1, dtype=torch.float64).softmax(0).tolist()
        for j, weight in enumerate(weights, start=1):
            total += weight * len(set(orders[0][:j]) & set(orders[1][:j])) / j
    return total / len(first)


def _row(line: str, language: str, shares: np.ndarray) -> Row:
    keys = {"about": "summary", "line": line, "language": language}
    return Row.single(keys, {"hits@1": float(shares.mean()), "facts": len(shares)})


def _chance(prompts: Prompts) -> float:
    return float(np.mean([1 / len(prompt.candidates) for own in prompts.values() for prompt in own]))


def _consistency_rows(name: str, line: Line) -> list[Row]:
    rows = []
    for left, other in combinations(line, 2):
        keys = {"about": "consistency", "line": name, "languages": f"{left} {other}"}
        rows.append(Row.single(keys, {"RankC": rank_consistency(line[left], line[other])}))
    return (
        [mean_row({"about": "consistency", "line": name, "languages": "mean"}, rows, ["RankC"]), *rows] if rows else []
    )


def _with_intervals(rows: Sequence[Row], outcomes: Sequence[SetOutcomes]) -> list[Row]:
    found = []
    for row in rows:
        mean = row.matches(about="summary", line=MODEL, language="mean")
        members = [one.keys for one in outcomes if mean or dict(one.keys) == row.keys]
        found.append(with_intervals(row, intervals(outcomes, members)) if members else row)
    return found
