"""What differs between wikis when their wikitext is read, gathered in one object per wiki."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.wikipedia.wikitext.link_trails import link_trail
from pipeline.wikipedia.wikitext.namespaces import Namespaces, wiki_namespaces
from pipeline.wikipedia.wikitext.templates import TemplateRules, wiki_template_rules
from pipeline.wikipedia.wikitext.zh_variants import CONVERTED_WIKIS
from pipeline.wikis.languages import wiki_language


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
    rules: TemplateRules
    """What inline templates say."""
    variant: str
    """Script variant shown, empty on wikis without a converter."""


def wiki_dialect(wiki: str, header: Mapping[int, str] | None = None, variant: str = "zh-cn") -> Dialect:
    """The dialect of a wiki.

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
    return Dialect(
        wiki=wiki,
        language=wiki_language(wiki),
        namespaces=wiki_namespaces(wiki, dict(header)),
        trail=link_trail(wiki),
        rules=wiki_template_rules(wiki),
        variant=variant if wiki in CONVERTED_WIKIS else "",
    )
