"""Ranks of the right candidate among all, exactly and in bounded memory, and what chance would score.

Ties count half: a model that gives every candidate the same score gets the middle rank and not the first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

SCORES_PER_CHUNK = 1 << 26
"""Scores held at once: 256 MB of floats, whatever the number of candidates, and as much again for comparisons."""


@dataclass(frozen=True, kw_only=True)
class RankScore:
    """Hits@1, hits@10 and mean reciprocal rank over queries, each between 0 and 1."""

    hits_at_1: float
    hits_at_10: float
    mrr: float
    queries: int

    def measures(self) -> dict[str, float]:
        """By the names that results use."""
        return {"hits@1": self.hits_at_1, "hits@10": self.hits_at_10, "mrr": self.mrr, "queries": self.queries}


def truth_ranks(
    queries: Float[Tensor, "queries dim"],
    candidates: Float[Tensor, "candidates dim"],
    truth: Int[Tensor, " queries"],
    also_true: Sequence[Sequence[int]] | None = None,
) -> Float[Tensor, " queries"]:
    """Rank of each query's true candidate by inner product, 1 being the best.

    `truth` holds the candidate's row. `also_true` holds, by query, rows of further right answers, which are left out
    of its ranking (the "filtered" setting of knowledge-graph embedding).
    """
    ranks = torch.empty(len(queries))
    step = max(1, SCORES_PER_CHUNK // max(len(candidates), 1))
    for start in range(0, len(queries), step):
        rows = slice(start, min(start + step, len(queries)))
        # A diverged model scores NaN, which compares as neither better nor worse: make all of them tie instead.
        scores = torch.nan_to_num((queries[rows] @ candidates.T).float(), nan=-1e30)
        true_scores = scores.gather(1, truth[rows, None].to(scores.device))
        if also_true is not None:
            _leave_out(scores, truth[rows], also_true[rows])
        better = (scores > true_scores).sum(1)
        # The true candidate ties with itself.
        tied = (scores == true_scores).sum(1) - 1
        ranks[rows] = (1 + better + tied / 2).float().cpu()
    return ranks


def _leave_out(scores: Tensor, truth: Tensor, also_true: Sequence[Sequence[int]]) -> None:
    for row, others in enumerate(also_true):
        kept = [column for column in others if column != int(truth[row])]
        if kept:
            scores[row, kept] = -torch.inf


def score_ranks(ranks: Float[Tensor, " queries"]) -> RankScore:
    """Summarise ranks; NaN where there are none."""
    return RankScore(
        hits_at_1=float((ranks <= 1).float().mean()),
        hits_at_10=float((ranks <= 10).float().mean()),
        mrr=float((1 / ranks).mean()),
        queries=len(ranks),
    )


def chance_score(num_candidates: int, num_queries: int) -> RankScore:
    """Return what a random order of this many candidates scores on average: k / n, and the n-th harmonic number / n."""
    n = max(num_candidates, 1)
    harmonic = float((1 / torch.arange(1, n + 1, dtype=torch.float64)).sum())
    return RankScore(hits_at_1=1 / n, hits_at_10=min(1.0, 10 / n), mrr=harmonic / n, queries=num_queries)


def normalise(states: Float[Tensor, "rows dim"]) -> Float[Tensor, "rows dim"]:
    """Scale rows to length 1, so that inner products are cosines."""
    return torch.nn.functional.normalize(states.float(), dim=-1)
