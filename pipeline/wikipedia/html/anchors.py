"""Where an anchor of a rendered page leads, in the words of wikitext: a fate, a title and a fragment.

Parsoid marks its links with `rel`; the older parser's pages have none, there the address says. Titles stand in the form of
their page already: percent signs undone once, underscores for blanks.
"""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import unquote

from pipeline.wikipedia.wikitext.namespaces import Fate, Namespaces

AnchorFate = Fate | Literal["external"]
"""What becomes of an anchor: a link of the wiki, or one that leads out of all wikis."""

_LOCAL = re.compile(r"\./|/wiki/")
_MISSING = re.compile(r"/w/index\.php\?title=([^&]+)&(?:amp;)?action=edit&(?:amp;)?redlink=1")


def read_anchor(rel: str, href: str, title: str, namespaces: Namespaces) -> tuple[AnchorFate, str, str]:
    """Return the fate of a link, its title and its fragment.

    Args:
        rel: the anchor's `rel`, empty where it has none.
        href: its address.
        title: of the page it stands on.
        namespaces: of the wiki.
    """
    fate: AnchorFate
    if rel and "mw:WikiLink" not in rel.split():
        fate = "interwiki" if "Interwiki" in rel else "namespace" if "MediaLink" in rel else "external"
        return fate, "", ""
    target = _target(href)
    if target is None:
        fate = "section" if href.startswith("#") else "external"
        return fate, "", ""
    name, _, fragment = target.partition("#")
    if name and ":" not in name and not fragment:
        return "article", name, ""
    fate, found, _ = namespaces.classify(":" + name)
    if fate == "article" and fragment and found == title:
        return "section", "", fragment
    return fate, found, fragment.replace("_", " ").strip()


def _target(href: str) -> str | None:
    """Title and fragment of an address of this wiki; None for any other."""
    start = _LOCAL.match(href)
    if start is None:
        missing = _MISSING.match(href)
        return unquote(missing[1]).replace("_", " ") if missing else None
    path, mark, fragment = href[start.end() :].partition("#")
    path = path.partition("?")[0]
    if "%" in path:
        path = unquote(path)
    return path.replace("_", " ") + (f"#{unquote(fragment)}" if mark else "")
