"""The encoder: any masked-LM encoder of Hugging Face, run over packed streams without leaks between documents.

`load_encoder` opens a folder or a Hub name, or makes random weights, and proves by a probe that the packed form gives
each document what the library gives it alone. An encoder that cannot be packed is given padded rows, if those pass the
probe; one that fails it is refused, because a leak or a position shift costs nothing visible but the result.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from model.config import EncoderConfig
from model.method.mlm_forms import head_transform
from model.method.packed_attention import register_packed_attention
from model.method.padded import padded_states
from schemas.errors import InputMissing, UsageError

PROBE_LENGTHS = (5, 9, 3)
"""Lengths of the documents of the probe, in tokens."""
PROBE_TOLERANCE = 2e-4
"""Largest difference between packed and unpacked logits the probe accepts, relative to the largest logit."""
EMBEDDING_SPREAD = 0.02
"""Standard deviation of random embeddings."""


class Encoder(nn.Module):
    """A Hugging Face masked-LM model, taken apart into body, head transform and output embedding."""

    def __init__(self, model: nn.Module) -> None:
        """Wrap a model loaded with the packed attention.

        Raises:
            UsageError: its masked-LM head is of an unknown form.
        """
        super().__init__()
        self.model: Any = model
        self.published = deepcopy(model.config)
        """The configuration as the model came with it; what training changes in the model's own is not published."""
        self.position_offset = position_offset(model)
        settings: Any = model.config
        self.width = int(settings.hidden_size)
        self.packed = True
        """Whether documents are encoded without padding between them."""
        self._transform = head_transform(model)

    @property
    def vocab_size(self) -> int:
        """Number of pieces the encoder has embeddings for."""
        return int(self.model.config.vocab_size)

    @property
    def num_layers(self) -> int:
        """Number of layers of the body."""
        return int(self.model.config.num_hidden_layers)

    @property
    def max_length(self) -> int:
        """Longest document the position embeddings allow, in tokens, special tokens included."""
        return int(self.model.config.max_position_embeddings) - self.position_offset

    @property
    def output_embedding(self) -> nn.Linear:
        """The last layer of the masked-LM head; its weight is usually the input embedding."""
        layer: nn.Linear = self.model.get_output_embeddings()
        return layer

    def forward(
        self,
        token_ids: Int[Tensor, " tokens"],
        position_ids: Int[Tensor, " tokens"],
        cu_seqlens: Int[Tensor, " bounds"],
        max_seqlen: int,
        layer: int | None = None,
    ) -> tuple[Float[Tensor, "tokens width"], Float[Tensor, "tokens width"]]:
        """Hidden states of a packed stream.

        Args:
            token_ids, position_ids: the stream; positions restart at `position_offset` in every document.
            cu_seqlens: document bounds, int32.
            max_seqlen: upper bound of the documents' lengths, in tokens.
            layer: which layer's states to return beside the last ones (0 is the embedding); None repeats the last.

        Returns:
            The last layer's states and those of `layer`.
        """
        if not self.packed:
            return padded_states(self.model.base_model, token_ids, cu_seqlens, layer)
        output = self.model.base_model(
            input_ids=token_ids.unsqueeze(0),
            position_ids=position_ids.unsqueeze(0),
            cu_seqlens=cu_seqlens,
            max_seqlen=max_seqlen,
            output_hidden_states=layer is not None,
        )
        last = output.last_hidden_state[0]
        return last, last if layer is None else output.hidden_states[layer][0]

    def transform_rows(self, rows: Float[Tensor, "rows width"]) -> Float[Tensor, "rows inner"]:
        """Return the masked-LM head without its last layer, on chosen rows; its width is that of the embeddings."""
        return self._transform(rows)

    def freeze_head(self) -> None:
        """Take what only the masked-LM head uses out of training, for runs without MLM."""
        body = {id(parameter) for parameter in self.model.base_model.parameters()}
        for parameter in self.model.parameters():
            parameter.requires_grad_(id(parameter) in body)

    def logits(self, rows: Float[Tensor, "rows width"]) -> Float[Tensor, "rows pieces"]:
        """Scores of every piece for chosen rows; for evaluation, where the rows are few."""
        scores: Tensor = self.output_embedding(self.transform_rows(rows))
        return scores


