"""Extractive question answering: start and end of the answer, over windows of the context."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from model.evaluation.bootstrap import Outcomes
from model.evaluation.finetuning.config import QaConfig
from model.evaluation.finetuning.features import Feature
from model.evaluation.finetuning.pretrained import open_model
from model.evaluation.finetuning.qa_windows import PairTemplate, Window, best_spans, question_windows
from model.evaluation.finetuning.task import EvaluationSet, FinetuneTask, Scored
from model.evaluation.scores.answers import MLQA_LANGUAGES, SQUAD, mean_score, score_question
from model.evaluation.sets.examples import Question
from model.evaluation.sets.sources import load_questions
from model.evaluation.tasks import QA
from schemas.errors import UsageError

_METRICS = {"mlqa": "F1 and exact match by MLQA's rules", "squad": "F1 and exact match by SQuAD's rules"}


class QaTask(FinetuneTask[QaConfig, Question]):
    """Questions about paragraphs, trained on SQuAD as XGLUE trains them."""

    spec = QA
    level = "token"

    def __init__(self, config: QaConfig, tokenizer: Any) -> None:
        """Raise UsageError where a window has no room for context."""
        super().__init__(config, tokenizer)
        self.template = PairTemplate.of(tokenizer)
        room = config.max_length - config.max_question_length - self.template.num_special
        if room < 8:
            raise UsageError(f"max_length {config.max_length} leaves {room} tokens for the context; raise it")

    @property
    def metric(self) -> str:
        """Rules by which answers are compared. Raises: UsageError where neither flag nor set says them."""
        found = self.source.metric if self.config.metric == "auto" else self.config.metric
        if found is None:
            raise UsageError(
                f"the metric of {self.source.set} is not known; name its rules with --metric mlqa or squad"
            )
        return found

    def rules(self, language: str) -> str:
        """Return the rules for answers in one language. Raises: UsageError where MLQA has none."""
        if self.metric == SQUAD:
            return SQUAD
        if language not in MLQA_LANGUAGES:
            raise UsageError(
                f"MLQA has no rules for answers in {language!r}, only in {', '.join(MLQA_LANGUAGES)}; use --metric squad"
            )
        return language

    def data_facts(self) -> dict[str, Any]:
        """Return the set and the rules of its metric."""
        return super().data_facts() | {"metric": _METRICS[self.metric]}

    def data_notes(self, sets: Iterable[EvaluationSet[Question]]) -> list[str]:
        """Whether the rules are those of the set, and questions that stand in it twice."""
        notes = []
        if self.source.metric not in (None, self.metric):
            notes.append(
                f"answers are compared by the rules of {self.metric}, which are not those of {self.source.set}"
            )
        for one in sets:
            twice = len(one.examples) - len({question.id for question in one.examples})
            if twice:
                notes.append(f"{one.name}: {twice:,} questions stand twice and count twice, as in the official script")
        return notes

    def pairs(self, languages: Sequence[str]) -> list[tuple[str, str]]:
        """Contexts and questions of one language, or also of two, where the set has them."""
        same = super().pairs(languages)
        if self.config.pairs == "same":
            return same
        found = [pair for pair in self.source.pairs() if set(pair) <= set(languages) and pair not in same]
        if not found:
            raise UsageError(
                f"{self.config.data} has no questions in one language about contexts in another; MLQA's files of that "
                "kind are called test-context-de-question-en.json"
            )
        return [*same, *found]

    def make_model(self) -> nn.Module:
        """Return the encoder with one linear layer that scores starts and ends."""
        from transformers import AutoModelForQuestionAnswering

        return open_model(AutoModelForQuestionAnswering, self.config.model)

    def train_features(self) -> list[Feature]:
        """Windows of the training questions, those without the answer too."""
        questions = load_questions(
            self.config.data, self.config.train_language, self.config.train_split, self.config.set
        )
        return [window.feature for question in self.sampled(questions) for window in self._cut(question)]

    def read(self, language: str, split: str, question: str = "") -> EvaluationSet[Question]:
        """Questions about contexts of one language."""
        self.rules(language)  # before anything is trained
        questions = load_questions(self.config.data, language, split, self.config.set, question)
        questions = questions[: self.config.max_test or None]
        windows = [self._cut(question) for question in questions]
        owners = [i for i, own in enumerate(windows) for _ in own]
        flat = [window for own in windows for window in own]
        return EvaluationSet(language, questions, [window.feature for window in flat], owners, flat, question)

    def losses(self, scores: Float[Tensor, "tokens ends"], features: Sequence[Feature]) -> Float[Tensor, " windows"]:
        """One loss per window: the mean of those of the answer's start and end among the window's tokens."""
        windows = scores.float().split([len(feature.token_ids) for feature in features])
        rectangle = pad_sequence(windows, batch_first=True, padding_value=-torch.inf)
        labels = torch.tensor([feature.labels for feature in features], device=scores.device)
        return functional.cross_entropy(rectangle, labels, reduction="none").mean(1)

    def decode(self, scores: Float[Tensor, "tokens ends"], features: Sequence[Feature]) -> list[Tensor]:
        """Start and end scores of each window, shape `[2, tokens]`."""
        windows = scores.float().cpu().split([len(feature.token_ids) for feature in features])
        return [window.T.clone() for window in windows]

    def score(self, examples: EvaluationSet[Question], decoded: Sequence[Tensor]) -> Scored:
        """F1 and exact match by the rules of the language."""
        windows: list[list[Window]] = [[] for _ in examples.examples]
        logits: list[list[Tensor]] = [[] for _ in examples.examples]
        for owner, window, pair in zip(examples.owners, examples.details, decoded, strict=True):
            windows[owner].append(window)
            logits[owner].append(pair)
        best = {
            question.id: self._answers(question, windows[i], logits[i]) for i, question in enumerate(examples.examples)
        }
        predictions = {name: answers[0]["text"] if answers else "" for name, answers in best.items()}
        rules = self.rules(examples.language)
        scores = [
            score_question(predictions.get(question.id), [answer.text for answer in question.answers], rules)
            for question in examples.examples
        ]
        score = mean_score(scores)
        measures = {"f1": score.f1, "exact match": score.exact_match, "questions": score.num_questions}
        values = {"f1": [one.f1 for one in scores], "exact match": [one.exact_match for one in scores]}
        outcomes = Outcomes("means", {name: np.array(own) for name, own in values.items()})
        return Scored(measures, _as_json(predictions), outcomes, {"nbest.json": _as_json(best)})

    def _answers(self, question: Question, windows: Sequence[Window], logits: Sequence[Tensor]) -> list[dict[str, Any]]:
        """Return the n best answers with their spans in code points and their scores."""
        spans = best_spans(windows, logits, self.config)
        return [
            {"text": question.context[s.start : s.end].strip(), "start": s.start, "end": s.end, "score": s.score}
            for s in spans
        ]

    def _cut(self, question: Question) -> list[Window]:
        return question_windows(question, self.tokenizer, self.template, self.config)


def _as_json(answers: dict[str, Any]) -> str:
    return json.dumps(answers, ensure_ascii=False, indent=1) + "\n"
