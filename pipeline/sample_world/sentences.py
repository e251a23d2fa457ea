"""One sentence at a time: a phrase, filled with names that are links, and what is told about them in passing."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence

from pipeline.sample_world.facts import World
from pipeline.sample_world.inflection import Form, inflect, is_plural
from pipeline.sample_world.phrases import join_list, phrases
from pipeline.sample_world.titles import capitalised
from pipeline.sample_world.wikis import WikiProfile

_PLACE = re.compile(r"\{(\w+)(?:\.(\w+))?\}")
_DOUBLE_STOP = re.compile(r"\.(\]\]|''')?\.$")  # behind names such as Washington, D.C.
_TOLD = {
    "country": (("P297", "P474"), ("P36", "P37", "P30")),
    "city": (("P1937",), ("P17", "inv.P19", "inv.P20", "P190")),
    "continent": ((), ("inv.P30",)),
    "language": (("P218",), ("inv.P37", "inv.P103")),
    "science": (("P1036",), ("P361", "inv.P361", "inv.P101")),
    "person": (("P569", "P570"), ("P101", "P27", "P19")),
    "element": (("P246", "P1086"), ("inv.P527",)),
    "compound": (("P274",), ("P527",)),
    "company": (("P571",), ("P17", "inv.P178")),
    "software": (("P577",), ("P178",)),
    "device": (("P577",), ("P178",)),
    "organization": (("P571",), ("P159",)),
}
"""What a passing remark may tell about an entity of each kind: something that is written alike in all languages (a code,
a year, a formula), and something about other entities."""


class Teller:
    """Writes sentences for one page of one wiki.

    A name is linked where it first stands in a paragraph, as editors do; the page's own subject never is.
    """

    def __init__(
        self, world: World, profile: WikiProfile, titles: Mapping[str, str], subject: str, rng: random.Random
    ) -> None:
        self.world = world
        self.profile = profile
        self.titles = titles
        self.subject = subject
        self.rng = rng
        self.said = phrases(profile.language)
        self._linked: set[str] = set()
        self._redirects: Mapping[str, str] = {}
        self._aside: str | None = None

    @property
    def label(self) -> str:
        """The name of the page's subject in its dictionary form."""
        return self.world.entities[self.subject].labels[self.profile.label_language]

    def define(self, aside: str) -> None:
        """Set the subject in bold the next time it is named, with this text behind it."""
        self._aside = aside

    def with_redirects(self, redirects: Mapping[str, str]) -> Teller:
        """Let some links go by way of a redirect, given as entity to redirect title."""
        self._redirects = redirects
        return self

    def new_paragraph(self) -> None:
        """Names are linked again from here on."""
        self._linked.clear()

    def name(self, entity: str, case: str = "nom", *, first: bool = False) -> str:
        """Return a name as wikitext, linked unless it was before.

        Args:
            entity: whose name.
            case: the form the sentence asks for.
            first: whether it opens the sentence.
        """
        form = self._form(entity, case)
        if first:
            form = _raised(form)
        if entity == self.subject or entity in self._linked:
            surface = self._variant(entity, form.surface)
            if entity == self.subject and self._aside is not None:
                surface, self._aside = f"'''{surface}'''{form.after}{self._aside}", None
                return form.before + surface
            return form.before + surface + form.after
        self._linked.add(entity)
        return form.before + self._link(entity, form.surface) + form.after

    def _form(self, entity: str, case: str) -> Form:
        record = self.world.entities[entity]
        return inflect(record, record.labels[self.profile.label_language], case, self.profile.language)

    def _link(self, entity: str, surface: str) -> str:
        title = self.titles[entity]
        chance = self.rng.random()
        if chance < 0.05 and entity in self._redirects:
            return f"[[{self._redirects[entity]}|{surface}]]"
        if chance < 0.07:
            title = f"{title}#{self.said['h.facts']}"
        elif chance < 0.1:
            title = title.replace(" ", "_")
        shown = self._variant(entity, surface)
        if shown == surface and surface[:1].lower() + surface[1:] == title[:1].lower() + title[1:]:
            return f"[[{surface}]]"
        return f"[[{title}|{shown}]]"

    def _variant(self, entity: str, surface: str) -> str:
        """Chinese names that differ between the two scripts are given in both now and then."""
        labels = self.world.entities[entity].labels
        differs = self.profile.language == "zh" and labels["zh-hans"] == surface != labels["zh-hant"]
        if differs and self.rng.random() < 0.2:
            return f"-{{zh-hans:{surface};zh-hant:{labels['zh-hant']}}}-"
        return surface

    def names(self, values: Sequence[str], case: str = "nom", *, first: bool = False, coded: bool = False) -> str:
        """Return a list of names or plain values: "A, B and C"; `coded` puts the codes of countries behind their names."""
        said = []
        for index, value in enumerate(values):
            known = value in self.world.entities
            text = self.name(value, case, first=first and not index) if known else value
            codes = self.world.values(value, "P297") if coded and known else []
            said.append(text + (self.said["space"] + self.said["gloss"].format(codes[0]) if codes else ""))
        return join_list(said, self.profile.language)

    def sentence(self, key: str, places: Mapping[str, Sequence[str]], told: str | None = None) -> str:
        """Fill a phrase.

        Args:
            key: phrase key, `full.P36`; the variant for the subject's gender and number is picked here.
            places: values by place.
            told: an entity in it about which something is told in parentheses.
        """
        template = self._template(key, places.get("s", ())[0] if places.get("s") else None)

        def fill(match: re.Match[str]) -> str:
            values, first = places[match[1]], match.start() == 0
            text = self.names(values, match[2] or "nom", first=first)
            return text + self.remark(told) if told is not None and told in values else text

        return _DOUBLE_STOP.sub(r".\1", capitalised(_PLACE.sub(fill, template)))

    def _template(self, key: str, subject: str | None) -> str:
        record = self.world.entities.get(subject or "")
        if record is not None:
            object_suffix = "_f" if record.kind == "person_f" else ""
            if is_plural(record, self.profile.language):
                object_suffix = "_pl"
            return self.said.get(key + object_suffix, self.said[key])
        return self.said[key]

    def remark(self, entity: str) -> str:
        """Two things about an entity in parentheses: " (calling code: +33; capital: Paris)"."""
        items = []
        for keys in _TOLD[self.world.kind(entity).removesuffix("_f")]:
            told = self._told(entity, keys)
            if told:
                label, values = self.rng.choice(told)
                items.append(self.said["gloss_item"].format(label, self.names(values, coded=True)))
        if not items:
            return ""
        return self.said["space"] + self.said["gloss"].format(self.said["gloss_join"].join(items))

    def _told(self, entity: str, keys: Sequence[str]) -> list[tuple[str, list[str]]]:
        found = []
        for key in keys:
            relation = key.removeprefix("inv.")
            stated = self.world.values if key == relation else self.world.subjects
            values = [value for value in stated(entity, relation) if value != self.subject]
            if len(values) > 3:
                values = sorted(self.rng.sample(values, 3), key=values.index)
            if values:
                found.append((self.said[key], values))
        return found


def _raised(form: Form) -> Form:
    """Return a form that opens a sentence."""
    if form.before:
        return Form(capitalised(form.before), form.surface, form.after)
    return Form("", capitalised(form.surface), form.after)
