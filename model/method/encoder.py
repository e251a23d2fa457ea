"""The encoder: any masked-LM encoder of Hugging Face, run over packed streams without leaks between documents.

`load_encoder` opens a folder or a Hub name, or makes random weights, and proves by a probe that the packed form gives
each document what the library's own padded form gives it alone. An encoder that fails the probe is refused, because a
leak or a position shift costs nothing visible but the result.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from model.config import EncoderConfig
from model.method.packed_attention import register_packed_attention
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
        """Wraps a model loaded with the packed attention.

        Raises:
            UsageError: its masked-LM head is of an unknown form.
        """
        super().__init__()
        self.model: Any = model
        self.position_offset = position_offset(model)
        settings: Any = model.config
        self.width = int(settings.hidden_size)
        self.transform_rows(torch.zeros(1, self.width, dtype=next(model.parameters()).dtype))

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
        output = self.model.base_model(
            input_ids=token_ids.unsqueeze(0),
            position_ids=position_ids.unsqueeze(0),
            cu_seqlens=cu_seqlens,
            max_seqlen=max_seqlen,
            output_hidden_states=layer is not None,
        )
        last = output.last_hidden_state[0]
        return last, last if layer is None else output.hidden_states[layer][0]

    def transform_rows(self, rows: Float[Tensor, "rows width"]) -> Float[Tensor, "rows width"]:
        """The masked-LM head without its last layer, on chosen rows.

        Raises:
            UsageError: the head is of a form this project does not know.
        """
        model = self.model
        transformed: Tensor
        if hasattr(model, "lm_head") and hasattr(model.lm_head, "layer_norm"):  # the RoBERTa family
            transformed = model.lm_head.layer_norm(nn.functional.gelu(model.lm_head.dense(rows)))
        elif hasattr(model, "cls") and hasattr(model.cls, "predictions"):  # the BERT family
            transformed = model.cls.predictions.transform(rows)
        elif hasattr(model, "head") and hasattr(model, "decoder"):  # ModernBERT
            transformed = model.head(rows)
        else:
            raise UsageError(
                f"{type(model).__name__} has a masked-LM head of unknown form; known are those of XLM-R, RoBERTa, BERT "
                "and ModernBERT. Name an encoder of one of these families"
            )
        return transformed

    def freeze_head(self) -> None:
        """Takes what only the masked-LM head uses out of training, for runs without MLM."""
        body = {id(parameter) for parameter in self.model.base_model.parameters()}
        for parameter in self.model.parameters():
            parameter.requires_grad_(id(parameter) in body)

    def logits(self, rows: Float[Tensor, "rows width"]) -> Float[Tensor, "rows pieces"]:
        """Scores of every piece for chosen rows; for evaluation, where the rows are few."""
        scores: Tensor = self.output_embedding(self.transform_rows(rows))
        return scores


def pack(documents: list[list[int]], position_offset: int) -> tuple[Tensor, Tensor, Tensor, int]:
    """Lays documents end to end: token ids, position ids, `cu_seqlens` (int32) and the longest length."""
    lengths = torch.tensor([len(document) for document in documents])
    token_ids = torch.tensor([piece for document in documents for piece in document])
    positions = torch.cat([torch.arange(length) for length in lengths.tolist()]) + position_offset
    bounds = torch.zeros(len(documents) + 1, dtype=torch.int32)
    bounds[1:] = lengths.cumsum(0)
    return token_ids, positions, bounds, int(lengths.max())


def load_encoder(config: EncoderConfig, *, vocab_size: int, pad_id: int, seed: int = 0) -> Encoder:
    """Opens or makes the encoder of a run, in float32, and probes it.

    Args:
        config: where from, or of which size.
        vocab_size: number of pieces of the data's tokenizer, special ones included.
        pad_id: padding id of that tokenizer; only used for random weights.
        seed: of random weights.

    Raises:
        InputMissing: neither a folder nor a reachable Hub name.
        UsageError: an architecture that cannot be packed, or fewer embeddings than the tokenizer has pieces.
    """
    model = _random_model(config, vocab_size, pad_id, seed) if not config.source else _open(config.source)
    for name in ("attention_probs_dropout_prob", "attention_dropout"):
        if hasattr(model.config, name):
            setattr(model.config, name, 0.0)
    _set_dropout(model, config.dropout)
    encoder = Encoder(model)
    if encoder.vocab_size < vocab_size:
        raise UsageError(
            f"the encoder has {encoder.vocab_size:,} embeddings, the data's tokenizer {vocab_size:,} pieces. "
            "Tokenise the data with the encoder's own tokenizer, or name the encoder the data was made for"
        )
    probe(encoder)
    return encoder


def check_lengths(encoder: Encoder, longest: int) -> None:
    """Compares the longest document of a stream with what the encoder has positions for.

    Raises:
        UsageError: the stream's documents may be longer.
    """
    if longest > encoder.max_length:
        raise UsageError(
            f"documents may have {longest} tokens, but the encoder has positions for {encoder.max_length}. Lower "
            "--stream.max-text-length, --stream.max-length or --stream.max-description-length"
        )


def probe_documents(vocab_size: int) -> list[list[int]]:
    """A few documents of random pieces, special ones left out; always the same ones."""
    generator = torch.Generator().manual_seed(1)
    ordinary = range(5, max(6, vocab_size - 1))
    return [
        torch.randint(ordinary.start, ordinary.stop, (length,), generator=generator).tolist()
        for length in PROBE_LENGTHS
    ]


def probe(encoder: Encoder) -> None:
    """Compares packed with unpacked logits on a few random documents.

    Raises:
        UsageError: they differ, so documents would see each other or sit at wrong positions.
    """
    documents = probe_documents(encoder.vocab_size)
    training, model = encoder.training, encoder.model
    encoder.eval()
    with torch.no_grad():
        packed = encoder.logits(encoder(*pack(documents, encoder.position_offset))[0])
        model.set_attn_implementation("eager")
        alone = torch.cat([model(input_ids=torch.tensor([document])).logits[0] for document in documents])
        model.set_attn_implementation(register_packed_attention())
    encoder.train(training)
    difference = float((packed - alone).abs().max() / alone.abs().max().clamp(min=1e-6))
    if not difference <= PROBE_TOLERANCE:
        raise UsageError(
            f"{type(model).__name__} gives packed documents other results than unpacked ones (relative difference "
            f"{difference:.1e}, at most {PROBE_TOLERANCE} is rounding). It cannot be trained here: name an encoder of "
            "the XLM-R, RoBERTa, BERT or ModernBERT family"
        )


def _open(source: str) -> nn.Module:
    from transformers import AutoModelForMaskedLM

    try:
        model: nn.Module = AutoModelForMaskedLM.from_pretrained(
            source, attn_implementation=register_packed_attention(), dtype=torch.float32, use_safetensors=True
        )
    except OSError as error:
        raise InputMissing(
            f"the encoder {source!r} is neither a folder with config.json and model.safetensors nor a name the Hub "
            f"serves: {str(error).splitlines()[0]}. Name a local folder, or leave --encoder.source empty for random weights"
        ) from error
    except ValueError as error:
        raise UsageError(
            f"{source!r} cannot be opened as a packed masked-LM encoder: {str(error).splitlines()[0]}. "
            "Name an encoder of the XLM-R, RoBERTa, BERT or ModernBERT family"
        ) from error
    return model


def _random_model(config: EncoderConfig, vocab_size: int, pad_id: int, seed: int) -> nn.Module:
    """An XLM-R of the configured size with random weights, a pure function of the seed."""
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
    """Sets every dropout layer to `rate`; None keeps what the encoder came with, attention apart."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Dropout):
            inside_attention = name.endswith("attention.self.dropout")
            if rate is not None or inside_attention:
                module.p = 0.0 if inside_attention else float(rate or 0.0)


def position_offset(model: nn.Module) -> int:
    """First position id of a document: the RoBERTa family starts after the padding id, the others at 0."""
    embeddings: Any = getattr(model.base_model, "embeddings", None)
    return embeddings.padding_idx + 1 if hasattr(embeddings, "create_position_ids_from_input_ids") else 0
