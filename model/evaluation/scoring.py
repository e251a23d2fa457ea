"""The exact scorers on anybody's predictions: a file of the set and a file of predictions to a score with its interval."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from model.evaluation.bootstrap import Outcomes, difference, interval
from model.evaluation.contamination import plain_title, titles_read
from model.evaluation.results import Measure, Results, Row
from model.evaluation.scores.answers import MLQA_LANGUAGES, SQUAD, score_question
from model.evaluation.scores.ner import TagSequences, recut, score_tags, span_counts
from model.evaluation.scores.xnli import XNLI_LABELS
from model.evaluation.scoring_config import ScoreConfig
from model.evaluation.sets.forms import Match, language_of, match_path
from model.evaluation.sets.pairs import pair_languages, read_pairs
from model.evaluation.sets.questions import read_answers, read_questions
from model.evaluation.sets.sizes import size_notes
from model.evaluation.sets.tagged import read_tag_lines, read_tagged
from model.evaluation.sets.tags import iob_tags, types_of
from model.evaluation.sets.text import read_lines
from model.evaluation.tasks import TASKS
from schemas.errors import InputCorrupt, InputMissing, UsageError


def score_files(config: ScoreConfig) -> Results:
    """Score predictions, and another system's beside them.

    Raises: InputMissing for a file that is not there; InputCorrupt for a set without labels, and for predictions that are not
    those of the set; UsageError where language or metric must be named.
    """
    for path in filter(None, (config.gold, config.predictions, config.against)):
        if not Path(path).is_file():
            raise InputMissing(f"{path}: there is no such file")
    scorers: dict[str, Callable[[ScoreConfig], _Scorer]] = {"ner": _Tags, "xnli": _Labels, "qa": _Answers}
    scorer = scorers[config.task](config)
    own = scorer.outcomes(config.predictions)
    scorer.check_size()
    metric = TASKS[config.task].primary_metric
    rows = [_row(own, scorer.measures, scorer.counts, {"predictions": config.predictions}), *scorer.details()]
    if config.against:
        other = scorer.outcomes(config.against)
        keys = {"predictions": config.against}
        rows.insert(1, _row(other, scorer.measures, scorer.counts, keys))
        rows += [_difference(own, other, name, config) for name in scorer.measures]
    return Results(
        task=config.task,
        model=config.predictions,
        primary_metric=metric,
        primary_keys=rows[0].keys,
        rows=rows,
        notes=scorer.notes,
        data={"gold": config.gold, **scorer.facts},
        config=asdict(config),
    )


class _Scorer(ABC):
    """One set of one task: its truth, and what must be said of a score on it."""

    measures: tuple[str, ...]
    truth: Sequence[Any]
    """What is true of each example, in the set's order."""

    def __init__(self, config: ScoreConfig) -> None:
        self.config, self.gold = config, Path(config.gold)
        self.notes: list[str] = []
        self.facts: dict[str, Any] = {}
        self.counts: dict[str, float] = {}
        found = match_path(self.gold.resolve().as_posix(), config.task)
        self.match: Match | None = found[0] if found else None
        named = language_of(config.language) or config.language
        self.language = named or (self.match.language if self.match else None) or ""
        if self.match:
            self.facts["set"] = self.match.form.set
        if self.language:
            self.facts["language"] = self.language

    @abstractmethod
    def outcomes(self, path: str) -> Outcomes:
        """Give what came out for each example."""

    def details(self) -> list[Row]:
        """Further rows of the first predictions."""
        return []

    def check_size(self) -> None:
        """Note where the set is not as large as published."""
        if self.match and self.language and self.match.question in (None, self.match.language):
            self.notes += size_notes(self.match.form.set, self.match.split, self.language, len(self.truth))


