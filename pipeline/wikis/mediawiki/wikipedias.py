"""The tables of all Wikipedias: what each is called and how it writes titles, and the codes of its labels.

What no source of MediaWiki's has, namely the articles with the date of their count, is carried over from the table as it
stands, and so are English names and wikis that were deleted since.

Source: `includes/languages/Language*.php` (letter case) of MediaWiki 1.45.0; `dblists/` of 2026-08-21; cldr's
`LocalNamesEn.php`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipeline.wikis.mediawiki.codes import ENGLISH_WIKIS, OLDER_CODES, Codes, own_codes, read_codes
from pipeline.wikis.mediawiki.languages import LanguageFiles
from pipeline.wikis.mediawiki.php import Reader
from pipeline.wikis.mediawiki.settings import Settings, code_of

_WIKI_COLUMNS = ("wiki", "language", "bcp47", "case", "articles", "counted", "state", "name")
_CHAIN_COLUMNS = ("language", "own", "chain")
_NO_ENCYCLOPEDIAS = ("testwiki", "test2wiki", "tenwiki")
"""Members of Wikimedia's list of Wikipedias that are none: two for tests, and one about an anniversary."""


def write_tables(sources: Path, files: LanguageFiles, settings: Settings, before: Path, output: Path) -> list[Path]:
    """Write `languages.tsv`, `label_codes.tsv` and `other_wikis.txt`.

    Args:
        sources: folder of the checkouts.
        files: language files in it.
        settings: the configuration in it.
        before: `languages.tsv` as it stands.
        output: where the tables go.

    Returns: their paths.
    """
    codes = read_codes(files, sources / "core", sources / "extensions" / "Wikibase")
    languages = _languages(settings, codes)
    english = Reader(sources / "extensions/cldr/LocalNames/LocalNamesEn.php").variables()["languageNames"]
    wikis = _wiki_rows(before, languages, codes, settings, files.title_cases(), english)
    ends_alike = [wiki for wiki in settings.listed("all") if wiki not in languages]
    tables = {
        "languages.tsv": _lines(_WIKI_COLUMNS, wikis),
        "label_codes.tsv": _lines(_CHAIN_COLUMNS, _chain_rows(wikis, codes)),
        "other_wikis.txt": ends_alike,
    }
    for name, lines in tables.items():
        (output / name).write_text("\n".join(lines) + "\n", "utf-8")
    return [output / name for name in tables]


def _languages(settings: Settings, codes: Codes) -> dict[str, str]:
    """Return the language of every Wikipedia by database name; deleted ones that earlier tables have are not in it."""
    by_tag = {tag: code for code, tag in codes.tags.items() if code in codes.chains}
    languages = {}
    for wiki in settings.wikis:
        if wiki not in _NO_ENCYCLOPEDIAS:
            code = settings.language(wiki)
            # `cbk` of the configuration is `cbk-zam` among the codes of texts.
            languages[wiki] = ENGLISH_WIKIS.get(wiki, code if code in codes.chains else by_tag.get(code, code))
    return languages


def _wiki_rows(
    before: Path,
    languages: Mapping[str, str],
    codes: Codes,
    settings: Settings,
    cases: Mapping[str, str],
    english: Mapping[str, str],
) -> list[dict[str, str]]:
    with before.open(encoding="utf-8", newline="") as lines:
        known = {row["wiki"]: row for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)}
    rows = [known[wiki] | {"state": "closed"} for wiki in settings.listed("deleted") if wiki in known]
    for wiki, code in languages.items():
        new = {"wiki": wiki, "articles": "0", "counted": "-", "name": english.get(code, code)}
        case = cases.get(code, "first-letter")
        rows.append(
            known.get(wiki, new)
            | {
                "language": code,
                "bcp47": codes.tag(code),
                "case": case if settings.is_capital(wiki) else "case-sensitive",
                "state": "closed" if wiki in settings.closed else "open",
            }
        )
    return sorted(rows, key=lambda row: row["wiki"])


def _chain_rows(wikis: Iterable[Mapping[str, str]], codes: Codes) -> list[dict[str, str]]:
    of_wikis = {code_of(row["wiki"]): row["language"] for row in wikis}
    of_wikis |= {row["language"]: row["language"] for row in wikis} | OLDER_CODES
    rows = []
    for code in sorted(row["language"] for row in wikis):
        own, chain = own_codes(code, codes, of_wikis), codes.chains.get(code, ())
        rows.append({"language": code, "own": ",".join(own), "chain": ",".join(chain)})
    return rows


def _lines(columns: tuple[str, ...], rows: Iterable[Mapping[str, str]]) -> list[str]:
    return ["\t".join(columns), *("\t".join(row[column] for column in columns) for row in rows)]
