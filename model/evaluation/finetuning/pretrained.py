"""Opens models and tokenizers of Hugging Face for evaluation, and refuses those of which a part would be random."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from safetensors import SafetensorError
from torch import nn

from model.method.encoder import position_offset
from schemas.errors import CheckpointUnusable, InputMissing, UsageError

_HEADS = ("lm_head.", "cls.", "classifier.", "qa_outputs.", "pooler.", "head.", "decoder.", "score.", "predictions.")
"""Beginnings of the names of heads that folders of encoders have, which evaluation leaves out or replaces."""
_BUFFERS = ("position_ids", "token_type_ids")
"""What older folders hold and newer code makes itself."""


def open_model(loader: Any, source: str, **options: Any) -> nn.Module:
    """Open a folder or Hub name with a class of transformers, in float32, from safetensors alone.

    A new head on top is drawn from torch's generator; the encoder itself must be complete in the file.

    Raises:
        InputMissing: there is no such model.
        UsageError: weights of the encoder are missing in it.
        CheckpointUnusable: its file is damaged, has weights of the encoder that its config.json has no place for, or numbers
            that are not finite.
    """
    import torch

    with _quiet():
        try:
            model, info = loader.from_pretrained(
                source, dtype=torch.float32, use_safetensors=True, output_loading_info=True, **options
            )
        except (SafetensorError, RuntimeError) as error:
            raise CheckpointUnusable(
                f"the weights of {source!r} do not fit its config.json, or are damaged: {str(error).splitlines()[0]}. "
                "Restore the folder, or export the model again"
            ) from error
        except (OSError, ValueError) as error:
            raise InputMissing(
                f"the model {source!r} could not be opened: {str(error).splitlines()[0]}. Expected a folder with "
                "config.json, model.safetensors and tokenizer.json, such as the `model` folder of a run, or a name "
                "the Hub serves"
            ) from error
    prefix = f"{model.base_model_prefix}."
    of_encoder = [name for name in info["missing_keys"] if model.base_model is model or name.startswith(prefix)]
    lost = sorted(name for name in of_encoder if "pooler" not in name)
    if lost:
        raise UsageError(
            f"{source!r} lacks {len(lost)} weights of the encoder, the first {lost[0]}; they would be random. "
            "Expected a folder whose weights fit its config.json"
        )
    _refuse_unused(source, model, prefix, info["unexpected_keys"])
    _refuse_odd_numbers(source, model)
    return cast(nn.Module, model)


def _refuse_unused(source: str, model: Any, prefix: str, unused: Iterable[str]) -> None:
    """Refuse weights of the encoder that nothing takes; say which others are left out, but for those of known heads."""
    own = {name.partition(".")[0] for name in model.base_model.state_dict()}
    names = sorted(name for name in unused if not name.endswith(_BUFFERS))
    of_encoder = [name for name in names if name.removeprefix(prefix).partition(".")[0] in own and "pooler" not in name]
    if of_encoder:
        raise CheckpointUnusable(
            f"{source!r} has {len(of_encoder)} weights of the encoder that its config.json has no place for, the first "
            f"{of_encoder[0]}: a model without them is another one. Restore config.json, or export the model again"
        )
    others = [name for name in names if not name.removeprefix(prefix).startswith(_HEADS)]
    if others:
        print(f"note: {source} holds {len(others)} tensors that are not used, the first {others[0]}", file=sys.stderr)


def _refuse_odd_numbers(source: str, model: nn.Module) -> None:
    weights = model.named_parameters()
    if odd := [name for name, tensor in weights if tensor.is_floating_point() and not tensor.isfinite().all()]:
        raise CheckpointUnusable(
            f"{source!r} holds numbers that are not finite in {len(odd)} weights, the first {odd[0]}: whatever it scores "
            "means nothing. Use another checkpoint, or export the model again"
        )


def longest_input(model: Any) -> int:
    """Longest document a model has positions for, in tokens; no bound for a model without such a table."""
    positions = getattr(model.config, "max_position_embeddings", None)
    if positions is None:
        return sys.maxsize
    return int(positions) - position_offset(model)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library's loading report and progress bars off the screen: what matters in them is checked above."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
