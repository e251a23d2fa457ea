"""Wikipedia's wikis and the languages they are written in, in one table.

A wiki's database name is not its language: `nowiki` is Norwegian Bokmål (`nb`), `zh_yuewiki` Cantonese (`yue`),
`alswiki` Alemannic (`gsw`, not Tosk Albanian). `languages.tsv` beside this module says which is which.

The word *language* in this project is the code Wikidata uses for its labels, so that a Wikipedia lead and a Wikidata
label of one language meet under one name. Where web standards differ, the table's column `bcp47` has theirs.

`label_codes.tsv` says under which codes Wikidata has texts of each language (`bbc-latn` for `bbc`), and which other
languages MediaWiki falls back to. `pipeline.wikis.mediawiki` makes both tables.

Source: MediaWiki and Wikimedia's configuration, see `pipeline.wikis.mediawiki`; article counts from siteinfo of 2026-01,
where column `counted` says no other.
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
from schemas.names import split_names

_TABLE = pathlib.Path(__file__).with_name("languages.tsv")
_TOP = re.compile(r"top[-_]?(\d+)", re.IGNORECASE)
_CHAINS = pathlib.Path(__file__).with_name("label_codes.tsv")
_OTHERS = pathlib.Path(__file__).with_name("other_wikis.txt")


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
    """Rule for a title's first letter: `first-letter`, `first-letter-dotted-i`, `first-letter-acute-i` or `case-sensitive`."""
    articles: int
    """Number of articles; 0 for closed wikis, and for those that nobody has counted yet."""
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


def _spelled_otherwise(name: str) -> Wiki | None:
    """Return the Wikipedia of a language's English name (`swahili`), of a code with script or region (`zh-tw`, `el_GR`), or of a
    code that others use for it (`iw`, `swh`). MediaWiki's codes go first: libraries know some of them as other languages'.
    """
    tag = name.replace("_", "-")
    for wiki in wikis().values():
        if wiki.name.lower() == name or tag in own_label_languages(wiki.language):
            return wiki
    import langcodes  # it takes a twentieth of a second, and few names need it
    from langcodes.tag_parser import LanguageTagError

    try:
        standard = langcodes.Language.get(tag)
    except LanguageTagError:
        return None
    return _standard_codes().get(standard.language) or _standard_codes().get(standard.prefer_macrolanguage().language)


@functools.cache
def _standard_codes() -> dict[str | None, Wiki]:
    """Wikis by the code that web standards have for the language: `fil` for `tl`."""
    import langcodes

    plain = [wiki for wiki in wikis().values() if wiki.language.isalpha()]
    return {langcodes.Language.get(wiki.language).language: wiki for wiki in plain} | {w.language: w for w in plain}


def find_wiki(name: str) -> Wiki:
    """Return the Wikipedia of a database name (`nowiki`), wiki code (`no`, `zh-yue`), language code (`nb`, `yue`) or language.

    Raises: UsageError for a name the table does not hold, with the nearest names.
    """
    if not isinstance(name, str):
        raise UsageError(
            f"a language code must be text, found {name!r}; YAML reads a bare `no` as False: quote it, or write nb"
        )
    found = _names().get(name.strip().lower()) or _spelled_otherwise(name.strip().lower())
    if found is None:
        near = difflib.get_close_matches(name.strip().lower(), _names(), n=4, cutoff=0.5)
        hint = f"did you mean {', '.join(near)}?" if near else "pipeline/wikis/languages.tsv lists all"
        raise UsageError(f"no Wikipedia goes by the name {name!r}; {hint}")
    return found


def wiki_language(wiki: str) -> str:
    """Return the language code of a wiki: `nowiki` gives `nb`.

    Raises: UsageError for an unknown wiki, with the nearest names.
    """
    return find_wiki(wiki).language