def pack(documents: list[list[int]], position_offset: int) -> tuple[Tensor, Tensor, Tensor, int]:
    """Lay documents end to end: token ids, position ids, `cu_seqlens` (int32) and the longest length."""
    lengths = torch.tensor([len(document) for document in documents])
    token_ids = torch.tensor([piece for document in documents for piece in document])
    positions = torch.cat([torch.arange(length) for length in lengths.tolist()]) + position_offset
    bounds = torch.zeros(len(documents) + 1, dtype=torch.int32)
    bounds[1:] = lengths.cumsum(0)
    return token_ids, positions, bounds, int(lengths.max())


def load_encoder(config: EncoderConfig, *, vocab_size: int, pad_id: int, seed: int = 0) -> Encoder:
    """Open or make the encoder of a run, in float32, and probe it: packed, or padded where that cannot be.

    Args:
        config: where from, or of which size.
        vocab_size: number of pieces of the data's tokenizer, special ones included.
        pad_id: padding id of that tokenizer; only used for random weights.
        seed: of random weights.

    Raises:
        InputMissing: neither a folder nor a reachable Hub name.
        UsageError: an architecture that can be neither packed nor padded, or fewer embeddings than the tokenizer has
            pieces.
    """
    encoder = _packed_or_padded(config, vocab_size, pad_id, seed)
    for name in ("attention_probs_dropout_prob", "attention_dropout"):
        if hasattr(encoder.model.config, name):
            setattr(encoder.model.config, name, 0.0)
    _set_dropout(encoder.model, config.dropout)
    if encoder.vocab_size < vocab_size:
        raise UsageError(
            f"the encoder has {encoder.vocab_size:,} embeddings, the data's tokenizer {vocab_size:,} pieces. "
            "Tokenise the data with the encoder's own tokenizer, or name the encoder the data was made for"
        )
    if config.compile and not encoder.packed:
        raise UsageError(
            f"{type(encoder.model).__name__} is encoded padded, in shapes that change; pass --encoder.compile False"
        )
    return encoder


def _packed_or_padded(config: EncoderConfig, vocab_size: int, pad_id: int, seed: int) -> Encoder:
    if not config.source:
        return _probed(_random_model(config, vocab_size, pad_id, seed), packed=True)
    try:
        return _probed(_open(config.source, packed=True), packed=True)
    except UsageError:
        return _probed(_open(config.source, packed=False), packed=False)


def _probed(model: nn.Module, *, packed: bool) -> Encoder:
    """Return the encoder of a model that passed the probe.

    Raises:
        UsageError: it did not, or fails on the way: models take for granted what this project does not give them.
    """
    try:
        encoder = Encoder(model)
        encoder.packed = packed
        probe(encoder)
    except (AttributeError, IndexError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError) as error:
        raise UsageError(
            f"{type(model).__name__} cannot be trained here: {str(error).splitlines()[0] or type(error).__name__}. "
            "docs/encoders.md lists the families that can"
        ) from error
    return encoder


def check_lengths(encoder: Encoder, longest: int) -> None:
    """Compare the longest document of a stream with what the encoder has positions for.

    Raises:
        UsageError: the stream's documents may be longer.
    """
    if longest > encoder.max_length:
        raise UsageError(
            f"documents may have {longest} tokens, but the encoder has positions for {encoder.max_length}. Lower "
            "--stream.max-text-length, --stream.max-length or --stream.max-description-length"
        )


def probe_documents(vocab_size: int) -> list[list[int]]:
    """Return a few documents of random pieces, special ones left out; always the same ones."""
    generator = torch.Generator().manual_seed(1)
    ordinary = range(5, max(6, vocab_size - 1))
    return [
        torch.randint(ordinary.start, ordinary.stop, (length,), generator=generator).tolist()
        for length in PROBE_LENGTHS
    ]


