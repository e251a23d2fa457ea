"""The tokenize job's configuration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.tokens.source import tokenizer_folder
from pipeline.tokens.subwords import Backend
from pipeline.wikis.languages import parse_languages
from schemas.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class TokenizeConfig:
    """What is turned into token ids, and by which tokenizer."""

    tokenizer: str
    """Folder of the tokenizer (`sentencepiece.bpe.model` in XLM-R's layout, or any `tokenizer.json`), or a name on the Hub."""
    output: str
    """Folder of the tokenised dataset."""
    linked: str = ""
    """Folder that the link job wrote; empty for plain text alone."""
    texts: tuple[str, ...] = ()
    """Plain-text corpora as language=path; a path may be a pattern, a language may come several times."""
    backend: Backend = "auto"
    """`sentencepiece` (fast), `tokenizers` (any tokenizer.json), or whichever the folder's files allow."""
    validation_per_mille: int = 5
    """Share of plain-text documents kept for validation, in 1/1000."""
    max_document_bytes: int = 1_000_000
    """Plain-text documents are cut at this size, in bytes."""
    num_bytes_per_task: int = 67_108_864
    """Input of one task, in bytes: shards of a table are put together, text files cut, to about this size."""
    max_reject_share: float = 0.001
    """Largest share of records that may be rejected, 0 to 1."""

    def corpora(self) -> list[tuple[str, str]]:
        """Return the plain-text corpora as (language, pattern).

        Raises: UsageError for one that is not written language=path, or of an unknown language.
        """
        pairs = []
        for text in self.texts:
            language, mark, pattern = text.partition("=")
            if not mark or not pattern:
                raise UsageError(f"--texts takes language=path, for instance sw=cc100/sw.txt.xz; found {text!r}")
            pairs.append((parse_languages(language)[0], pattern))
        return pairs

    @property
    def tokenizer_folder(self) -> Path:
        """The tokenizer's folder, fetched if it was named as the Hub names it."""
        return tokenizer_folder(self.tokenizer)
