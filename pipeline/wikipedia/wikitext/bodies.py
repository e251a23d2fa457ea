"""Templates' own pages: which are plain wikitext, and what of them a page that calls them takes.

A body counts where all of it is text, links, parameters, parser functions and other such templates: no Lua, no tables, no
boxes, nothing hidden. What it says is taken where it is one line without a hole; anything else is left to the rules.

Source: MediaWiki's preprocessor (`noinclude`, `includeonly`, `onlyinclude`, redirects).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

from pipeline.wikipedia.wikitext.extension_tags import take_out_extension_tags
from pipeline.wikipedia.wikitext.holes import HOLE

MAX_BODY = 4_000
"""Longest body that is kept, in characters."""
MAX_CALLS = 2_000
"""Most bodies that one page expands; the calls behind them have no text."""
NO_BODIES: Mapping[str, str] = {}
"""Of a wiki whose templates were not read."""

_MAX_REDIRECTS = 3
_NOINCLUDE = re.compile(r"<noinclude\b[^<>]*>.*?(?:</noinclude\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_ONLY = re.compile(r"<onlyinclude\b[^<>]*>(.*?)(?:</onlyinclude\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_INCLUDEONLY = re.compile(r"</?includeonly\b[^<>]*>", re.IGNORECASE)
_NOT_PLAIN = re.compile(
    r"#invoke:|\{\||<(?:div|table|t[rdh]|p|ul|ol|li|center|h[1-6]|gallery|ref|references|pre|nowiki)\b"
    r"|display\s*:\s*none|class\s*=\s*[\"']?[^\"'<>]*\b(?:noprint|navbox|metadata|hatnote)\b",
    re.IGNORECASE,
)


def body_key(name: str) -> str:
    """Return the form in which names of templates' pages are compared: the first letter's case does not count."""
    plain = " ".join(name.replace("_", " ").split())
    return plain[:1].upper() + plain[1:]


def gather(pages: Iterable[tuple[str, str, str | None]]) -> dict[str, str]:
    """Gather the plain bodies of a wiki.

    Args:
        pages: name without namespace, text and the name that a redirect leads to, of each template's page.
    """
    bodies: dict[str, str] = {}
    redirects: dict[str, str] = {}
    for name, text, target in pages:
        if target is not None:
            redirects[body_key(name)] = body_key(target)
            continue
        body = transcluded(text)
        if len(body) <= MAX_BODY and not _NOT_PLAIN.search(body):
            bodies[body_key(name)] = take_out_extension_tags(body).strip()
    for name in redirects:
        target = name
        for _ in range(_MAX_REDIRECTS):
            target = redirects.get(target, target)
        if target in bodies:
            bodies[name] = bodies[target]
    return bodies


def transcluded(text: str) -> str:
    """Return what of a template's page a call takes."""
    only = _ONLY.findall(text)
    return "".join(only) if only else _INCLUDEONLY.sub("", _NOINCLUDE.sub("", text))


def is_line(said: str) -> bool:
    """Whether what a body says is a piece of a line, whole and nothing but text."""
    whole = HOLE not in said and "\n" not in said and "{{{" not in said and said[:1] not in ("*", "#", ":", ";")
    return whole and not _NOT_PLAIN.search(said)


def to_json(bodies: Mapping[str, str]) -> str:
    """Return bodies as they are kept for the tasks."""
    return json.dumps(bodies, ensure_ascii=False)


def from_json(text: str) -> dict[str, str]:
    """Return what `to_json` kept."""
    found: dict[str, str] = json.loads(text)
    return found
