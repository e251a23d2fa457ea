"""Make `languages.tsv`, `label_codes.tsv` and `other_wikis.txt` from MediaWiki's own sources.

    python -m pipeline.wikis.from_mediawiki --mediawiki DIR --wikibase DIR --config DIR --names DIR

reads checkouts of MediaWiki, of its extensions Wikibase and cldr, and of Wikimedia's configuration
(operations/mediawiki-config), and writes the tables beside this module. Columns that no source there has, namely the
articles with the date of their count, are carried over from the table as it stands, and so are English names.

Source: `includes/languages/data/Names.php` (codes), `languages/messages/Messages*.php` (`$fallback`),
`includes/language/LanguageCode.php` (legacy and non-standard codes), `includes/languages/Language*.php` (letter case) of
MediaWiki 1.45.0; `WikibaseContentLanguages.php` (codes of labels); `dblists/` and `InitialiseSettings.php` of 2026-08-21.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import tyro

_HERE = Path(__file__).parent
_WIKI_COLUMNS = ("wiki", "language", "bcp47", "case", "articles", "counted", "state", "name")
_CHAIN_COLUMNS = ("language", "own", "chain")

_NO_ENCYCLOPEDIAS = ("testwiki", "test2wiki", "tenwiki")
"""Members of Wikimedia's list of Wikipedias that are none: two for tests, and one about an anniversary."""
_ENGLISH_WIKIS = {"simplewiki": "en-simple"}
"""Wikis that MediaWiki runs in English, with the code that their language has in this project."""
_OLDER_CODES = {"tokipona": "tok"}
"""Codes that dumps of 2015 have, and MediaWiki has no more."""
_NO_TEXTS = frozenset({"en-rtl", "en-x-piglatin", "qqq", "qqx"})
"""Codes that MediaWiki has for tests of itself."""
_REGISTERS = ("-x-formal", "-x-informal")
"""Private subtags that change how readers are addressed, not the language."""

