"""Which entities a surface may stand for: by labels, aliases and anchors, also in an inflected form.

A surface that is nobody's name and no anchor is taken for an inflected form: its last word may add up to three letters to a
label's, or put them in the place of its last vowel (`Берлине` from `Берлин`, `Прагой` from `Прага`); what follows an
apostrophe is an ending (`Ankara'da`). Words that change within, and all but the last of several, need an anchor.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from model.entities.anchors import Anchors
from model.entities.names import SHORTEST_STEM, EntityNames, fold

ENDING = 3
"""Most letters that a surface's inflection adds or changes."""
_APOSTROPHE = re.compile(r"['’].*$")


@dataclass(frozen=True)
class Lookup:
    """The names of an index and the anchors of its build; either may be absent."""

    names: EntityNames | None
    anchors: Anchors | None

    def entities(self, surfaces: Sequence[str], *, inflected: bool = True) -> list[list[int]]:
        """Return for each surface the items it may stand for, the likeliest first; none for what is not known."""
        anchors = self.anchors.of(surfaces) if self.anchors else [{} for _ in surfaces]
        named = self.names.named(surfaces) if self.names else [[] for _ in surfaces]
        found = [list(dict.fromkeys([*counted, *items])) for counted, items in zip(anchors, named, strict=True)]
        if not inflected:
            return found
        return [items or self._inflected(surface) for surface, items in zip(surfaces, found, strict=True)]

    def priors(self, surface: str, items: Sequence[int]) -> list[float]:
        """Return p(item | surface) for each item, one mention added to each so that none is impossible."""
        counts = self.anchors.of([surface])[0] if self.anchors else {}
        total = sum(counts.values()) + len(items)
        return [(counts.get(item, 0) + 1) / total for item in items]

    def _inflected(self, surface: str) -> list[int]:
        bare = _APOSTROPHE.sub("", surface)
        if bare and bare != surface and (items := self.entities([bare], inflected=False)[0]):
            return items
        if self.names is None:
            return []
        word = fold(surface)
        last = word.rpartition(" ")[2]
        cuts = [word[: len(word) - cut] for cut in range(ENDING + 1) if len(last) - cut >= SHORTEST_STEM]
        # The longest common beginning first: what changes least is likeliest the same word.
        return next((items for items in self.names.stemmed(cuts) if items), [])
