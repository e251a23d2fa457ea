"""A finished model as evaluation uses it: documents in, one vector each out.

The model is any folder or Hub name that `AutoModel` opens. Where `heads.safetensors` lies beside it, as the trainer
exports, its projection heads are applied as in training; a plain model has none, and its raw hidden states are
compared.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from model.data.special_tokens import SpecialTokens
from model.evaluation.documents import Document
from model.evaluation.finetuning.pretrained import longest_input, open_model
from model.evaluation.ranking.config import Lengths, Pooling, Role
from model.evaluation.ranking.ranks import normalise
from model.training.head_files import load_heads
from schemas.errors import CheckpointUnusable, UsageError


class Embedder:
    """Turns documents into vectors of length 1."""

    def __init__(
        self,
        model: nn.Module,
        special: SpecialTokens,
        heads: dict[str, nn.Module] | None = None,
        *,
        layer: int | None = None,
        lengths: Lengths | None = None,
        batch_tokens: int = 8192,
    ) -> None:
        """Wrap an encoder in evaluation mode.

        Args:
            layer: the one whose states feed the contrast, 0 being the embedding; None is the last.
            lengths: longest documents; the model's own where it was trained here, else the usual ones.
            batch_tokens: padded size of a batch, in tokens.
        """
        self.model: Any = model.eval()
        self.special = special
        self.heads = {name: head.eval() for name, head in (heads or {}).items()}
        self.layer = layer
        self.lengths = lengths or Lengths()
        self.batch_tokens = batch_tokens

    @property
    def device(self) -> torch.device:
        """Where the encoder is."""
        device: torch.device = next(self.model.parameters()).device
        return device

    def has_head(self, role: Role) -> bool:
        """Whether the model was trained with a projection head for this role."""
        return role in self.heads

    def embed(
        self, documents: Sequence[Document], role: Role, pooling: Pooling = "state"
    ) -> Float[Tensor, "documents dim"]:
        """One vector of length 1 per document, in their order, on the CPU."""
        return self.project(self.states(documents, pooling), role, pooling)

    @torch.no_grad()
    def states(self, documents: Sequence[Document], pooling: Pooling = "state") -> Float[Tensor, "documents width"]:
        """Return what stands for each document before any head, in their order, on the CPU."""
        states = torch.empty(len(documents), self.model.config.hidden_size)
        for batch in length_batches([len(d.token_ids) for d in documents], self.batch_tokens):
            states[batch] = self._pooled([documents[i] for i in batch], pooling).float().cpu()
        return states

    @torch.no_grad()
    def project(
        self, states: Float[Tensor, "documents width"], role: Role, pooling: Pooling = "state"
    ) -> Float[Tensor, "documents dim"]:
        """Apply the head of a role, if there is one, and scale to length 1.

        With `mean` pooling no head is applied: heads were trained on single states.
        """
        if pooling == "mean" or role not in self.heads:
            return normalise(states)
        used = torch.ones(len(states), dtype=torch.bool, device=self.device)
        return normalise(self.heads[role](states.to(self.device), used)).cpu()

    def _pooled(self, documents: Sequence[Document], pooling: Pooling) -> Tensor:
        token_ids, attention = pad([d.token_ids for d in documents], self.special.pad, self.device)
        output = self.model(input_ids=token_ids, attention_mask=attention, output_hidden_states=self.layer is not None)
        hidden: Tensor = output.last_hidden_state if self.layer is None else output.hidden_states[self.layer]
        if pooling == "mean":
            weights = attention[..., None].to(hidden.dtype)
            return (hidden * weights).sum(1) / weights.sum(1)
        positions = torch.tensor([d.position for d in documents], device=self.device)
        return hidden[torch.arange(len(documents), device=self.device), positions]


def length_batches(lengths: Sequence[int], batch_tokens: int) -> list[list[int]]:
    """Return indices of documents in batches of like length, longest first, each at most `batch_tokens` when padded."""
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    batches: list[list[int]] = []
    longest = 0
    for index in order:
        if not batches or longest * (len(batches[-1]) + 1) > batch_tokens:
            batches.append([])
            longest = max(lengths[index], 1)
        batches[-1].append(index)
    return batches


def pad(rows: Sequence[Sequence[int]], pad_id: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Rows of ids as a rectangle, and the mask that is 1 where there is text."""
    longest = max(map(len, rows))
    token_ids = torch.full((len(rows), longest), pad_id)
    attention = torch.zeros((len(rows), longest), dtype=torch.long)
    for i, row in enumerate(rows):
        token_ids[i, : len(row)] = torch.tensor(row)
        attention[i, : len(row)] = 1
    return token_ids.to(device), attention.to(device)


def choose_device(name: str) -> torch.device:
    """Return the device of a name; `auto` takes a GPU where there is one. Raises: UsageError for cuda without one."""
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("device is 'cuda', but torch finds no GPU here; use --device cpu or auto")
    return torch.device("cuda" if name == "auto" and torch.cuda.is_available() else name.replace("auto", "cpu"))


def load_embedder(source: str, tokenizer: Any, device: str, batch_tokens: int) -> Embedder:
    """Open a model with its heads, its lengths and its contrast layer, on a device.

    Raises: InputMissing, UsageError, CheckpointUnusable, as the openers do.
    """
    from transformers import AutoModel

    target = choose_device(device)
    special = SpecialTokens.from_tokenizer(tokenizer, position_offset=0)
    model, found = open_model(AutoModel, source).to(target), load_heads(source)
    heads = {role: head.to(target) for role, head in found.heads.items()}
    lengths = _within(trained_lengths(Path(source)), longest_input(model))
    return Embedder(model, special, heads, layer=found.layer, lengths=lengths, batch_tokens=batch_tokens)


def trained_lengths(folder: Path) -> Lengths:
    """Return the longest documents a model saw in training, from the `run.json` beside it; the usual ones without it."""
    try:
        stream = json.loads((folder / "run.json").read_text(encoding="utf-8"))["config"]["stream"]
    except FileNotFoundError:
        return Lengths()
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointUnusable(f"{folder / 'run.json'} is damaged ({error!r}); export the model again") from error
    return Lengths(
        context=stream["max_length"],
        description=stream["max_description_length"],
        relation=stream["max_relation_length"],
    )


def _within(lengths: Lengths, longest: int) -> Lengths:
    """Return the same lengths, cut down to what the model has positions for."""
    description = min(lengths.description, longest - lengths.relation - 1)
    return Lengths(context=min(lengths.context, longest), description=description, relation=lengths.relation)
