"""What each task reads, by which protocol it is run, and the one figure it is judged by.

`TASKS` is the registry: the command line, the readers' messages, the report page and `docs/evaluation.md` all
take a task's data, licence, protocol and primary metric from here.
"""

from dataclasses import dataclass, field

from model.evaluation.scores.answers import MLQA_LANGUAGES
from model.evaluation.scores.ner import NER_LANGUAGES
from model.evaluation.scores.xnli import XNLI_LANGUAGES

TOKEN_SHARDS = "a folder of token shards, written by `python -m pipeline tokenize`"


@dataclass(frozen=True, kw_only=True)
class HubSource:
    """Where one language of a task lies on the Hugging Face Hub. `{language}` in `config` is filled in."""

    name: str
    config: str | None = None
    revision: str | None = None


@dataclass(frozen=True, kw_only=True)
class Task:
    """One evaluation task. `files` are the files of probing; the names of sets' files stand in `sets.forms`."""

    name: str
    summary: str
    languages: tuple[str, ...]
    data: str
    source: str
    licence: str
    protocol: str
    primary_metric: str
    files: dict[str, tuple[str, ...]] = field(default_factory=dict)
    published_set: str = ""
    """The set whose published means are over `languages`."""
    hub: dict[str, HubSource] = field(default_factory=dict)
    """By language, or by "train" for a training set that is a data set of its own; "*" for every other language."""

    def hub_source(self, language: str, split: str) -> HubSource | None:
        """Where that split lies on the Hub, or None where no copy may be used."""
        if split == "train" and "train" in self.hub:
            return self.hub["train"]
        return self.hub.get(language, self.hub.get("*"))


NER = Task(
    name="ner",
    summary="named entities in any language: CoNLL, PAN-X, WikiANN, WikiNEuRal, MasakhaNER",
    languages=NER_LANGUAGES,
    published_set="CoNLL",
    data="CoNLL-2003 (en de) and CoNLL-2002 (es nl), or another set of one token a line, tag last",
    source="https://www.clips.uantwerpen.be/conll2002/ner/ and https://www.clips.uantwerpen.be/conll2003/ner/",
    licence="research only; the texts of CoNLL-2003 are Reuters RCV1 (en) and the ECI corpus (de), to be ordered apart",
    protocol="fine-tune on English, test on every language",
    primary_metric="f1",
    hub={
        "en": HubSource(name="tomaarsen/conll2003"),
        "es": HubSource(name="tomaarsen/conll2002", config="{language}"),
        "nl": HubSource(name="tomaarsen/conll2002", config="{language}"),
    },
)

XNLI = Task(
    name="xnli",
    summary="does the premise entail, contradict or leave open the hypothesis: XNLI, myXNLI",
    languages=XNLI_LANGUAGES,
    published_set="XNLI",
    data="MultiNLI train in English; XNLI dev and test, tab-separated",
    source="https://github.com/facebookresearch/XNLI",
    licence="CC BY-NC 4.0 (XNLI), mixed open licences (MultiNLI)",
    protocol="fine-tune on English, test on every language",
    primary_metric="accuracy",
    hub={"*": HubSource(name="facebook/xnli", config="{language}")},
)

QA = Task(
    name="qa",
    summary="find the span of a paragraph that answers a question: MLQA, XQuAD, TyDiQA-GoldP",
    languages=MLQA_LANGUAGES,
    published_set="MLQA",
    data="SQuAD 1.1 train in English; MLQA dev and test, XQuAD or TyDiQA-GoldP",
    source="https://github.com/facebookresearch/MLQA and https://rajpurkar.github.io/SQuAD-explorer",
    licence="CC BY-SA 3.0 (MLQA), CC BY-SA 4.0 (SQuAD)",
    protocol="fine-tune on English, test on every language",
    primary_metric="f1",
    hub={
        "train": HubSource(name="rajpurkar/squad"),
        "*": HubSource(name="facebook/mlqa", config="mlqa.{language}.{language}", revision="refs/convert/parquet"),
    },
)

PROBING = Task(
    name="probing",
    summary="cloze questions about facts: rank the objects of a relation's type in a template's gap",
    languages=(),
    data="mLAMA, mParaRel, BMLAMA, or triples.tsv, qid_labels_104langs.json and probe_patterns.jsonl (plain or .gz)",
    source="Wikidata triples and labels with the templates of https://github.com/coastalcph/mpararel",
    licence="CC0 (facts and labels of Wikidata); for the templates see their repository",
    protocol="no training; typed ranking of candidates by the masked LM's pseudo-likelihood",
    primary_metric="hits@1",
    files={"triples": ("triples.tsv",), "labels": ("qid_labels_104langs.json",), "patterns": ("probe_patterns.jsonl",)},
)

RETRIEVAL = Task(
    name="retrieval",
    summary="from a context with a masked mention, or from subject and relation, to the right description",
    languages=(),
    data=TOKEN_SHARDS,
    source="built by this project from Wikimedia dumps",
    licence="CC BY-SA 4.0 (texts of Wikipedia), CC0 (Wikidata)",
    protocol="no training; validation split; every description of the target language is a candidate",
    primary_metric="mrr",
)

ALIGNMENT = Task(
    name="alignment",
    summary="from an entity's label in one language to its label in another",
    languages=(),
    data="a folder of tables written by `python -m pipeline wikidata`, or a JSON file of labels",
    source="Wikidata",
    licence="CC0",
    protocol="no training; every chosen label of the target language is a candidate",
    primary_metric="mrr",
)

BITEXT = Task(
    name="bitext",
    summary="find a sentence's translation: Tatoeba; or mine translations from two texts: BUCC 2018",
    languages=(),
    data="Tatoeba in LASER's files, or BUCC 2018's training and sample sets with their gold",
    source="https://github.com/facebookresearch/LASER (data/tatoeba/v1) and https://comparable.limsi.fr/bucc2018/bucc2018-task.html",
    licence="terms of use of tatoeba.org (Tatoeba); for BUCC see its page",
    protocol="no training; nearest neighbour by cosine (Tatoeba), margin over neighbours from both sides (BUCC)",
    primary_metric="accuracy or f1",
)

TASKS: dict[str, Task] = {t.name: t for t in (NER, XNLI, QA, PROBING, RETRIEVAL, ALIGNMENT, BITEXT)}
