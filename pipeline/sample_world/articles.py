"""Whole articles: the lead that defines an entity, sections that mention others, and the apparatus around them."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from pipeline.sample_world import markup
from pipeline.sample_world.facts import DATA, World, read_tsv
from pipeline.sample_world.sentences import Teller
from pipeline.sample_world.wikis import WikiProfile

_LEAD_FACTS: dict[str, tuple[tuple[str, int], ...]] = {
    "country": (("P297", 1), ("P474", 1), ("P36", 1), ("P37", 3)),
    "city": (
        ("P1937", 1),
        ("P17.P297", 1),
        ("P17.P474", 1),
        ("P17.P30", 1),
        ("P17.P37", 1),
        ("P190", 2),
        ("inv.P19", 2),
        ("inv.P20", 2),
        ("inv.P937", 2),
        ("inv.P159", 1),
    ),
    "continent": (("inv.P30", 5),),
    "language": (("P218", 1), ("inv.P37", 4), ("inv.P103", 2)),
    "science": (("P1036", 1), ("P361", 2), ("inv.P361", 4), ("inv.P101", 4)),
    "person": (("P569", 1), ("P570", 1), ("P19", 1), ("P20", 1), ("P27", 2), ("P937", 1), ("P103", 1)),
    "element": (("inv.P527", 4), ("P138", 1), ("P61", 2)),
    "compound": (("P527", 4),),
    "company": (("inv.P178", 4),),
    "software": (),
    "device": (),
    "organization": (("P159", 1),),
}
"""What a lead says after its first sentence: property (its inverse, or one of the entity it leads to), at most so often."""
_SECTIONS: tuple[tuple[str, tuple[str, ...], int], ...] = (
    ("h.facts", ("P36", "P37", "P30", "P101", "P361", "P527", "P178", "P159", "P17", "P138", "P61", "P463"), 6),
    ("h.neighbours", ("P47",), 6),
    ("h.relations", ("P530", "P190"), 6),
    ("h.people", ("P27", "P19", "P20", "P937", "P103"), 6),
)
"""Sections: heading, the relations they tell about (either way round), and at most how many sentences."""
_ASYMMETRIC_KIND = {"P17": "company"}
_SENTENCES_A_PARAGRAPH = 2


def seeded(*parts: object) -> random.Random:
    """Return a generator of its own for each thing that is made, so that one text never changes another."""
    digest = blake2b("\x1f".join(map(str, parts)).encode(), digest_size=8, person=b"xlmk-world").digest()
    return random.Random(int.from_bytes(digest, "big"))


@dataclass(frozen=True, kw_only=True)
class Wiki:
    """One wiki of the sample world, with everything an article's text depends on."""

    world: World
    profile: WikiProfile
    titles: Mapping[str, str]
    """Article title by entity."""
    redirects: Mapping[str, str]
    """Redirect title by entity, for those that have one."""
    seed: int
    """Seed of all texts."""


def article(wiki: Wiki, entity: str, number: int) -> str:
    """Return the wikitext of one article.

    Args:
        wiki: the wiki it is in.
        entity: what it is about.
        number: its place among the articles; decides which rarer markup it shows.
    """
    rng = seeded(wiki.seed, wiki.profile.wiki, entity)
    teller = Teller(wiki.world, wiki.profile, wiki.titles, entity, rng).with_redirects(wiki.redirects)
    parts = [_head(teller, number), lead(wiki, teller)]
    for heading, relations, limit in _SECTIONS:
        sentences = _related(teller, relations, limit)
        if sentences:
            parts.append(f"== {teller.said[heading]} ==")
            parts += _paragraphs(teller, sentences)
    parts += [_overview(teller), _odd_markup(teller, number), _foot(teller)]
    return "\n\n".join(part for part in parts if part)


def _head(teller: Teller, number: int) -> str:
    world, said = teller.world, teller.said
    rows = []
    for key, _ in _LEAD_FACTS[world.kind(teller.subject).removesuffix("_f")]:
        values = [] if "." in key else world.values(teller.subject, key)
        if values:
            rows.append((said[key], "|".join(values if values[0] not in world.entities else _bare(teller, values))))
    box = markup.infobox(teller, rows)
    notice = "__NOTOC__\n" if number % 7 == 0 else ""
    caption = markup.caption(teller)
    return notice + box + "\n" + markup.thumbnail(teller, caption)


