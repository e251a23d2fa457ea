"""What Wikimedia's configuration says of each wiki: language, letter case, namespaces of its own, interwiki prefixes.

Source: repository operations/mediawiki-config, `wmf-config/InitialiseSettings.php`, `core-Namespaces.php`,
`interwiki.php`, `dblists/`. A setting is looked up by database name, project family and `default`; an entry whose key
begins with `+` is added to the more general ones instead of replacing them (`SiteConfiguration::get`).
"""

from __future__ import annotations

import pathlib
from typing import Any

from pipeline.wikis.mediawiki.php import Reader

FAMILY = "wikipedia"


class Settings:
    """The configuration of all Wikipedias."""

    def __init__(self, config: pathlib.Path, constants: dict[str, int]) -> None:
        """Open a checkout of operations/mediawiki-config.

        Args:
            config: its folder.
            constants: number of each namespace by its constant's name.
        """
        initialise = Reader(config / "wmf-config" / "InitialiseSettings.php", constants)
        names = ("wgLanguageCode", "wgCapitalLinks", "wgLocalInterwikis", "wmgExtraLanguageNames")
        self._settings: dict[str, dict[str, Any]] = {name: initialise.entry(name) for name in names}
        self._settings |= Reader(config / "wmf-config" / "core-Namespaces.php", constants).returned()
        interwiki = config / "wmf-config" / "interwiki.php"
        self._interwiki: dict[str, str] = Reader(interwiki).returned()
        self.date = interwiki.read_text(encoding="utf-8").partition(" on ")[2].partition("\n")[0]
        """When the interwiki prefixes were dumped, as their file says."""
        self._lists = config / "dblists"
        self.wikis = self.listed(FAMILY)
        """Database names of all Wikipedias, closed ones too."""
        self.closed = frozenset(self.listed("closed"))
        """Database names of wikis that are closed."""

    def listed(self, name: str) -> list[str]:
        """Return the database names of a list, of those that end as a Wikipedia's do."""
        lines = (self._lists / f"{name}.dblist").read_text(encoding="utf-8").splitlines()
        return [line.strip() for line in lines if line[:1] != "#" and line.strip().endswith("wiki")]

    def _setting(self, name: str, wiki: str) -> Any:
        """Return a setting's value for a wiki; None where nothing says."""
        values = self._settings[name]
        merged: dict[Any, Any] = {}
        for key in (wiki, FAMILY, "default"):
            if key in values:
                found = values[key]
                return found | merged if isinstance(found, dict) else found
            if f"+{key}" in values:
                merged = values[f"+{key}"] | merged
        return merged or None

    def language(self, wiki: str) -> str:
        """Return the language code by which MediaWiki reads a wiki's language file."""
        return str(self._setting("wgLanguageCode", wiki)).replace("$lang", code_of(wiki))

    def is_capital(self, wiki: str) -> bool:
        """Whether the first letter of a title is always a capital."""
        return bool(self._setting("wgCapitalLinks", wiki))

    def namespaces(self, wiki: str) -> dict[int, list[str]]:
        """Return the names of namespaces that a wiki has beside those of its language."""
        names: dict[int, dict[str, None]] = {}
        project = str(self._setting("wgMetaNamespace", wiki))
        names.setdefault(4, {})[project] = None
        talk = self._setting("wgMetaNamespaceTalk", wiki)
        if talk:
            names.setdefault(5, {})[talk] = None
        for number, name in sorted((self._setting("wgExtraNamespaces", wiki) or {}).items()):
            names.setdefault(number, {})[name] = None
        for name, number in sorted((self._setting("wgNamespaceAliases", wiki) or {}).items()):
            names.setdefault(number, {})[name] = None
        return {number: list(forms) for number, forms in sorted(names.items())}

    def extra_languages(self) -> set[str]:
        """Codes of languages that Wikipedias know beside those MediaWiki names."""
        return set(self._setting("wmgExtraLanguageNames", "") or {})

    def interwiki(self, wiki: str) -> dict[str, str]:
        """Return the address behind each prefix that leads from a wiki to another one; `$1` stands for the title."""
        scopes = ("__global", "_wiki", wiki)
        listed = [(scope, self._interwiki.get(f"__list:{scope}", "").split()) for scope in scopes]
        return {
            prefix: self._interwiki[f"{scope}:{prefix}"].split()[1] for scope, all_of in listed for prefix in all_of
        }

    def own_prefixes(self, wiki: str) -> list[str]:
        """Return the prefixes that lead to the wiki itself: its own code, and others with the same address."""
        prefixes = self.interwiki(wiki)
        own = code_of(wiki)
        local = {str(form).replace("$lang", own) for form in (self._setting("wgLocalInterwikis", wiki) or {}).values()}
        address = prefixes.get(own)
        return sorted(local | {prefix for prefix, found in prefixes.items() if found == address})


def code_of(wiki: str) -> str:
    """Return a Wikipedia's code as its host's name has it: `zh_min_nanwiki` gives `zh-min-nan`."""
    return wiki.removesuffix("wiki").replace("_", "-")
