"""`python -m model embed`: writes the embeddings of all descriptions to Parquet, and a FAISS index over them."""

from __future__ import annotations

from model.entities.config import EmbedConfig
from schemas.command_line import next_command, parse_flags


def parse(flags: list[str]) -> EmbedConfig:
    """Make the configuration from flags."""
    return parse_flags(
        EmbedConfig,
        flags,
        prog="python -m model embed",
        description="Write the embeddings of all descriptions to Parquet, and a FAISS index over them.",
    )


def run(config: EmbedConfig) -> None:
    """Embed, index, and say what there is now."""
    from model.entities.export import embed_entities  # torch and faiss are imported only when there is work

    note = embed_entities(config)
    languages = f"{len(note.languages)} language{'s' if len(note.languages) > 1 else ''}"
    print(f"{note.rows:,} descriptions in {languages}, vectors of {note.width}, {note.faiss}: {config.output}")
    print(next_command("model", "link", "TEXT", "--model", config.model, "--index", config.output))