def probe(encoder: Encoder) -> None:
    """Compare the logits of documents encoded together with those of each alone by the library's own way.

    Raises:
        UsageError: they differ, so documents would see each other or sit at wrong positions.
    """
    documents = probe_documents(encoder.vocab_size)
    training, model = encoder.training, encoder.model
    encoder.eval()
    with torch.no_grad():
        together = encoder.logits(encoder(*pack(documents, encoder.position_offset))[0])
        if encoder.packed:
            model.set_attn_implementation("eager")
        alone = torch.cat([model(input_ids=torch.tensor([document])).logits[0] for document in documents])
        if encoder.packed:
            model.set_attn_implementation(register_packed_attention())
    encoder.train(training)
    difference = float((together - alone).abs().max() / alone.abs().max().clamp(min=1e-6))
    if not difference <= PROBE_TOLERANCE:
        raise UsageError(
            f"{type(model).__name__} gives documents that are encoded together other results than alone (relative "
            f"difference {difference:.1e}, at most {PROBE_TOLERANCE} is rounding), packed and padded. It cannot be trained "
            "here: docs/encoders.md lists the families that can"
        )


def _open(source: str, *, packed: bool) -> nn.Module:
    from transformers import AutoModelForMaskedLM

    attention = {"attn_implementation": register_packed_attention()} if packed else {}
    try:
        model: nn.Module = AutoModelForMaskedLM.from_pretrained(
            source, dtype=torch.float32, use_safetensors=True, **attention
        )
        return model
    except OSError as error:
        raise InputMissing(
            f"the encoder {source!r} is neither a folder with config.json and model.safetensors nor a name the Hub "
            f"serves: {str(error).splitlines()[0]}. Name a local folder, or leave --encoder.source empty for random weights"
        ) from error
    except ValueError as error:
        raise UsageError(
            f"{source!r} cannot be opened as a masked-LM encoder: {str(error).splitlines()[0]}. "
            "docs/encoders.md lists the families that can be trained"
        ) from error


def _random_model(config: EncoderConfig, vocab_size: int, pad_id: int, seed: int) -> nn.Module:
    """Return an XLM-R of the configured size with random weights, a pure function of the seed."""
    from transformers import AutoModelForMaskedLM, XLMRobertaConfig

    settings = XLMRobertaConfig(
        vocab_size=vocab_size,
        hidden_size=config.width,
        num_hidden_layers=config.layers,
        num_attention_heads=config.attention_heads,
        intermediate_size=config.intermediate_width,
        max_position_embeddings=config.max_length + pad_id + 1,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        initializer_range=config.width**-0.5,
        pad_token_id=pad_id,
        bos_token_id=0,
        eos_token_id=2,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: nn.Module = AutoModelForMaskedLM.from_config(
            settings, attn_implementation=register_packed_attention(), dtype=torch.float32
        )
    # The library's 0.02 for everything suits a width of 768. In a narrow encoder matrices that small hardly pass on what
    # attention gathers. Embeddings stay small: they are normalised anyway, and then one update moves them far.
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            module.weight.data.mul_(EMBEDDING_SPREAD / settings.initializer_range)
    return model


def _set_dropout(model: nn.Module, rate: float | None) -> None:
    """Set every dropout layer to `rate`; None keeps what the encoder came with, attention apart."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Dropout):
            inside_attention = name.endswith("attention.self.dropout")
            if rate is not None or inside_attention:
                module.p = 0.0 if inside_attention else float(rate or 0.0)


def position_offset(model: nn.Module) -> int:
    """First position id of a document: the RoBERTa family starts after the padding id, the others at 0."""
    embeddings: Any = getattr(model.base_model, "embeddings", None)
    return embeddings.padding_idx + 1 if hasattr(embeddings, "padding_idx") else 0
