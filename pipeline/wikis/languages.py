"""Wikipedia's wikis and the languages they are written in, in one table.

A wiki's database name is not its language: `nowiki` is Norwegian Bokmål (`nb`), `zh_yuewiki` Cantonese (`yue`),
`alswiki` Alemannic (`gsw`, not Tosk Albanian). `languages.tsv` beside this module says which is which.

The word *language* in this project is the code Wikidata uses for its labels, so that a Wikipedia lead and a Wikidata
label of one language meet under one name. Where web standards differ, the table's column `bcp47` has theirs.

Source: database names, host names, HTML language and letter case from the siteinfo of each wiki (snapshot 2023-09);
article counts from siteinfo of 2026-01. Column `counted` says where a count is older, rounded or recalled. The letter
case of Turkish, Azerbaijani and Karakalpak titles (dotted capital İ) follows MediaWiki's language classes.
"""

from __future__ import annotations

import csv
import difflib
import functools
import pathlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from schemas.errors import UsageError

_TABLE = pathlib.Path(__file__).with_name("languages.tsv")
_TOP = re.compile(r"top[-_]?(\d+)", re.IGNORECASE)
# Written forms of one language that carry label codes of their own, nearest first.
_VARIANTS = {
    "be-tarask": ("be",),
    "en-simple": ("en",),
    "kk": ("kk-cyrl", "kk-latn", "kk-arab"),
    "nb": ("no",),
    "sr": ("sr-ec", "sr-cyrl", "sr-el", "sr-latn"),
    "zh": ("zh-hans", "zh-cn", "zh-sg", "zh-my", "zh-hant", "zh-tw", "zh-hk", "zh-mo"),
}


@dataclass(frozen=True, kw_only=True)
class Wiki:
    """One Wikipedia: the names it goes by and what its titles look like."""

    wiki: str
    """Database name, as in dump file names and Wikidata's sitelinks: `zh_yuewiki`."""
    language: str
    """Wikidata's label code of the language: `yue`. Unique in the table."""
    bcp47: str
    """The language tag for the web; differs from `language` for a few codes (`nrm` is `nrf`)."""
    case: str
    """Rule for a title's first letter: `first-letter`, `first-letter-dotted-i` or `case-sensitive`."""
    articles: int
    """Number of articles; 0 for closed wikis."""
    counted: str
    """When the articles were counted, or `recalled`."""
    is_open: bool
    """False for wikis that were closed; their old dumps still exist."""
    name: str
    """English name of the language."""

    @property
    def code(self) -> str:
        """The wiki's code without its suffix, with hyphens: `zh-yue`."""
        return self.wiki.removesuffix("wiki").replace("_", "-")


@functools.cache
def wikis() -> dict[str, Wiki]:
    """Every Wikipedia by database name, in the table's order."""
    with _TABLE.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row["wiki"]: _wiki_of_row(row) for row in rows}


def _wiki_of_row(row: dict[str, str]) -> Wiki:
    return Wiki(
        wiki=row["wiki"],
        language=row["language"],
        bcp47=row["bcp47"],
        case=row["case"],
        articles=int(row["articles"]),
        counted=row["counted"],
        is_open=row["state"] == "open",
        name=row["name"],
    )


@functools.cache
def _names() -> dict[str, Wiki]:
    """Every spelling by which a wiki may be asked for; on a clash the language code wins over the wiki's own code."""
    names: dict[str, Wiki] = {}
    for wiki in wikis().values():
        for name in (wiki.language, wiki.wiki):
            names[name.lower()] = wiki
    for wiki in wikis().values():
        for name in (wiki.code, wiki.bcp47, wiki.wiki.removesuffix("wiki")):
            names.setdefault(name.lower(), wiki)
    # Hosts that Wikimedia renamed while the database kept its name.
    names.setdefault("be-x-old", wikis()["be_x_oldwiki"])
    return names


