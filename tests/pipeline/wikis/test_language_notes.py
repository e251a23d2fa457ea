"""Counts by language and sampling weights."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.wikis.language_notes import LanguageNotes, merged_notes, sampling_weights


def test_notes_of_tasks_add_up() -> None:
    one: dict[str, Any] = {}
    two: dict[str, Any] = {}
    LanguageNotes(one).add("sw", "contexts", 3)
    LanguageNotes(one).add("sw", "contexts", 2)
    LanguageNotes(two).add("de", "mentions", 1)
    LanguageNotes(two).add("sw", "mentions", 0)
    assert merged_notes([one, two, {}]) == {"de": {"mentions": 1}, "sw": {"contexts": 5}}


def test_smoothing_lifts_small_languages() -> None:
    sizes = {"en": 900, "sw": 100, "xx": 0}
    assert sampling_weights(sizes, 1.0) == pytest.approx({"en": 0.9, "sw": 0.1})
    assert sampling_weights(sizes, 0.0) == pytest.approx({"en": 0.5, "sw": 0.5})
    smoothed = sampling_weights(sizes, 0.3)
    assert sum(smoothed.values()) == pytest.approx(1) and 0.1 < smoothed["sw"] < 0.5
    assert sampling_weights({}, 0.7) == {}
