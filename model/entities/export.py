"""From a finished model and token shards to an entity index on disk, and from a text to its linked mentions."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from model.data.stores.array_folder import open_or_build
from model.data.stores.descriptions import DescriptionStore
from model.data.stores.ragged import Numbers
from model.data.stores.token_dataset import TokenDataset
from model.entities.anchors import build_anchors
from model.entities.checksums import open_embedder, weights_checksum
from model.entities.config import EmbedConfig, LinkConfig
from model.entities.embeddings import chosen_records, write_parts
from model.entities.index import ANCHORS_NAME, NAMES_NAME, IndexNote, build_index, write_index
from model.entities.linker import LinkedMention, Linker
from model.entities.names import build_names
from model.evaluation.embedder import Embedder
from model.training.tokenizer_source import fingerprint_of, open_tokenizer
from schemas import read_manifest
from schemas.errors import OutputBusy, StorageError

_PARTS_NAME, _PLAN_NAME = "embeddings", "plan.json"


def embed_entities(config: EmbedConfig) -> IndexNote:
    """Write an entity index; see `model.entities.index` for what is in its folder.

    Raises:
        InputMissing, SchemaMismatch, ShardMismatch: the model or the data cannot be used, or do not go together.
        UsageError: the model has no heads, or there is nothing to embed.
        OutputBusy: the folder holds an index of another model, dataset or choice of languages.
    """
    tokenizer = open_tokenizer(config.model)
    embedder = open_embedder(config.model, tokenizer, config.device, config.batch_tokens)
    data = TokenDataset(config.data, embedder.special)
    data.check_tokenizer(fingerprint_of(tokenizer))
    items, records = chosen_records(data.store(DescriptionStore), config.languages)
    languages = tuple(config.languages or data.store(DescriptionStore).languages)
    plan = {"model": weights_checksum(config.model), "dataset": data.fingerprint, "languages": list(languages)}
    output = Path(config.output)
    _claim(output, plan)
    parts = write_parts(embedder, data.store(DescriptionStore), items, records, output / _PARTS_NAME)
    index = build_index(parts, _width(embedder), len(items), config.index)
    if config.tables:
        _write_names(Path(config.tables), items, output)
    if config.mentions:
        _write_anchors(Path(config.mentions), items, output)
    return write_index(index, items, output, plan | {"languages": languages})


def link_text(config: LinkConfig, text: str) -> list[LinkedMention]:
    """Link the mentions of a text with a model and its index. Raises: as `Linker.open` and `Linker.link_all`."""
    linker = Linker.open(config.model, config.index, config.device)
    return linker.link(text, language=config.language, top=config.top, mask=config.mask, prior=config.prior)


def _claim(output: Path, plan: dict[str, Any]) -> None:
    """Write down what the folder is for, or make sure that it is for the same.

    Raises:
        OutputBusy: it is for something else.
    """
    path = output / _PLAN_NAME
    try:
        output.mkdir(parents=True, exist_ok=True)
        if path.exists():
            found = json.loads(path.read_text(encoding="utf-8"))
            if different := sorted(name for name in plan if found.get(name) != plan[name]):
                raise OutputBusy(
                    f"{output} holds embeddings of another run ({', '.join(different)} differ). "
                    "Name another --output, or remove it."
                )
        elif any(output.iterdir()):
            raise OutputBusy(f"{output} is not empty and holds no embeddings. Name another --output.")
        else:
            path.write_text(json.dumps(plan, indent=1), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot write {output}: {error}. Name another --output.") from error


def _width(embedder: Embedder) -> int:
    """Length of a vector: that of a description of one token."""
    from model.evaluation.documents import description

    return embedder.embed([description([embedder.special.mask], embedder.special, embedder.lengths)], "mep_key").shape[
        1
    ]


def _write_names(tables: Path, items: Numbers, output: Path) -> None:
    manifest = read_manifest(tables)
    note = {"tables": manifest.fingerprint, "items": sha256(np.unique(items).tobytes()).hexdigest(), "stems": True}
    open_or_build(output / NAMES_NAME, note, lambda folder: build_names(tables, manifest, np.unique(items), folder))


def _write_anchors(tables: Path, items: Numbers, output: Path) -> None:
    manifest = read_manifest(tables)
    note = {"tables": manifest.fingerprint, "items": sha256(np.unique(items).tobytes()).hexdigest()}
    open_or_build(output / ANCHORS_NAME, note, lambda folder: build_anchors(tables, manifest, np.unique(items), folder))
