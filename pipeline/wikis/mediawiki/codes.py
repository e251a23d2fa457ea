"""Codes of languages: which texts are written under, what each falls back to, and the tags that web standards have for them.

Source: `includes/languages/data/Names.php` (codes), `languages/messages/Messages*.php` (`$fallback`),
`includes/language/LanguageCode.php` (legacy and non-standard codes) of MediaWiki 1.45.0; `WikibaseContentLanguages.php`
(codes of labels).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.wikis.mediawiki.languages import LanguageFiles
from pipeline.wikis.mediawiki.php import Reader

ENGLISH_WIKIS = {"simplewiki": "en-simple"}
"""Wikis that MediaWiki runs in English, with the code that their language has in this project."""
OLDER_CODES = {"tokipona": "tok"}
"""Codes that dumps of 2015 have, and MediaWiki has no more."""
_NO_TEXTS = frozenset({"en-rtl", "en-x-piglatin", "qqq", "qqx"})
"""Codes that MediaWiki has for tests of itself."""
_REGISTERS = ("-x-formal", "-x-informal")
"""Private subtags that change how readers are addressed, not the language."""
_LABEL_CODES = re.compile(r"function getDefaultTermsLanguages.*?StaticContentLanguages\(\s*", re.DOTALL)


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


def read_codes(files: LanguageFiles, core: Path, wikibase: Path) -> Codes:
    """Read every code that labels can have, with chains and tags."""
    of_labels = Reader(wikibase / "lib/includes/WikibaseContentLanguages.php").after(_LABEL_CODES)
    chains: dict[str, tuple[str, ...]] = dict.fromkeys([*files.known, *of_labels.values()], ())
    chains |= {code: files.fallbacks(code) for code in files.with_file()}
    # Some chains name codes of texts that have no file and no name: `sr-cyrl`.
    for code in sorted({code for chain in chains.values() for code in chain} - set(chains)):
        chains[code] = ()
    chains |= {code: (wiki.removesuffix("wiki"), "en") for wiki, code in ENGLISH_WIKIS.items()}
    chains |= dict.fromkeys(OLDER_CODES, ())
    mapping = Reader(core / "includes/language/LanguageCode.php")
    legacy = mapping.constant("DEPRECATED_LANGUAGE_CODE_MAPPING")
    odd = mapping.constant("NON_STANDARD_LANGUAGE_CODE_MAPPING")
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
