"""What differs between wikis when their wikitext is read, gathered in one object per wiki."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.wikipedia.wikitext.link_trails import link_prefix, link_trail
from pipeline.wikipedia.wikitext.namespaces import Namespaces, wiki_namespaces
from pipeline.wikipedia.wikitext.templates import TemplateRules, wiki_template_rules
from pipeline.wikipedia.wikitext.zh_variants import CONVERTED_WIKIS
from pipeline.wikis.languages import wiki_language

_BEHIND_LINKS = frozenset(["", *" \n.,;:!?()[]{}'\"<>&|-/–—0123456789。，、）"])


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """The wikitext of one wiki."""

    wiki: str
    """Database name."""
    language: str
    """Language code of its texts."""
    namespaces: Namespaces
    """What link prefixes mean."""
    trail: re.Pattern[str]
    """The letters behind a link that belong to it."""
    no_trail: frozenset[str]
    """Frequent characters behind a link with which no trail begins, and the empty string."""
    prefix: re.Pattern[str] | None
    """One letter before a link that belongs to it; None where none do."""
    rules: TemplateRules
    """What inline templates say."""
    variant: str
    """Script variant shown, empty on wikis without a converter."""
    bodies: Mapping[str, str] = field(default_factory=dict)
    """Wikitext of templates whose own pages were read and are plain (`bodies`)."""


def wiki_dialect(wiki: str, header: Mapping[int, str] | None = None, variant: str = "zh-cn") -> Dialect:
    """Return the dialect of a wiki.

    Args:
        wiki: database name, for instance `zhwiki`.
        header: namespaces as the dump's header lists them.
        variant: script variant to show where the wiki has several.

    Raises:
        UsageError: no Wikipedia has this name.
    """
    return _dialect(wiki, tuple(sorted((header or {}).items())), variant)


@functools.lru_cache(maxsize=512)
def _dialect(wiki: str, header: tuple[tuple[int, str], ...], variant: str) -> Dialect:
    trail = link_trail(wiki)
    return Dialect(
        wiki=wiki,
        language=wiki_language(wiki),
        namespaces=wiki_namespaces(wiki, dict(header)),
        trail=trail,
        no_trail=frozenset(char for char in _BEHIND_LINKS if not (found := trail.match(char)) or not found[0]),
        prefix=link_prefix(wiki),
        rules=wiki_template_rules(wiki),
        variant=variant if wiki in CONVERTED_WIKIS else "",
    )
