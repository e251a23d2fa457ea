"""The tables of MediaWiki's facts, as rows: first cell, then the others."""

from __future__ import annotations

from collections import Counter, defaultdict

from pipeline.wikis.mediawiki.languages import LanguageFiles
from pipeline.wikis.mediawiki.settings import Settings

Rows = list[tuple[str, list[str]]]
"""First cell and the cells behind it."""


def link_borders(files: LanguageFiles, settings: Settings) -> Rows:
    """Wikis (joined by commas), their link trail, their link prefix or `-`."""
    wikis: dict[tuple[str, str], list[str]] = defaultdict(list)
    for wiki in settings.wikis:
        borders = files.link_borders(settings.language(wiki))
        wikis[borders.trail, borders.prefix or "-"].append(wiki)
    return [(",".join(names), [trail, prefix]) for (trail, prefix), names in sorted(wikis.items())]


def namespaces(files: LanguageFiles, settings: Settings) -> Rows:
    """Names of namespaces (`6=Datei,Bild`): those of each language, then each wiki with its language and its own.

    The names that every wiki knows stand under `*`, once: the canonical English ones and the aliases of English.
    """
    everywhere = {number: list(forms) for number, forms in files.canonical_namespaces().items()}
    for number, forms in files.namespaces("en").items():
        everywhere[number] = list(dict.fromkeys(everywhere.get(number, []) + forms))
    rows: Rows = [("*", _cells(everywhere))]
    for language in sorted({settings.language(wiki) for wiki in settings.wikis}):
        names = files.namespaces(language).items()
        own = {number: [form for form in forms if form not in everywhere.get(number, ())] for number, forms in names}
        rows.append((language, _cells(own)))
    for wiki in settings.wikis:
        rows.append((wiki, [settings.language(wiki), *_cells(settings.namespaces(wiki))]))
    return rows


def _cells(names: dict[int, list[str]]) -> list[str]:
    """Numbered names with blanks; those that a wiki's grammar would have to inflect are left to the dump's header."""
    spoken = {number: [form.replace("_", " ") for form in forms if "$1" not in form] for number, forms in names.items()}
    return [f"{number}={','.join(forms)}" for number, forms in spoken.items() if forms]


def interwiki(files: LanguageFiles, settings: Settings) -> Rows:
    """Prefixes to other wikis: of other languages' editions and of all else for every wiki, then what a wiki has apart.

    A wiki's row `own` holds the prefixes that lead to itself, `project` those that most wikis do not have. A prefix that
    a few lack stands for them too: where they lack it, a namespace of theirs has its name, and namespaces come first.
    """
    prefixes = {wiki: set(settings.interwiki(wiki)) for wiki in settings.wikis}
    known = Counter(prefix for found in prefixes.values() for prefix in found)
    shared = {prefix for prefix, count in known.items() if 2 * count > len(prefixes)}
    languages = files.known | settings.extra_languages()
    rows: Rows = [
        ("language", ["*", *sorted(shared & languages)]),
        ("project", ["*", *sorted(shared - languages)]),
    ]
    for wiki in settings.wikis:
        rows.append(("own", [wiki, *settings.own_prefixes(wiki)]))
    for wiki, found in prefixes.items():
        if apart := sorted(found - shared):
            rows.append(("project", [wiki, *apart]))
    return rows


def disambiguation_words(files: LanguageFiles, settings: Settings) -> Rows:
    """Spellings of the magic word of pages that list namesakes, and the wikis that know them."""
    wikis: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for wiki in settings.wikis:
        wikis[tuple(files.magic_words(settings.language(wiki), "disambiguation"))].append(wiki)
    common = min(wikis, key=lambda words: (len(words), words))
    rows: Rows = [("*", list(common))]
    own = ((names, [word for word in words if word not in common]) for words, names in sorted(wikis.items()))
    return rows + [(",".join(names), words) for names, words in own if words]


def number_formats(files: LanguageFiles, settings: Settings) -> Rows:
    """Wikis (joined by commas), decimal sign, sign between groups, fewest digits before one, digits of groups but the last."""
    wikis: dict[tuple[str, str, int, int], list[str]] = defaultdict(list)
    for wiki in settings.wikis:
        wikis[files.number_format(settings.language(wiki))].append(wiki)
    return [(",".join(names), list(map(str, format_))) for format_, names in sorted(wikis.items())]
