"""The forms in which public sets lie in a folder: the names of their files, and the metric that belongs to each.

A pattern is the end of a path. `{language}`, `{question}` (the language of the question) and `{split}` stand for what differs;
`.gz` may follow. A file of all languages says in its columns which it holds.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

import langcodes

Split = Literal["train", "dev", "test"]
Metric = Literal["spans", "accuracy", "mlqa", "squad"]

SPLITS: dict[str, Split] = {
    "train": "train", "dev": "dev", "val": "dev", "valid": "dev", "validation": "dev", "testa": "dev",
    "test": "test", "testb": "test",
}  # fmt: skip
"""What sets call their splits."""

CONLL_SPLITS = {"train": "train", "dev": "testa", "test": "testb"}
"""What CoNLL-2002 and -2003 call their splits."""
_CONLL = {"esp": "es", "ned": "nl"}
"""Codes of CoNLL-2002 that are those of no list of languages."""
TYDIQA_LANGUAGES = {
    "arabic": "ar", "bengali": "bn", "english": "en", "finnish": "fi", "indonesian": "id", "korean": "ko",
    "russian": "ru", "swahili": "sw", "telugu": "te",
}  # fmt: skip
"""What TyDiQA's files and ids call languages."""
_NO_LANGUAGES = frozenset({"ner", "nli", "dev", "raw", "all", "iob", "bio", "txt", "tsv"})
"""Names of folders and splits that are codes of small languages too."""
_FIELDS = {
    "language": r"(?P<language>[A-Za-z]+(?:[-_][A-Za-z0-9]+)*)",
    "question": r"(?P<question>[A-Za-z]+(?:[-_][A-Za-z0-9]+)*)",
    "split": rf"(?P<split>{'|'.join(sorted(SPLITS, key=len, reverse=True))})",
}


@dataclass(frozen=True, kw_only=True)
class Form:
    """The files of one set in one form."""

    set: str
    """Name of the set, as results give it."""
    task: str
    patterns: tuple[str, ...]
    """Ends of paths, the first that is there counts."""
    metric: Metric
    split: Split | None = None
    """The split of all its files, where their names do not say it."""
    language: str | None = None
    """The language of all its files; None where names or columns say it."""
    codes: Mapping[str, str] = field(default_factory=dict)
    """What the set calls languages, where that is no code of theirs."""
    training_only: bool = False
    """Whether it trains models for other sets and is no set to test on by itself, where another lies beside it."""


FORMS: tuple[Form, ...] = (
    Form(
        set="CoNLL",
        task="ner",
        patterns=("{language}.{split}.conllu", "{language}.{split}.conll", "{language}.{split}"),
        metric="spans",
        codes=_CONLL,
    ),
    Form(
        set="PAN-X",
        task="ner",
        patterns=("{split}-{language}.tsv", "{language}-{split}", "{language}/{split}", "{language}/{split}.bio"),
        metric="spans",
    ),
    Form(set="WikiNEuRal", task="ner", patterns=("{language}/{split}.conllu",), metric="spans"),
    Form(set="MasakhaNER", task="ner", patterns=("{language}/{split}.txt",), metric="spans"),
    Form(
        set="XNLI",
        task="xnli",
        patterns=(
            "multinli.{split}.{language}.tsv",
            "{split}-{language}.tsv",
            "{language}.{split}.tsv",
            "{language}.{split}",
            "xnli.{split}.tsv",
        ),
        metric="accuracy",
    ),
    Form(set="myXNLI", task="xnli", patterns=("myxnli.{split}.tsv",), metric="accuracy"),
    Form(set="MLQA", task="qa", patterns=("{split}-context-{language}-question-{question}.json",), metric="mlqa"),
    Form(set="XQuAD", task="qa", patterns=("xquad.{language}.json",), metric="squad", split="test"),
    Form(
        set="TyDiQA-GoldP",
        task="qa",
        patterns=("tydiqa-goldp-dev-{language}.json", "tydiqa.goldp.{language}.dev.json"),
        metric="squad",
        split="test",
        codes=TYDIQA_LANGUAGES,
    ),
    Form(
        set="TyDiQA-GoldP",
        task="qa",
        patterns=("tydiqa.goldp.{language}.train.json", "tydiqa-goldp-v1.1-train.json"),
        metric="squad",
        split="train",
        codes=TYDIQA_LANGUAGES,
    ),
    Form(
        set="SQuAD",
        task="qa",
        patterns=("{split}-v1.1.json",),
        metric="squad",
        language="en",
        training_only=True,
    ),
)


@dataclass(frozen=True)
class Match:
    """What a file's path says of it; `language` is None where its columns say it."""

    form: Form
    rank: int
    """Place of the pattern in its form; of several files of one split the lowest counts."""
    split: Split
    language: str | None
    question: str | None


def match_path(path: str, task: str) -> list[Match]:
    """Every form of a task that a path, with `/` between folders, has the end of."""
    plain = path.removesuffix(".gz")
    found = [_match(form, rank, plain) for form in FORMS if form.task == task for rank in range(len(form.patterns))]
    return [match for match in found if match is not None]


def language_of(code: str, codes: Mapping[str, str] | None = None) -> str | None:
    """Return the shortest code of a language: `ha` for `hau`; None for what is no code of a language."""
    code = code.lower().replace("_", "-")
    if codes and code in codes:
        return codes[code]
    if code == "simple" or (code in _NO_LANGUAGES):
        return code if code == "simple" else None
    if langcodes.tag_is_valid(code):
        # Wikipedia has codes like `bat-smg` that have lost their meaning but not their use: only plain ones are shortened.
        return langcodes.standardize_tag(code) if "-" not in code else code
    head, _, rest = code.partition("-")
    return code if rest and langcodes.tag_is_valid(head) else None


def three_letters(language: str) -> str | None:
    """Return what CoNLL-2002 and -2003 call a language; None for what has no code of three letters."""
    own = next((code for code, named in _CONLL.items() if named == language), None)
    try:
        return own or langcodes.Language.get(language).to_alpha3()
    except LookupError:
        return None


def _match(form: Form, rank: int, path: str) -> Match | None:
    found = _compiled(form.patterns[rank]).search(path)
    if found is None:
        return None
    named = found.groupdict()
    split = form.split or SPLITS[named["split"]]
    language, question = form.language, None
    if "language" in named:
        language = language_of(named["language"], form.codes)
        if language is None:
            return None
    if "question" in named:
        question = language_of(named["question"], form.codes)
    return Match(form, rank, split, language, question)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", pattern)
    text = "".join(_FIELDS[part] if i % 2 else re.escape(part) for i, part in enumerate(parts))
    return re.compile(rf"(?:^|/){text}$")
