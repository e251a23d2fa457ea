"""Forms of names inside a sentence: articles, genitives, the definite endings of Armenian.

Sentences are written so that most names stand in their dictionary form. Where a language would read wrong that way, a
template asks for a case; short rules cover the regular names and `data/inflections.tsv` has the others. A form keeps
apart what stands before a link, the link's words, and the letters behind it that join the link (the link trail).
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from pipeline.sample_world.facts import DATA, Entity, read_tsv

_ARMENIAN_VOWELS = "աեէըիոօու"
_ARMENIAN_GENITIVES = {"ություն": "ության", "ածին": "ածնի", "թթու": "թթվի"}
_RUSSIAN_SIBILANTS = "гкхжчшщ"


@dataclass(frozen=True)
class Form:
    """One form of a name."""

    before: str
    """Article or preposition, with its space."""
    surface: str
    """The words of the link."""
    after: str
    """Letters that follow the link directly."""

    @property
    def text(self) -> str:
        """The form as plain text."""
        return self.before + self.surface + self.after


@functools.cache
def _irregular() -> dict[tuple[str, str, str], tuple[str, str, str]]:
    return {
        (row["language"], row["entity"], row["case"]): (row["before"], row["surface"], row["after"])
        for row in read_tsv(DATA / "inflections.tsv")
    }


def is_plural(entity: Entity, language: str) -> bool:
    """Whether a verb beside this name stands in the plural."""
    return (language, entity.entity, "number") in _irregular()


def inflect(entity: Entity, label: str, case: str, language: str) -> Form:
    """Return the form of a name that a sentence asks for.

    Args:
        entity: whose name it is; its kind decides about articles.
        label: the name in its dictionary form.
        case: `nom`, or what the template says after the dot.
        language: language of the sentence.
    """
    irregular = _irregular().get((language, entity.entity, case))
    if irregular is not None:
        before, surface, after = irregular
        return Form(before, surface or label, after)
    rule = _RULES.get((language, case))
    return rule(entity, label) if rule else Form("", label, "")


def _german_genitive(entity: Entity, label: str) -> Form:
    if re.search(r"[sßxz]$|ce$", label):
        return Form("von ", label, "")
    return Form("", label, "s")


def _russian_genitive(entity: Entity, label: str) -> Form:
    stem, last = label[:-1], label[-1]
    if last == "я":
        return Form("", stem + "и", "")
    if last == "а":
        return Form("", stem + ("и" if stem[-1] in _RUSSIAN_SIBILANTS else "ы"), "")
    if last == "ь":
        return Form("", stem + "и", "")
    if last == "й":
        return Form("", stem + "я", "")
    if last in "еиоуыэюё" or not last.islower():
        return Form("", label, "")
    return Form("", label, "а")


def _greek_article(entity: Entity, label: str) -> Form:
    if entity.kind in ("person", "person_f"):
        return Form("ο " if entity.kind == "person" else "η ", label, "")
    if entity.kind == "language":
        return Form("η " if label.endswith(("γλώσσα", "ή")) else "τα ", label, "")
    if entity.kind in ("company", "software", "device"):
        return Form("η " if entity.kind == "company" else "το ", label, "")
    first = label.split()[0]
    if first.endswith("ικά"):
        return Form("τα ", label, "")
    articles = {"α": "η ", "ά": "η ", "η": "η ", "ή": "η ", "ες": "οι ", "ος": "ο ", "ός": "ο ", "ας": "ο ", "άς": "ο "}
    return Form(articles.get(first[-2:]) or articles.get(first[-1]) or "το ", label, "")


def _spanish_article(entity: Entity, label: str) -> Form:
    if entity.kind not in ("language", "science", "element", "compound"):
        return Form("", label, "")
    feminine = entity.kind == "science" and re.match(r"\S+(a|ía|ica)\b", label)
    return Form("la " if feminine else "el ", label, "")


def _spanish_of(entity: Entity, label: str) -> Form:
    article = _spanish_article(entity, label).before
    return Form({"el ": "del ", "la ": "de la "}.get(article, "de "), label, "")


def _armenian_ending(label: str, ending: str) -> str:
    """Names in other letters take their endings after a hyphen."""
    return ending if "ա" <= label[-1].lower() <= "և" else "-" + ending


def _armenian_definite(entity: Entity, label: str) -> Form:
    return Form("", label, _armenian_ending(label, "ն" if label[-1].lower() in _ARMENIAN_VOWELS else "ը"))


def _armenian_definite_before_vowel(entity: Entity, label: str) -> Form:
    return Form("", label, _armenian_ending(label, "ն"))


def _armenian_genitive(entity: Entity, label: str) -> Form:
    for ending, genitive in _ARMENIAN_GENITIVES.items():
        if label.endswith(ending):
            return Form("", label.removesuffix(ending) + genitive, "")
    joins = label[-1].lower() in _ARMENIAN_VOWELS and label[-1] not in "իւ"
    return Form("", label, _armenian_ending(label, "յի" if joins else "ի"))


def _arabic_definite(entity: Entity, label: str) -> Form:
    """Substances and sciences carry the article, and so does an adjective after them; a genitive has one already."""
    words = label.split()
    if entity.kind not in ("science", "element", "compound") or "ال" in (word[:2] for word in words):
        return Form("", label, "")
    if len(words) > 1 and not words[-1].endswith(("ية", "وية")):
        return Form("", label, "")
    return Form("", " ".join("ال" + word for word in words), "")


_RULES = {
    ("de", "of"): _german_genitive,
    ("ru", "gen"): _russian_genitive,
    ("el", "art"): _greek_article,
    ("es", "art"): _spanish_article,
    ("es", "of"): _spanish_of,
    ("ar", "nom"): _arabic_definite,
    ("hy", "defn"): _armenian_definite_before_vowel,
    ("hy", "def"): _armenian_definite,
    ("hy", "gen"): _armenian_genitive,
}
