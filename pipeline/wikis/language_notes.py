"""Statistics per language for the manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

LANGUAGES_NOTE = "languages"
"""Key of a task's notes under which its counts by language are."""


class LanguageNotes:
    """Counts by language in a task's notes, which end in the manifest."""

    def __init__(self, notes: dict[str, Any]) -> None:
        """Keep counts in `notes`, those of the task's output."""
        self._languages = notes.setdefault(LANGUAGES_NOTE, {})

    def add(self, language: str, name: str, n: int) -> None:
        """Add to a count of a language; zeros leave no entry."""
        if n:
            counts = self._languages.setdefault(language, {})
            counts[name] = counts.get(name, 0) + n


def merged_notes(notes: Iterable[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """Return the counts of all tasks added up, languages and names in order."""
    merged: dict[str, Counter[str]] = {}
    for of_task in notes:
        for language, counts in of_task.get(LANGUAGES_NOTE, {}).items():
            merged.setdefault(language, Counter()).update(counts)
    return {language: dict(sorted(merged[language].items())) for language in sorted(merged)}
