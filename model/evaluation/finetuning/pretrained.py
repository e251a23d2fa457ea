"""Opens models and tokenizers of Hugging Face for evaluation, and refuses those of which a part would be random."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from torch import nn

from model.method.encoder import position_offset
from schemas.errors import InputMissing, UsageError


def open_model(loader: Any, source: str, **options: Any) -> nn.Module:
    """Open a folder or Hub name with a class of transformers, in float32, from safetensors alone.

    A new head on top is drawn from torch's generator; the encoder itself must be complete in the file.

    Raises: InputMissing where there is no such model; UsageError where weights of the encoder are missing in it.
    """
    import torch

    with _quiet():
        try:
            model, info = loader.from_pretrained(
                source, dtype=torch.float32, use_safetensors=True, output_loading_info=True, **options
            )
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
    return cast(nn.Module, model)


def longest_input(model: Any) -> int:
    """Longest document a model has positions for, in tokens; no bound for a model without such a table."""
    positions = getattr(model.config, "max_position_embeddings", None)
    if positions is None:
        return sys.maxsize
    return int(positions) - position_offset(model)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the library's loading report and progress bars off the screen: what matters in them is checked above."""
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