def _bare(teller: Teller, values: Sequence[str]) -> list[str]:
    return [f"[[{teller.titles[value]}]]" for value in values]


def lead(wiki: Wiki, teller: Teller) -> str:
    """Return the section before the first heading: what the entity is, in sentences made from its own statements.

    Which facts it tells depends on the entity alone, so that leads in two languages define the same thing.
    """
    world, entity = wiki.world, teller.subject
    rng = seeded(wiki.seed, entity)
    kind = world.kind(entity)
    teller.new_paragraph()
    sentences = [_first_sentence(wiki, teller, kind)]
    for key, limit in _LEAD_FACTS[kind.removesuffix("_f")]:
        if key.startswith("inv."):
            values = _sample(rng, world.subjects(entity, key[4:]), limit)
            if values:
                sentences.append(
                    teller.said["colon"].format(_upper(teller.said[key]), teller.names(values, coded=True))
                )
            continue
        *path, property_ = key.split(".")
        about = next(iter(world.values(entity, path[0])), entity) if path else entity
        for value in _sample(rng, world.values(about, property_), limit):
            sentences.append(teller.sentence(f"full.{property_}", {"s": [about], "o": [value]}))
    sentences[0] += markup.reference(teller, "wikidata")
    return teller.said["space"].join(sentences) + '<ref name="wikidata" />'


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _sample(rng: random.Random, values: Sequence[str], limit: int) -> list[str]:
    if len(values) <= limit:
        return list(values)
    picked = rng.sample(range(len(values)), limit)
    return [values[index] for index in sorted(picked)]


def _first_sentence(wiki: Wiki, teller: Teller, kind: str) -> str:
    world, entity = wiki.world, teller.subject
    places = {property_: world.values(entity, property_) for property_ in teller.said if property_[:1] == "P"}
    teller.define(_aside(teller))
    return teller.sentence(f"lead.{_lead_kind(teller, kind)}", {**places, "s": [entity]})


def _lead_kind(teller: Teller, kind: str) -> str:
    return kind if f"lead.{kind}" in teller.said else kind.removesuffix("_f")


def _aside(teller: Teller) -> str:
    """Parentheses after the name: its native form, its pronunciation. Dropped templates leave them half empty."""
    world, entity = teller.world, teller.subject
    inside = []
    land = entity if world.kind(entity) == "country" else next(iter(world.values(entity, "P17")), "")
    codes = [code for language in world.values(land, "P37") for code in world.values(language, "P218")] if land else []
    for code in codes:
        name = world.entities[entity].labels.get("zh-hant" if code == "zh" else code)
        if name and code != teller.profile.language and name != teller.label:
            inside.append(markup.foreign_text(teller, code, name))
            break
    if entity in _pronunciations():
        language, sound = _pronunciations()[entity]
        inside.append(f"{{{{{teller.profile.ipa}|{language}|{sound}}}}}")
    if not inside:
        return ""
    return teller.said["space"] + teller.said["gloss"].format(teller.said["gloss_join"].join(inside))


@functools.cache
def _pronunciations() -> dict[str, tuple[str, str]]:
    return {row["entity"]: (row["language"], row["ipa"]) for row in read_tsv(DATA / "pronunciations.tsv")}


def _related(teller: Teller, relations: Sequence[str], limit: int) -> list[Callable[[], str]]:
    """Sentences about other entities that these relations lead to, each still to be written."""
    world, entity = teller.world, teller.subject
    found: list[tuple[str, str, str, str]] = []
    for relation in relations:
        found += [
            (relation, entity, value, value) for value in world.values(entity, relation) if value in world.entities
        ]
        found += [(relation, subject, entity, subject) for subject in world.subjects(entity, relation)]
    found = [row for row in found if world.kind(row[1]) == _ASYMMETRIC_KIND.get(row[0], world.kind(row[1]))]
    told: dict[str, tuple[str, str, str, str]] = {}
    for row in found:
        told.setdefault(row[3], row)
    return [_tell(teller, row) for row in _sample_rows(teller.rng, list(told.values()), limit)]


