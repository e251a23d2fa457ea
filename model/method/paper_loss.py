"""The contrast of `paper` mode: the released loss to the letter, its defects of method included.

One call is one of the two losses of an objective. Pair i is a query q_i and a key k_i; T is the temperature; the bank
holds past states of the key side, random vectors at first.

1. q_i scores [q_j for all j; k_j for all j; bank], leaving out only itself; the right candidate is k_i.
2. Roles swap: k_i scores [k_j for all j; q_j for all j; bank], leaving out only itself; the right candidate is q_i.
3. The loss is the mean over the 2n rows of −log softmax(scores / T) at the right candidate.

Keys of one entity are negatives of each other, the bank's random vectors are negatives, and negatives of other ranks
are met only through the bank. Source: the authors' released criterion; direction and negatives are both marked code.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

NORMALISE_EPS = 1e-4
"""Least length a state is divided by. (code)"""


def paper_contrast(
    queries: Float[Tensor, "pairs width"],
    keys: Float[Tensor, "pairs width"],
    bank: Float[Tensor, "slots width"],
    used: Bool[Tensor, " pairs"],
    *,
    temperature: float,
    l2_normalise: bool,
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Mean of the loss over both directions of this rank's pairs, and the share of rows that ranked right.

    Args:
        queries, keys: projected states; row i of both is pair i.
        bank: past states of the key side, not normalised.
        used: which pairs are real; the others are neither rows nor candidates.
        temperature: what scores are divided by.
        l2_normalise: scales all states to length 1 first.
    """
    precise = queries.dtype if queries.dtype == torch.float64 else torch.float32
    queries, keys, bank = (states.to(precise) for states in (queries, keys, bank))
    if l2_normalise:
        queries, keys, bank = (nn.functional.normalize(s, dim=-1, eps=NORMALISE_EPS) for s in (queries, keys, bank))
    first = _one_direction(queries, keys, bank, used, temperature)
    second = _one_direction(keys, queries, bank, used, temperature)
    count = 2 * used.sum().clamp(min=1)
    return (first[0] + second[0]) / count, (first[1] + second[1]) / count


def _one_direction(
    rows: Tensor, others: Tensor, bank: Tensor, used: Tensor, temperature: float
) -> tuple[Tensor, Tensor]:
    """Return summed loss and count of right rankings of `rows` against [rows; others; bank]."""
    number = rows.shape[0]
    with torch.autocast(rows.device.type, enabled=False):
        scores = rows @ torch.cat([rows, others, bank]).T / temperature
    itself = torch.eye(number, scores.shape[1], dtype=torch.bool, device=rows.device)
    absent = torch.cat([~used, ~used, torch.zeros(bank.shape[0], dtype=torch.bool, device=rows.device)])
    right = torch.arange(number, device=rows.device) + number
    absent = absent.expand_as(scores).scatter(1, right[:, None], False)
    scores = scores.masked_fill(itself | absent, torch.finfo(scores.dtype).min)
    own = scores.gather(1, right[:, None]).squeeze(1)
    loss = ((scores.logsumexp(1) - own) * used).sum()
    return loss, ((scores.argmax(1) == right) & used).sum()