def language_wiki(language: str) -> str:
    """Return the database name of a language's Wikipedia: `nb` gives `nowiki`.

    Raises: UsageError for an unknown language, with the nearest names.
    """
    return find_wiki(language).wiki


def title_case(wiki: str) -> str:
    """Return the rule for the first letter of a wiki's titles, as `titles.normalise_title` takes it.

    Raises: UsageError for an unknown wiki, with the nearest names.
    """
    return find_wiki(wiki).case


def is_wikipedia(wiki: str) -> bool:
    """Whether a database name is a Wikipedia's, one that is newer than the table included."""
    return wiki.endswith("wiki") and wiki not in other_wikis()


@functools.cache
def other_wikis() -> frozenset[str]:
    """Return the wikis whose database names end as those of Wikipedias do."""
    return frozenset(_OTHERS.read_text("utf-8").split())


@functools.cache
def _chains() -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """By language the codes of its own texts, and MediaWiki's chain of fallbacks, both nearest first."""
    with _CHAINS.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row["language"]: (tuple(row["own"].split(",")), tuple(row["chain"].split(","))) for row in rows}


def own_label_languages(language: str) -> tuple[str, ...]:
    """Return the codes under which Wikidata has texts in a language itself, best first.

    Its own code, legacy spellings of it, other scripts and regions: `bbc`, `bbc-latn`; `gsw`, `als`; `pt`, `pt-br`.
    """
    return _chains().get(language, ((language,), ()))[0]


def label_languages(language: str) -> tuple[str, ...]:
    """Wikidata's label codes to try for a language, best first: those of its own, `mul`, then `en`.

    `mul` holds names that are the same in many languages; Wikidata moves labels there since 2024.
    """
    return tuple(dict.fromkeys((*own_label_languages(language), "mul", "en")))


def fallback_languages(language: str) -> tuple[str, ...]:
    """Other languages whose texts MediaWiki shows to readers of a language that has none, nearest first, `en` last."""
    own = own_label_languages(language)
    chain = (*_chains().get(language, ((), ()))[1], "en")
    return tuple(dict.fromkeys(code for code in chain if code and code not in own))


def top_languages(count: int) -> tuple[str, ...]:
    """Return the languages of the `count` open Wikipedias with the most articles, largest first.

    Simple English is left out: it is English a second time.
    """
    ranked = sorted(
        (wiki for wiki in wikis().values() if wiki.is_open and wiki.language != "en-simple"),
        key=lambda wiki: (-wiki.articles, wiki.wiki),
    )
    return tuple(wiki.language for wiki in ranked[:count])


def named_languages(wanted: str | Iterable[str]) -> tuple[str, ...]:
    """Return the languages asked for one by one, without those that `topN` or `all` stand for.

    Raises: UsageError for an unknown name, or a value that is not text.
    """
    names = (name for name in split_names(wanted) if not _is_group(name))
    return tuple(dict.fromkeys(language for name in names for language in _languages_of_name(name)))


def parse_languages(wanted: str | Iterable[str]) -> tuple[str, ...]:
    """Language codes asked for by name, `top100` or `all` (open wikis), without repeats, in the order given.

    Names may be language codes, wiki codes or database names, mixed with `topN`.

    Raises: UsageError for an unknown name (with the nearest), an empty list, or a value that is not text.
    """
    languages: dict[str, None] = {}
    for name in split_names(wanted):
        languages.update(dict.fromkeys(_languages_of_name(name)))
    if not languages:
        raise UsageError("no language given; write codes as sw,yo,tr, or top100, or all")
    return tuple(languages)


def _is_group(name: str) -> bool:
    return bool(_TOP.fullmatch(name)) or name.lower() == "all"


def _languages_of_name(name: str) -> tuple[str, ...]:
    if top := _TOP.fullmatch(name):
        return top_languages(int(top[1]))
    if name.lower() == "all":
        return tuple(wiki.language for wiki in wikis().values() if wiki.is_open)
    return (find_wiki(name).language,)
