"""`python -m pipeline.wikis.mediawiki FOLDER`: write the tables of MediaWiki's facts anew.

FOLDER holds checkouts of public repositories: `core` (mediawiki/core), `config` (operations/mediawiki-config) and
`extensions/` with Disambiguator and Scribunto, for their files `*.magic.php` and `*.namespaces.php`, with Wikibase, for the
codes of labels, and with cldr, for English names of languages. Nothing is run.
"""

from __future__ import annotations

import argparse
import pathlib
import sys

from pipeline.wikis.mediawiki import tables, wikipedias
from pipeline.wikis.mediawiki.languages import LanguageFiles, version
from pipeline.wikis.mediawiki.settings import Settings

_WIKIS = pathlib.Path(__file__).parents[1]
_DATA = _WIKIS.parent / "wikipedia" / "wikitext" / "data"
_TABLES = {
    "link_trails.tsv": (
        tables.link_borders,
        "wikis (database names), $linkTrail, $linkPrefixCharset (- where no prefix joins)",
    ),
    "namespaces.tsv": (
        tables.namespaces,
        "language code, or wiki and the code of its language; then number=names of each namespace, the page's name first",
    ),
    "interwiki.tsv": (
        tables.interwiki,
        "kind (language: between editions; project: elsewhere; own: to the wiki itself), wiki (* for all), prefixes",
    ),
    "number_formats.tsv": (
        tables.number_formats,
        "wikis (database names), decimal sign, sign between groups, least digits before the first, digits of a group",
    ),
    "disambiguation_words.tsv": (tables.disambiguation_words, "wikis (* for all), spellings of __DISAMBIG__"),
}


def main(arguments: list[str]) -> int:
    """Write every table; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.wikis.mediawiki", description=__doc__)
    parser.add_argument("folder", type=pathlib.Path, metavar="FOLDER", help="checkouts of MediaWiki's repositories")
    parser.add_argument(
        "--output", type=pathlib.Path, help="folder for all tables; by default each goes where the package has it"
    )
    options = parser.parse_args(arguments)
    files = LanguageFiles(options.folder / "core", options.folder / "extensions")
    settings = Settings(options.folder / "config", files.namespace_numbers)
    source = f"MediaWiki {version(options.folder / 'core')} and Wikimedia's configuration of {settings.date}"
    for name, (make, columns) in _TABLES.items():
        path = (options.output or (_WIKIS if name == "number_formats.tsv" else _DATA)) / name
        write(path, make(files, settings), columns, source)
        print(f"wrote {path}", file=sys.stderr)
    before = _WIKIS / "languages.tsv"
    for path in wikipedias.write_tables(options.folder, files, settings, before, options.output or _WIKIS):
        print(f"wrote {path}", file=sys.stderr)
    return 0


def write(path: pathlib.Path, rows: tables.Rows, columns: str, source: str) -> None:
    """Write a table: what its columns are, where it is from, its rows."""
    head = [f"# {columns}.", f"# Made by `python -m pipeline.wikis.mediawiki` from {source}; do not edit."]
    lines = ["\t".join([first, *cells]) for first, cells in rows]
    path.write_text("\n".join([*head, *lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
