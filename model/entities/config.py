"""What `embed` and `link` are told. Light to import, for the command line."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.names import Names


@dataclass(frozen=True, kw_only=True)
class EmbedConfig:
    """What to embed, with what, and where to."""

    model: str
    """Folder of a finished model (the `model` folder of a run), or a Hub name."""
    data: str
    """Folder of token shards made with the model's tokenizer (the `tokens` folder of a build)."""
    output: str
    """Folder of the index; what is finished in it is kept by a rerun."""
    tables: str = ""
    """Folder of the `wikidata` job's tables, for names; without it mentions must be marked, and labels are not shown."""
    mentions: str = ""
    """Folder of the `link` job's tables, whose anchors say what a surface usually means; without it there is no prior."""
    languages: Names = ()
    """Languages of the descriptions; empty means all."""
    index: str = "auto"
    """`auto`, or what `faiss.index_factory` understands, for instance `Flat`, `IVF4096,Flat`, `OPQ64,IVF65536,PQ64`."""
    batch_tokens: int = 16_384
    """Padded size of a batch, in tokens."""
    device: str = "auto"
    """cpu, cuda or auto."""


@dataclass(frozen=True, kw_only=True)
class LinkConfig:
    """What to link, and against what."""

    text: str = ""
    """The text, mentions marked as [[mention]] or left to be found; `-` reads it from standard input."""
    model: str
    """Folder of the model the index was made with."""
    index: str
    """Folder that `embed` wrote."""
    language: str = "en"
    """Language of the labels that are shown."""
    top: int = 3
    """Most candidates of a mention."""
    mask: bool = True
    """Hide the mention from the encoder, as training does; the words around it must then tell."""
    prior: bool = True
    """Weigh namesakes by how often the build's texts mean each, where the index was made with `--mentions`."""
    input: str = ""
    """File of texts, one a line, plain or as JSON {"text": …} with {"mentions": [{"start": …, "end": …}]} if their places are
    known; instead of a text."""
    output: str = ""
    """File of the results of `--input`, one line of JSON per text; standard output by default."""
    json: bool = False
    """Print one JSON object per mention, with character offsets, instead of a table."""
    device: str = "auto"
    """cpu, cuda or auto."""
