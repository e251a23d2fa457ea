"""What the tasks without training are told: retrieval, alignment and probing. Light to import, for the command line."""

from dataclasses import dataclass
from typing import Literal

from schemas.errors import UsageError
from schemas.names import Names

Pooling = Literal["state", "mean"]
"""`state`: the hidden state at the document's position, as in training. `mean`: of all tokens, for plain models."""

Role = Literal["mep_query", "mep_key", "oe_query", "oe_key"]
"""Which side of which objective a document is on; each has a projection head of its own."""


@dataclass(frozen=True, kw_only=True)
class Lengths:
    """Longest documents in tokens; the training stream's defaults."""

    context: int = 256
    """With special tokens; longer contexts are cut around the mention. (recalled)"""
    description: int = 128
    """With special tokens; the end is cut off. (open)"""
    relation: int = 32
    """Without special tokens. (open)"""


@dataclass(frozen=True, kw_only=True)
class RetrievalConfig:
    """Context to description, and subject with relation to object, across languages."""

    model: str
    """Folder or Hub name of the model; projection heads are used where the folder has them."""
    data: str
    """Folder of token shards (the `tokens` folder of a build)."""
    output: str = ""
    """Folder the results are written to; by default `evaluation` in the run's folder, else `runs/evaluate`."""
    languages: Names = ()
    """Languages of queries and candidates; all that have descriptions by default."""
    max_queries: int = 1000
    """Most queries per language and question, drawn at random; 0 takes all."""
    max_candidates: int = 0
    """Most descriptions per language: those the queries need, and others drawn at random; 0 takes all. A bound makes the
    task easier and is noted in the results."""
    pooling: Pooling = "state"
    """What stands for a document: its state (as in training), or the mean over tokens, which suits plain models."""
    seed: int = 0
    """Seed of the draw of queries."""
    batch_tokens: int = 8192
    """Padded size of a batch, in tokens."""
    device: str = "auto"
    """cpu, cuda or auto."""


@dataclass(frozen=True, kw_only=True)
class AlignmentConfig:
    """Label to label: an entity's name in one language finds its name in another."""

    model: str
    """Folder or Hub name of the model; the key head of MEP is used where the folder has it."""
    data: str
    """Folder of the `wikidata` job's tables, or a JSON file of labels: {entity: {language: label}}, plain or .gz."""
    tokens: str = ""
    """Folder of the token shards of training; with it, results also tell entities by how often they were mentioned there."""
    output: str = ""
    """Folder the results are written to; by default `evaluation` in the run's folder, else `runs/evaluate`."""
    languages: Names = ()
    """Languages to align; the eight with most labels by default."""
    max_entities: int = 1000
    """Most entities per language, those with labels in most of the languages first; 0 takes all."""
    pooling: Pooling = "state"
    """What stands for a label: its first token's state, or the mean over tokens, which suits plain models."""
    batch_tokens: int = 8192
    """Padded size of a batch, in tokens."""
    device: str = "auto"
    """cpu, cuda or auto."""


@dataclass(frozen=True, kw_only=True)
class BitextConfig:
    """Sentence to sentence: a translation is found among the sentences of another language (Tatoeba), or mined (BUCC)."""

    model: str
    """Folder or Hub name of the model."""
    data: str
    """Folder with `tatoeba.xxx-eng.xxx` and `.eng` (LASER's files), or BUCC 2018's `xx-en.training.xx`, `.en` and `.gold`."""
    output: str = ""
    """Folder the results are written to; by default `evaluation` in the run's folder, else `runs/evaluate`."""
    set: str = ""
    """The set to score, where the folder holds both: Tatoeba or BUCC."""
    languages: Names = ()
    """Languages whose pairs are scored; all by default."""
    pooling: Pooling = "mean"
    """What stands for a sentence: the mean over its tokens, or its state through the key head of MEP, as in training."""
    layer: int | None = None
    """Layer whose states are compared, 0 being the embedding; None is that of the contrast, else the last. (XTREME: 7 of XLM-R
    base, with pooling mean)"""
    margin: Literal["ratio", "distance", "absolute"] = "ratio"
    """How a mined pair's cosine is set against the mean over its neighbours. (LASER and XTREME: ratio)"""
    neighbours: int = 4
    """Nearest sentences of each side that a mined pair is set against. (LASER and XTREME: 4)"""
    batch_tokens: int = 8192
    """Padded size of a batch, in tokens."""
    device: str = "auto"
    """cpu, cuda or auto."""

    def __post_init__(self) -> None:
        if self.neighbours < 1:
            raise UsageError(f"neighbours is {self.neighbours}, expected at least 1")


@dataclass(frozen=True, kw_only=True)
class ProbingConfig:
    """Cloze questions about facts, by typed ranking of candidates."""

    model: str
    """Folder or Hub name of a masked language model."""
    data: str
    """Folder of mLAMA (`xx/P36.jsonl`, `xx/templates.jsonl`), mParaRel (`tuples/`, `patterns/`), BMLAMA (`xx.tsv`), or with
    triples.tsv, qid_labels_104langs.json and probe_patterns.jsonl; plain or .gz."""
    build: str = ""
    """Folder of the `link` job's tables that the model was trained on; with it, results tell facts that stand in it apart."""
    output: str = ""
    """Folder the results are written to; by default `evaluation` in the run's folder, else `runs/evaluate`."""
    languages: Names = ()
    """Languages to ask in; by default en de es fr ru ar zh-hans vi as far as the set has them, of BMLAMA all."""
    relations: Names = ()
    """Relations to ask about, such as P36; all by default."""
    max_facts: int = 100
    """Most facts per relation, drawn at random; the same ones in every language. 0 takes all."""
    max_templates: int = 1
    """Most templates per relation and language, the first ones; a fact's score is the mean over them. 0 takes all. With more
    than one, results say how consistent the answers are over them."""
    max_candidates: int = 100
    """Most candidates per relation, the right ones and the most frequent others; 0 takes all objects of the relation."""
    random_weights: bool = True
    """Also ask the same architecture with random weights: the line below which nothing was learnt."""
    seed: int = 0
    """Seed of the draw of facts and of the random weights."""
    batch_tokens: int = 8192
    """Padded size of a batch, in tokens."""
    device: str = "auto"
    """cpu, cuda or auto."""
