"""Pieces of wikitext around the sentences: infoboxes, files, references, tables, and the odd things editors write.

Between them they use every construct that a reader of dumps has to deal with; the tests hold that each wiki has all.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.sample_world.sentences import Teller
from pipeline.sample_world.titles import capitalised

_FOREIGN = {"en": "de", "de": "en", "es": "en", "ru": "en", "el": "en", "hy": "ru", "ar": "en", "hi": "en"}
_OWN_LETTERS = {"en": "s", "de": "s", "es": "s", "ru": "а", "el": "ς", "hy": "ներ", "ar": "ات", "hi": "ओं"}


def foreign_text(teller: Teller, language: str, text: str) -> str:
    """Return a word in another language, marked the way the wiki does it."""
    if teller.profile.langs == "lang-":
        return f"{{{{lang-{language}|{text}}}}}"
    return f"{{{{lang|{language}|{text}}}}}"


def infobox(teller: Teller, rows: Sequence[tuple[str, str]]) -> str:
    """Return the box at the head of an article, with templates and a file inside it."""
    label = teller.label
    lines = [f"{{{{{teller.profile.infobox} {teller.said['kind.' + teller.world.kind(teller.subject)]}"]
    lines.append(f"| {teller.said['name']} = {{{{nowrap|{label}}}}}")
    lines += [f"| {name} = {{{{{teller.profile.bold_list}|{value}}}}}<!-- Wikidata -->" for name, value in rows]
    lines.append(f"| image = [[{file_name(teller, 'File')}|250px|{caption(teller)}]]")
    lines.append("|}}" if teller.rng.random() < 0.3 else "}}")
    return "\n".join(lines)


def caption(teller: Teller) -> str:
    """Return what stands under a picture: places have maps."""
    is_place = teller.world.kind(teller.subject) in ("country", "city", "continent")
    return teller.said["map_of"].format(teller.label) if is_place else teller.label


def file_name(teller: Teller, prefix: str) -> str:
    """Return a file's title, named after the entity."""
    return f"{prefix}:{teller.world.entities[teller.subject].labels['en']}.svg"


def thumbnail(teller: Teller, words: str) -> str:
    """Return a picture beside the text; the namespace is written in its local, its older or its English name."""
    profile = teller.profile
    prefix = teller.rng.choice([profile.namespace(6), profile.image, "File"])
    size = teller.rng.choice(["220px", "upright=1.2", "x180px"])
    return f"[[{file_name(teller, prefix)}|{profile.thumb}|{size}|{words}]]"


def gallery(teller: Teller, captions: Sequence[str]) -> str:
    """Several pictures; the lines of a gallery are files without brackets."""
    prefix = teller.profile.namespace(6)
    lines = [f"{file_name(teller, prefix)}|{caption}" for caption in captions]
    return '<gallery mode="packed">\n' + "\n".join(lines) + "\n</gallery>"


def reference(teller: Teller, name: str) -> str:
    """Return a footnote that cites the entity's Wikidata page."""
    label = teller.label
    address = f"https://www.wikidata.org/wiki/{teller.subject}"
    return (
        f'<ref name="{name}">{{{{{teller.profile.cite}|title={label} |url={address} |access-date=2026-11-01}}}}</ref>'
    )


def table(teller: Teller, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table with a caption, attributes, and both ways to write cells."""
    lines = ['{| class="wikitable sortable" style="text-align: left;"', f"|+ {teller.said['h.list']}", "|-"]
    lines.append("! " + " !! ".join(head))
    for number, cells in enumerate(rows):
        lines.append("|-" if number % 2 else '|- style="background: #f8f9fa;"')
        lines.append("| " + " || ".join(cells) if number % 2 else "\n".join(f"| {cell}" for cell in cells))
    return "\n".join([*lines, "|}"])


def formula(text: str) -> str:
    """Return a chemical formula as mathematics: H₂O becomes `<math>\\mathrm{H_{2}O}</math>`."""
    plain = "".join(f"_{{{ord(letter) - 0x2080}}}" if "₀" <= letter <= "₉" else letter for letter in text)
    return f"<math>\\mathrm{{{plain}}}</math>"


def red_link(teller: Teller) -> str:
    """Return a link to an article nobody has written yet."""
    label = teller.label
    return f"[[{capitalised(label)} – {teller.said['h.facts']}|{teller.said['h.facts']}]]"


def link_trail(teller: Teller) -> str:
    """Return a common noun with letters behind the link; Chinese and Japanese have no such letters."""
    noun = teller.said[f"kind.{teller.world.kind(teller.subject)}"]
    return f"[[{noun}]]{_OWN_LETTERS.get(teller.profile.language, '')}"


def interwiki_links(teller: Teller) -> str:
    """Links to another wiki in the text, and the old language link that the interface shows."""
    language = _FOREIGN.get(teller.profile.language, "en")
    other = teller.world.entities[teller.subject].labels[language]
    return f"[[:{language}:{other}|{other}]], [[wikt:{other}|{other}]]\n\n[[{language}:{other}]]"


def external_links(teller: Teller) -> str:
    """Addresses outside, with words, without, and bare."""
    entity = teller.subject
    base = "https://www.wikidata.org/wiki/"
    return f"* [{base}{entity} {entity}] [{base}Special:EntityData/{entity}.json]\n* {base}{entity}"


def definition_list(teller: Teller, terms: Sequence[tuple[str, str]]) -> str:
    """Terms and what they mean."""
    return "\n".join(f"; {term}\n: {meaning}" for term, meaning in terms)


def categories(teller: Teller) -> str:
    """Sort key and categories at the foot, in the local and the English name."""
    profile = teller.profile
    noun = capitalised(teller.said[f"kind.{teller.world.kind(teller.subject)}"])
    label = teller.label
    visible = f"[[:{profile.namespace(14)}:{noun}|{noun}]]"
    return (
        f"{visible}\n\n{{{{DEFAULTSORT:{label}}}}}\n[[{profile.namespace(14)}:{noun}|{label}]]\n"
        f"[[Category:{teller.subject}]]"
    )