_PAIR = re.compile(
    r"""^\s*'([\w-]+)' => (?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"),(?:\s*#\s*([^,;(\n]+))?""", re.MULTILINE
)
_VALUE = re.compile(r"^\s*'([\w-]+)',", re.MULTILINE)
_FALLBACK = re.compile(r"""^\$fallback\s*=\s*['"]([^'"]*)['"];""", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Codes:
    """What MediaWiki knows of language codes."""

    chains: dict[str, tuple[str, ...]]
    """Every code of texts, with the codes that its language file falls back to, nearest first; `en` only if declared."""
    tags: dict[str, str]
    """BCP 47 tag of each code whose tag is another."""

    def tag(self, code: str) -> str:
        """Return the BCP 47 tag of a code: `zh-yue` is `yue`, `nrm` is `nrf`, `nds-nl` is `nds-NL`."""
        language, *others = self.tags.get(code, code).split("-")
        cased = [part.upper() if len(part) == 2 else part.title() if len(part) == 4 else part for part in others]
        return "-".join([language, *(others if "x" in others else cased)])

    def language(self, code: str) -> str:
        """Return the primary subtag: `zh` of `zh-hans`, but `yue` of `zh-yue`."""
        return self.tag(code).partition("-")[0].lower()


def php_array(text: str, name: str) -> str:
    """Return the inside of the array that follows a name, up to the line on which its own bracket closes."""
    begin = text.index("[", text.index(name)) + 1
    line = text[text.rindex("\n", 0, begin) + 1 : begin]
    indent = line[: len(line) - len(line.lstrip())]
    return text[begin : text.index(f"\n{indent}]", begin)]


def php_pairs(array: str) -> dict[str, str]:
    """Return the `'key' => 'value'` lines of an array."""
    return {key: re.sub(r"\\(.)", r"\1", one or two) for key, one, two, _ in _PAIR.findall(array)}


def read_codes(mediawiki: Path, wikibase: Path) -> Codes:
    """Read every code that labels can have, with chains and tags."""
    names = php_array((mediawiki / "includes/languages/data/Names.php").read_text("utf-8"), "const NAMES")
    mapping = (mediawiki / "includes/language/LanguageCode.php").read_text("utf-8")
    terms = (wikibase / "lib/includes/WikibaseContentLanguages.php").read_text("utf-8")
    static = php_array(terms[terms.index("function getDefaultTermsLanguages") :], "StaticContentLanguages")
    chains: dict[str, tuple[str, ...]] = dict.fromkeys([*php_pairs(names), *_VALUE.findall(static)], ())
    for path in sorted((mediawiki / "languages/messages").glob("Messages*.php")):
        code = path.stem.removeprefix("Messages").lower().replace("_", "-")
        found = _FALLBACK.search(path.read_text("utf-8"))
        chains[code] = tuple(part.strip() for part in found[1].split(",")) if found else ()
    # Some chains name codes of texts that have no file and no name: `sr-cyrl`.
    for code in sorted({code for chain in chains.values() for code in chain} - set(chains)):
        chains[code] = ()
    chains |= {code: (wiki.removesuffix("wiki"), "en") for wiki, code in _ENGLISH_WIKIS.items()}
    chains |= dict.fromkeys(_OLDER_CODES, ())
    legacy = php_pairs(php_array(mapping, "const DEPRECATED_LANGUAGE_CODE_MAPPING"))
    odd = php_pairs(php_array(mapping, "const NON_STANDARD_LANGUAGE_CODE_MAPPING"))
    return Codes(chains={code: chains[code] for code in sorted(chains) if code not in _NO_TEXTS}, tags=legacy | odd)


def own_codes(language: str, codes: Codes, of_wikis: Mapping[str, str]) -> tuple[str, ...]:
    """Return the codes under which texts of a language itself are written, best first.

    These are its own code, legacy spellings of it, then those that its chain names, then the others by alphabet, of the
    codes that differ from it in script or region alone. A code that another wiki is written under counts only where the
    chain names it (`be` for `be-tarask`), a private tag only where it tells a register (`de-formal`).

    Args:
        language: the code.
        codes: all codes.
        of_wikis: the language of each wiki's own code, for instance `nb` of `no`.
    """
    chain, found = codes.chains.get(language, ()), [language]
    legacy = [code for code in codes.chains if codes.tag(code) == codes.tag(language) or of_wikis.get(code) == language]
    for code in (*legacy, *chain, *codes.chains):
        if code in found or code in _NO_TEXTS:
            continue
        if of_wikis.get(code, language) != language and not (code in chain and _is_public(codes.tag(language))):
            continue
        same = codes.language(code) == codes.language(language) and _is_public(codes.tag(code))
        if same or code in legacy or _is_script_of(code, language, codes):
            found.append(code)
    return tuple(found)


def _is_public(tag: str) -> bool:
    return "-x-" not in tag or tag.endswith(_REGISTERS)


def _is_script_of(code: str, language: str, codes: Codes) -> bool:
    """Whether a code like `ike-latn`, whose language has no code without a script, stands for this one (`iu`) by its chain."""
    bare, dash, _ = code.partition("-")
    if not dash or bare in codes.chains:
        return False
    return next((other for other in codes.chains[code] if "-" not in other), None) == language


def read_languages(config: Path, codes: Codes) -> dict[str, str]:
    """Return the language of every Wikipedia by database name; deleted ones that earlier tables have are not in it."""
    settings = (config / "wmf-config/InitialiseSettings.php").read_text("utf-8")
    set_by_hand = php_pairs(php_array(settings, "\n'wgLanguageCode' =>"))
    by_tag = {tag: code for code, tag in codes.tags.items() if code in codes.chains}
    languages = {}
    for wiki in _dblist(config, "wikipedia"):
        if wiki in _NO_ENCYCLOPEDIAS:
            continue
        code = set_by_hand.get(wiki, wiki.removesuffix("wiki").replace("_", "-"))
        # `cbk` of the configuration is `cbk-zam` among the codes of texts.
        languages[wiki] = _ENGLISH_WIKIS.get(wiki, code if code in codes.chains else by_tag.get(code, code))
    return languages


def _dblist(config: Path, name: str) -> list[str]:
    lines = (config / f"dblists/{name}.dblist").read_text("utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def _cases(mediawiki: Path, config: Path, languages: Mapping[str, str]) -> dict[str, str]:
    """Return the rule for the first letter of each wiki's titles."""
    settings = (config / "wmf-config/InitialiseSettings.php").read_text("utf-8")
    inside = php_array(settings, "\n'wgCapitalLinks' =>")
    kept = set(re.findall(r"^\s*'(\w+)' => false", inside, re.MULTILINE))
    dotted = {
        path.stem.removeprefix("Language").lower().replace("_", "-")
        for path in (mediawiki / "includes/languages").glob("Language*.php")
        if "function ucfirst" in (text := path.read_text("utf-8")) and "'İ'" in text
    }
    return {
        wiki: "case-sensitive" if wiki in kept else "first-letter-dotted-i" if code in dotted else "first-letter"
        for wiki, code in languages.items()
    }


def _wiki_rows(
    mediawiki: Path, config: Path, names: Path, languages: dict[str, str], codes: Codes
) -> list[dict[str, str]]:
    with (_HERE / "languages.tsv").open(encoding="utf-8", newline="") as lines:
        before = {row["wiki"]: row for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)}
    local = php_pairs((names / "LocalNames/LocalNamesEn.php").read_text("utf-8"))
    in_comments = {
        key: comment.strip()
        for key, _, _, comment in _PAIR.findall((mediawiki / "includes/languages/data/Names.php").read_text("utf-8"))
    }
    closed, cases = set(_dblist(config, "closed")), _cases(mediawiki, config, languages)
    deleted = set(_dblist(config, "deleted"))
    rows = [before[wiki] | {"state": "closed"} for wiki in before if wiki in deleted]
    for wiki, code in languages.items():
        old = before.get(
            wiki, {"articles": "0", "counted": "-", "name": local.get(code) or in_comments.get(code) or code}
        )
        state = "closed" if wiki in closed else "open"
        rows.append(
            old | {"wiki": wiki, "language": code, "bcp47": codes.tag(code), "case": cases[wiki], "state": state}
        )
    return sorted(rows, key=lambda row: row["wiki"])


def _write(name: str, columns: Iterable[str], rows: Iterable[Mapping[str, str]]) -> None:
    columns = list(columns)
    lines = ["\t".join(columns), *("\t".join(row[column] for column in columns) for row in rows)]
    (_HERE / name).write_text("\n".join(lines) + "\n", "utf-8")


def main(*, mediawiki: Path, wikibase: Path, config: Path, names: Path) -> None:
    """Write the tables.

    Args:
        mediawiki: checkout of MediaWiki.
        wikibase: checkout of its extension Wikibase.
        config: checkout of Wikimedia's configuration.
        names: checkout of the extension cldr, which has English names of languages.
    """
    codes = read_codes(mediawiki, wikibase)
    languages = read_languages(config, codes)
    wikis = _wiki_rows(mediawiki, config, names, languages, codes)
    of_wikis = {row["wiki"].removesuffix("wiki").replace("_", "-"): row["language"] for row in wikis}
    of_wikis |= {row["language"]: row["language"] for row in wikis} | _OLDER_CODES
    _write("languages.tsv", _WIKI_COLUMNS, wikis)
    rows = []
    for code in sorted(row["language"] for row in wikis):
        own, chain = own_codes(code, codes, of_wikis), codes.chains.get(code, ())
        rows.append({"language": code, "own": ",".join(own), "chain": ",".join(chain)})
    _write("label_codes.tsv", _CHAIN_COLUMNS, rows)
    ends_alike = [wiki for wiki in _dblist(config, "all") if wiki.endswith("wiki") and wiki not in languages]
    (_HERE / "other_wikis.txt").write_text("\n".join(ends_alike) + "\n", "utf-8")


if __name__ == "__main__":
    tyro.cli(main)
