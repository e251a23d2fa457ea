"""Counts by language."""

from __future__ import annotations

from typing import Any

from pipeline.wikis.language_notes import LanguageNotes, merged_notes


def test_notes_of_tasks_add_up() -> None:
    one: dict[str, Any] = {}
    two: dict[str, Any] = {}
    LanguageNotes(one).add("sw", "contexts", 3)
    LanguageNotes(one).add("sw", "contexts", 2)
    LanguageNotes(two).add("de", "mentions", 1)
    LanguageNotes(two).add("sw", "mentions", 0)
    assert merged_notes([one, two, {}]) == {"de": {"mentions": 1}, "sw": {"contexts": 5}}
