"""Where a tokenizer is: a folder, or a name on the Hugging Face Hub, whose files are fetched once."""

from __future__ import annotations

import functools
import re
from pathlib import Path

from schemas.errors import InputMissing, UsageError

FILES = ("tokenizer.json", "sentencepiece.bpe.model", "tokenizer_config.json", "special_tokens_map.json", "config.json")
"""What a tokenizer may consist of; a model's weights are left where they are."""
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")


@functools.cache
def tokenizer_folder(source: str) -> Path:
    """Return the local folder of a tokenizer.

    Args:
        source: a folder, or a name such as `FacebookAI/xlm-roberta-base`.

    Raises:
        UsageError: it is neither.
        InputMissing: the Hub has no such name, or does not answer.
    """
    if not source or Path(source).exists() or source.startswith((".", "/", "~")):
        return Path(source)
    if not _HUB_NAME.fullmatch(source):
        raise UsageError(
            f"--tokenizer {source}: there is no such folder, and it is no name of the Hub, such as FacebookAI/xlm-roberta-base."
        )
    from huggingface_hub import snapshot_download  # a tenth of a second, and only for names

    try:
        folder = Path(snapshot_download(source, allow_patterns=list(FILES)))
    except OSError as error:  # all errors of the Hub's are
        raise InputMissing(
            f"--tokenizer {source}: there is no such folder, and the Hub gave none of that name: "
            f"{str(error).strip().splitlines()[0]} Check the name and the network, or name a folder with tokenizer.json."
        ) from error
    if not any((folder / name).is_file() for name in FILES[:2]):
        raise InputMissing(
            f"--tokenizer {source}: the Hub's folder of that name has neither {FILES[0]} nor {FILES[1]}."
        )
    return folder
