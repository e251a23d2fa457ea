"""What MediaWiki's language files say, resolved over each language's fallback chain.

A language's own value holds, else that of the first language of its chain that has one: those its file names, then
English. Names and aliases of namespaces are gathered over the whole chain instead, the nearest language first.

Source: `languages/messages/Messages*.php`; `LocalisationCache::recache` (what falls back, what is merged).
"""

from __future__ import annotations

import pathlib
import re
from dataclasses import dataclass
from typing import Any

from pipeline.wikis.mediawiki.php import Reader
from pipeline.wikis.titles import OWN_CAPITALS

_VARIANTS = re.compile(r"function getLanguageVariants\(\): array \{\s*return \[([^\]]*)\]")


@dataclass(frozen=True, kw_only=True)
class LinkBorders:
    """Which letters around a link belong to it, as MediaWiki writes it."""

    trail: str
    """`$linkTrail`, a PCRE with delimiters and flags."""
    prefix: str
    """`$linkPrefixCharset`, the inside of a character class; empty where letters before a link are none of it."""


class LanguageFiles:
    """The language files of one MediaWiki."""

    def __init__(self, core: pathlib.Path, extensions: pathlib.Path) -> None:
        """Open them.

        Args:
            core: MediaWiki's own folder.
            extensions: folder of the extensions that name namespaces or magic words, one folder each.
        """
        self._core = core
        self._read: dict[str, dict[str, Any]] = {}
        self._messages = core / "languages" / "messages"
        self._converters = core / "includes" / "language" / "converters"
        self.namespace_numbers = namespace_numbers(core)
        """Number of each namespace by its constant's name, `NS_FILE` 6."""
        names = Reader(core / "includes" / "languages" / "data" / "Names.php").constant("NAMES")
        self.known = frozenset(names)
        """Codes of languages that MediaWiki knows: a prefix of one of them is a link between editions."""
        self._of_extensions: dict[str, dict[str, dict[str, Any]]] = {}
        for path in sorted(extensions.glob("*/*.namespaces.php")) + sorted(extensions.glob("*/*.magic.php")):
            for name, by_language in Reader(path, self.namespace_numbers).variables().items():
                for language, values in by_language.items():
                    self._of_extensions.setdefault(language, {}).setdefault(name, {}).update(values)

    def with_file(self) -> list[str]:
        """Return the codes that have a language file, ascending."""
        paths = self._messages.glob("Messages*.php")
        return sorted(path.stem.removeprefix("Messages").lower().replace("_", "-") for path in paths)

    def title_cases(self) -> dict[str, str]:
        """Return the rule for first letters by language, of those that have their own.

        Raises:
            ValueError: of a language whose rule nobody has written down in `wikis.titles`.
        """
        cases = {}
        for path in sorted((self._core / "includes" / "languages").glob("Language*.php")):
            text = path.read_text(encoding="utf-8")
            if "function ucfirst" not in text:
                continue
            inside = [case for case, letters in OWN_CAPITALS.items() if all(f"'{x}'" in text for x in letters.values())]
            if len(inside) != 1:
                raise ValueError(
                    f"{path.name} puts first letters into capitals in a way that wikis.titles does not know"
                )
            cases[path.stem.removeprefix("Language").lower().replace("_", "-")] = inside[0]
        return cases

    def own(self, language: str) -> dict[str, Any]:
        """Return the variables of one language's file; none where it has no file."""
        if language not in self._read:
            path = self._messages / f"Messages{language.capitalize().replace('-', '_')}.php"
            self._read[language] = Reader(path, self.namespace_numbers).variables() if path.is_file() else {}
        return self._read[language]

    def fallbacks(self, language: str) -> tuple[str, ...]:
        """Return the codes that a language's file falls back to, nearest first; `en` only if it says so."""
        named = str(self.own(language).get("fallback") or "")  # English has false
        return tuple(code.strip() for code in named.split(",") if code.strip())

    def chain(self, language: str) -> list[str]:
        """Return a language, the languages it falls back to, and English."""
        return list(dict.fromkeys([language, *self.fallbacks(language), "en"]))

    def _nearest(self, language: str, variable: str) -> Any:
        return next(own[variable] for code in self.chain(language) if variable in (own := self.own(code)))

    def link_borders(self, language: str) -> LinkBorders:
        """Return the letters around links."""
        joins = self._nearest(language, "linkPrefixExtension")
        prefix = self._nearest(language, "linkPrefixCharset") if joins else ""
        return LinkBorders(trail=self._nearest(language, "linkTrail"), prefix=prefix)

    def number_format(self, language: str) -> tuple[str, str, int, int]:
        """Return decimal sign, sign of groups, fewest digits before the first group, size of the groups but the last."""
        signs = self._nearest_or_none(language, "separatorTransformTable") or {}
        said = [self.own(code) for code in self.chain(language)]
        pattern = next((own["digitGroupingPattern"] for own in said if "digitGroupingPattern" in own), "#,##0.###")
        least = next((own["minimumGroupingDigits"] for own in said if "minimumGroupingDigits" in own), 1)
        size = len(pattern.partition(".")[0].split(",")[-2]) if pattern.count(",") > 1 else 3
        return str(signs.get(".", ".")), str(signs.get(",", ",")), int(least), size

    def namespaces(self, language: str) -> dict[int, list[str]]:
        """List the names of each namespace in a language: the one of pages first, then aliases, then those of variants."""
        names: dict[int, dict[str, None]] = {}
        for number, name in sorted(self._merged(language, "namespaceNames").items()):
            names.setdefault(number, {})[name] = None
        for number, forms in sorted(self._nearest_or_none(language, "namespaceGenderAliases").items()):
            names.setdefault(number, {}).update(dict.fromkeys(forms.values()))
        for name, number in self._aliases(language):
            names.setdefault(number, {})[name] = None
        for variant in self.variants(language):
            for number, name in sorted(self._merged(variant, "namespaceNames").items()):
                names.setdefault(number, {})[name] = None
        return {number: [form for form in forms if form] for number, forms in sorted(names.items())}

    def _aliases(self, language: str) -> list[tuple[str, int]]:
        """Aliases with their numbers; a file that has name and number the wrong way round names nothing in MediaWiki."""
        aliases = self._merged(language, "namespaceAliases").items()
        return sorted((name, number) for name, number in aliases if isinstance(name, str) and isinstance(number, int))

    def canonical_namespaces(self) -> dict[int, list[str]]:
        """Return the English names that hold on every wiki, with those of the extensions."""
        path = self._core / "includes" / "title" / "NamespaceInfo.php"
        names = Reader(path, self.namespace_numbers).constant("CANONICAL_NAMES")
        names |= self._of_extensions["en"]["namespaceNames"]
        return {number: [name] for number, name in sorted(names.items()) if name}

    def variants(self, language: str) -> list[str]:
        """Return the written forms into which MediaWiki converts a language's pages, the language itself left out."""
        path = self._converters / f"{language.capitalize()}Converter.php"
        found = _VARIANTS.search(path.read_text(encoding="utf-8")) if path.is_file() else None
        return [code for code in re.findall(r"'([^']+)'", found[1] if found else "") if code != language]

    def _nearest_or_none(self, language: str, variable: str) -> dict[Any, Any]:
        return next((own[variable] for code in self.chain(language) if variable in (own := self.own(code))), {})

    def _merged(self, language: str, variable: str) -> dict[Any, Any]:
        """Return an array of MediaWiki and its extensions, gathered over the chain; nearer languages overrule."""
        merged: dict[Any, Any] = {}
        for code in reversed(self.chain(language)):
            merged |= self.own(code).get(variable, {}) | self._of_extensions.get(code, {}).get(variable, {})
        return merged

    def magic_words(self, language: str, name: str) -> list[str]:
        """Return the spellings of an extension's magic word over the chain; a 1 or 0 before them says whether case counts."""
        words: dict[str, None] = {}
        for code in self.chain(language):
            forms = self._of_extensions.get(code, {}).get("magicWords", {}).get(name, {})
            words.update(dict.fromkeys(word for word in forms.values() if word not in ("0", "1")))
        return list(words)


def version(core: pathlib.Path) -> str:
    """Return the version of a MediaWiki."""
    return str(Reader(core / "includes" / "Defines.php").constant("MW_VERSION"))


def namespace_numbers(core: pathlib.Path) -> dict[str, int]:
    """Return the number of each namespace of MediaWiki's own by the name of its constant."""
    text = (core / "includes" / "Defines.php").read_text(encoding="utf-8")
    return {name: int(number) for name, number in re.findall(r"define\( '(NS_\w+)', (-?\d+) \)", text)}