class _Tags(_Scorer):
    measures = ("f1", "precision", "recall")

    def __init__(self, config: ScoreConfig) -> None:
        super().__init__(config)
        self.truth: TagSequences = [sentence.tags for sentence in read_tagged(self.gold)]
        self.facts |= {"metric": "F1 over spans, as conlleval counts them", "labels": list(types_of(self.truth))}
        self.pairs: tuple[TagSequences, TagSequences] = ([], [])

    def outcomes(self, path: str) -> Outcomes:
        lines = read_tag_lines(Path(path))
        tags = [iob_tags(block, f"{path}, sentence {number}") for number, block in enumerate(lines, start=1)]
        truth = self._recut(tags, path) if self.config.recut else self.truth
        try:
            counts = span_counts(truth, tags)
        except ValueError as error:
            hint = "" if self.config.recut else "; predictions cut as XGLUE cuts over-long sentences need --recut True"
            raise InputCorrupt(f"{path} does not fit {self.gold}: {error}{hint}") from error
        if not self.counts:
            self.counts, self.pairs = {"sentences": len(truth)}, (truth, tags)
        return Outcomes("spans", {name: np.array(values, dtype=np.float64) for name, values in counts.items()})

    def details(self) -> list[Row]:
        """Give a row per entity type."""
        rows = []
        truth, tags = self.pairs
        for kind in types_of([*truth, *tags]):
            own = [_only(kind, sequences) for sequences in (truth, tags)]
            score = score_tags(*own)
            values = {"f1": score.f1, "precision": score.precision, "recall": score.recall, "spans": score.num_true}
            rows.append(Row.single({"type": kind}, values))
        return rows

    def _recut(self, tags: TagSequences, path: str) -> TagSequences:
        lengths = [len(sentence) for sentence in tags]
        truth = self.truth
        if self.language == "es" and sum(lengths) == sum(map(len, truth)) - 1:
            truth = [truth[0][1:], *truth[1:]]
            self.notes.append("the first token is left out, as XGLUE's Spanish file lost it")
        try:
            return recut(truth, lengths)
        except ValueError as error:
            raise InputCorrupt(f"{path} does not fit {self.gold}: {error}") from error


class _Labels(_Scorer):
    measures = ("accuracy",)

    def __init__(self, config: ScoreConfig) -> None:
        super().__init__(config)
        inside = pair_languages(self.gold)
        if inside and self.language not in inside:
            raise UsageError(f"{self.gold} holds {', '.join(inside)}; say which with --language")
        self.truth = [pair.label for pair in read_pairs(self.gold, self.language)]
        if not self.truth:
            raise InputCorrupt(f"{self.gold}: found no pair")
        self.facts |= {"metric": "accuracy", "labels": list(XNLI_LABELS)}

    def outcomes(self, path: str) -> Outcomes:
        lines = read_lines(Path(path))
        while lines and not lines[-1].strip():
            lines.pop()
        found = [line.strip().lower().replace("contradictory", "contradiction") for line in lines]
        for number, label in enumerate(found, start=1):
            if label not in XNLI_LABELS:
                raise InputCorrupt(
                    f"{path}, line {number}: found {label[:60]!r}, expected one of {', '.join(XNLI_LABELS)}"
                )
        if len(found) != len(self.truth):
            raise InputCorrupt(
                f"{path}: {len(found):,} labels for {len(self.truth):,} pairs of {self.gold}; "
                "write one label a line in the order of the pairs"
            )
        self.counts = {"pairs": len(found)}
        right = np.array([a == b for a, b in zip(self.truth, found, strict=True)], dtype=np.float64)
        return Outcomes("means", {"accuracy": right})


