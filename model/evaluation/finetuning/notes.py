"""What a reader of a fine-tuning result must know of its data before comparing it."""

from collections.abc import Iterable, Sequence
from typing import Any

from model.evaluation.finetuning.task import EvaluationSet, FinetuneTask
from model.evaluation.sets.sizes import size_notes, training_notes


def set_sizes(
    task: FinetuneTask[Any, Any], split: str, final: Iterable[EvaluationSet[Any]], num_train: int
) -> list[str]:
    """Say where sets are not as large as published, or too small to mean anything."""
    notes = training_notes(num_train)
    for one in final:
        if not task.config.max_test and one.question in ("", one.language):
            notes += size_notes(task.source.set, split, one.language, len(one.examples))
    return notes


def other_languages(task: FinetuneTask[Any, Any], languages: Sequence[str]) -> list[str]:
    """Say where a mean is not over the languages of the published ones."""
    published = set(task.spec.languages)
    if task.source.set != task.spec.published_set or set(languages) == published:
        return []
    return [
        f"mean and selection over {len(languages)} languages, {', '.join(languages)}, published ones over "
        f"{len(published)}: not comparable with published means"
    ]