def find_wiki(name: str) -> Wiki:
    """The Wikipedia of a database name (`nowiki`), wiki code (`no`, `zh-yue`) or language code (`nb`, `yue`).

    Raises: UsageError for a name the table does not hold, with the nearest names.
    """
    if not isinstance(name, str):
        raise UsageError(
            f"a language code must be text, found {name!r}; YAML reads a bare `no` as False: quote it, or write nb"
        )
    found = _names().get(name.strip().lower())
    if found is None:
        near = difflib.get_close_matches(name.strip().lower(), _names(), n=4, cutoff=0.5)
        hint = f"did you mean {', '.join(near)}?" if near else "pipeline/wikis/languages.tsv lists all"
        raise UsageError(f"no Wikipedia goes by the name {name!r}; {hint}")
    return found


def wiki_language(wiki: str) -> str:
    """The language code of a wiki: `nowiki` gives `nb`.

    Raises: UsageError for an unknown wiki, with the nearest names.
    """
    return find_wiki(wiki).language


def language_wiki(language: str) -> str:
    """The database name of a language's Wikipedia: `nb` gives `nowiki`.

    Raises: UsageError for an unknown language, with the nearest names.
    """
    return find_wiki(language).wiki


def title_case(wiki: str) -> str:
    """The rule for the first letter of a wiki's titles, as `titles.normalise_title` takes it.

    Raises: UsageError for an unknown wiki, with the nearest names.
    """
    return find_wiki(wiki).case


def label_languages(language: str) -> tuple[str, ...]:
    """Wikidata's label codes to try for a language, best first: its own, its written variants, `mul`, then `en`.

    `mul` holds names that are the same in many languages; Wikidata moves labels there since 2024.
    """
    chain = (language, *_VARIANTS.get(language, ()), "mul", "en")
    return tuple(dict.fromkeys(chain))


def own_label_languages(language: str) -> tuple[str, ...]:
    """The part of `label_languages` that is in the language itself: no `mul`, and no `en` unless it is English."""
    return (language, *_VARIANTS.get(language, ()))


def top_languages(count: int) -> tuple[str, ...]:
    """The languages of the `count` open Wikipedias with the most articles, largest first.

    Simple English is left out: it is English a second time.
    """
    ranked = sorted(
        (wiki for wiki in wikis().values() if wiki.is_open and wiki.language != "en-simple"),
        key=lambda wiki: (-wiki.articles, wiki.wiki),
    )
    return tuple(wiki.language for wiki in ranked[:count])


def named_languages(wanted: str | Iterable[str]) -> tuple[str, ...]:
    """The languages asked for one by one, without those that `topN` or `all` stand for.

    Raises: UsageError for an unknown name, or a value that is not text.
    """
    names = (name for name in _split(wanted) if not isinstance(name, str) or not _is_group(name))
    return tuple(dict.fromkeys(language for name in names for language in _languages_of_name(name)))


def parse_languages(wanted: str | Iterable[str]) -> tuple[str, ...]:
    """Language codes asked for as `sw,yo,tr`, `top100` or `all` (open wikis), without repeats, in the order given.

    Names may be language codes, wiki codes or database names, mixed with `topN`.

    Raises: UsageError for an unknown name (with the nearest), an empty list, or a value that is not text.
    """
    languages: dict[str, None] = {}
    for name in _split(wanted):
        languages.update(dict.fromkeys(_languages_of_name(name)))
    if not languages:
        raise UsageError("no language given; write codes as sw,yo,tr, or top100, or all")
    return tuple(languages)


def _split(wanted: str | Iterable[str]) -> list[str]:
    return wanted.replace(",", " ").split() if isinstance(wanted, str) else list(wanted)


def _is_group(name: str) -> bool:
    return bool(_TOP.fullmatch(name)) or name.lower() == "all"


def _languages_of_name(name: str) -> tuple[str, ...]:
    if isinstance(name, str) and (top := _TOP.fullmatch(name)):
        return top_languages(int(top[1]))
    if isinstance(name, str) and name.lower() == "all":
        return tuple(wiki.language for wiki in wikis().values() if wiki.is_open)
    return (find_wiki(name).language,)