class _Answers(_Scorer):
    measures = ("f1", "exact match")

    def __init__(self, config: ScoreConfig) -> None:
        super().__init__(config)
        self.truth = read_questions(self.gold)
        if not self.truth:
            raise InputCorrupt(f"{self.gold}: found no question")
        self.rules = self._rules()
        self.first = Outcomes("means", {"f1": np.empty(0)})
        self.facts["metric"] = f"F1 and exact match by {'SQuAD' if self.rules == SQUAD else 'MLQA'}'s rules"
        if twice := len(self.truth) - len({question.id for question in self.truth}):
            self.notes.append(f"{twice:,} questions stand twice and count twice, as in the official script")

    def outcomes(self, path: str) -> Outcomes:
        found = read_answers(Path(path))
        scores = [
            score_question(found.get(question.id), [answer.text for answer in question.answers], self.rules)
            for question in self.truth
        ]
        missing = sum(score.missing for score in scores)
        if missing == len(scores):
            raise InputCorrupt(
                f"{path} answers none of the {len(scores):,} questions of {self.gold}: its ids are others"
            )
        if missing:
            self.notes.append(f"{path}: {missing:,} questions without a prediction count 0")
        if foreign := len(found.keys() - {question.id for question in self.truth}):
            self.notes.append(f"{path}: {foreign:,} answers to questions that the set does not have are left out")
        self.counts = {"questions": len(scores)}
        values = {"f1": [score.f1 for score in scores], "exact match": [score.exact_match for score in scores]}
        found_now = Outcomes("means", {name: np.array(own) for name, own in values.items()})
        if not self.first.values["f1"].size:
            self.first = found_now
        return found_now

    def details(self) -> list[Row]:
        """Questions whose page the build holds, and the others."""
        if not self.config.build:
            return []
        titles = [plain_title(question.title) for question in self.truth]
        if not self.language or not any(titles):
            raise UsageError("--build needs titles of pages in the set, and its language: name it with --language")
        read = titles_read(Path(self.config.build), self.language)
        own = np.array([title in read for title in titles])
        self.notes.append(f"{own.sum():,} of {len(own):,} questions are about pages that stand in the build")
        rows = []
        for name, chosen in (("yes", own), ("no", ~own)):
            if chosen.any():
                part = Outcomes("means", {key: values[chosen] for key, values in self.first.values.items()})
                rows.append(_row(part, self.measures, {"questions": float(chosen.sum())}, {"page in the build": name}))
        return rows

    def _rules(self) -> str:
        metric = self.config.metric
        if metric == "auto":
            if self.match is None:
                raise UsageError(
                    f"the name of {self.gold} is that of no known set: name the rules with --metric mlqa or squad"
                )
            metric = "mlqa" if self.match.form.metric == "mlqa" else "squad"
        if metric == "squad":
            if self.match and self.match.form.metric == "mlqa":
                self.notes.append("SQuAD's rules are not those of MLQA: to be compared with no published score on MLQA")
            return SQUAD
        if self.language not in MLQA_LANGUAGES:
            raise UsageError(
                f"MLQA's rules depend on the language of the context, here {self.language or 'not known'!r}: name one of "
                f"{', '.join(MLQA_LANGUAGES)} with --language, or take --metric squad"
            )
        return self.language


def _row(outcomes: Outcomes, names: Sequence[str], counts: Mapping[str, int | float], keys: dict[str, str]) -> Row:
    """Scores with their intervals."""
    measures = {name: Measure((float(outcomes.scores(name)[0]),), interval([[outcomes]], name)) for name in names}
    return Row(keys, measures | {name: Measure((float(value),)) for name, value in counts.items()})


def _difference(own: Outcomes, other: Outcomes, name: str, config: ScoreConfig) -> Row:
    try:
        found = difference([[other]], [[own]], name)
    except ValueError as error:
        raise InputCorrupt(f"{config.predictions} and {config.against} are not cut alike: {error}") from error
    keys = {"difference": name, "significant": "yes" if found.is_significant else "no"}
    return Row(keys, {"gain": Measure((found.value,), (found.low, found.high)), "p": Measure((found.p,))})


def _only(kind: str, sequences: TagSequences) -> list[list[str]]:
    return [[tag if tag[2:] == kind else "O" for tag in sequence] for sequence in sequences]