def _sample_rows(
    rng: random.Random, rows: list[tuple[str, str, str, str]], limit: int
) -> list[tuple[str, str, str, str]]:
    return rows if len(rows) <= limit else [rows[index] for index in sorted(rng.sample(range(len(rows)), limit))]


def _tell(teller: Teller, row: tuple[str, str, str, str]) -> Callable[[], str]:
    relation, subject, value, other = row
    return lambda: teller.sentence(f"full.{relation}", {"s": [subject], "o": [value]}, told=other)


def _paragraphs(teller: Teller, sentences: Sequence[Callable[[], str]]) -> list[str]:
    paragraphs = []
    for start in range(0, len(sentences), _SENTENCES_A_PARAGRAPH):
        teller.new_paragraph()
        some = [write() for write in sentences[start : start + _SENTENCES_A_PARAGRAPH]]
        paragraphs.append(teller.said["space"].join(some))
    return paragraphs


def _siblings(teller: Teller) -> list[str]:
    """Entities of the same kind that stand near in the list, for "see also"."""
    kind = teller.world.kind(teller.subject)
    alike = [entity for entity, record in teller.world.entities.items() if record.kind == kind]
    place = alike.index(teller.subject)
    near = [alike[(place + step) % len(alike)] for step in (1, 2, 3, 4)]
    return [entity for entity in dict.fromkeys(near) if entity != teller.subject]


def _overview(teller: Teller) -> str:
    """Return a table of the entity's own facts, and a list of entities of its kind, each with a remark."""
    world, entity, said = teller.world, teller.subject, teller.said
    teller.new_paragraph()
    rows = [(said[name], teller.names(world.values(entity, name)[:4])) for name in said if world.values(entity, name)]
    text = f"== {said['h.list']} ==\n" + markup.table(teller, (said["name"], teller.label), rows)
    lines = [f"== {said['h.see']} =="]
    for sibling in _siblings(teller):
        teller.new_paragraph()
        lines.append(f"* {teller.name(sibling)}{teller.remark(sibling)}")
    return text + "\n\n" + "\n".join(lines)


def _odd_markup(teller: Teller, number: int) -> str:
    """Return the rarer constructs, a few to an article in turn."""
    world, said, entity = teller.world, teller.said, teller.subject
    label = teller.label
    terms = [(said[name], values[0]) for name in said if (values := world.values(entity, name)) and len(values[0]) < 9]
    plain = [(term, meaning) for term, meaning in terms if meaning not in world.entities]
    wheel = (
        lambda: markup.gallery(teller, [label, markup.caption(teller)]),
        lambda: f"<nowiki>[[{label}]] ''{entity}''</nowiki> &mdash; {label}&nbsp;({entity})<br />''{label}''",
        lambda: markup.definition_list(teller, plain),
        lambda: f"# {label}<!-- {entity} -->\n# '''''{label}'''''\n#* <small>{entity}</small>",
        lambda: f"[[#{said['h.see']}|{said['h.see']}]] · {markup.red_link(teller)} · {markup.link_trail(teller)}",
        lambda: (
            f"<blockquote>{label}</blockquote>\n{{{{main|{said['h.list']}}}}}\n<div>{markup.interwiki_links(teller)}</div>"
        ),
    )
    text = wheel[number % len(wheel)]()
    formulas = world.values(entity, "P274")
    return text + (f"\n\n{said['P274']}: {markup.formula(formulas[0])}" if formulas else "")


def _foot(teller: Teller) -> str:
    said = teller.said
    reflist = "<references />" if teller.rng.random() < 0.5 else f"{{{{{teller.profile.reflist}|colwidth=30em}}}}"
    links = markup.external_links(teller)
    return f"== {said['h.refs']} ==\n{reflist}\n\n{links}\n\n{markup.categories(teller)}"
