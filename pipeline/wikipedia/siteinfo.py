"""What the header of a dump says of its wiki: name, schema version, namespaces.

Source: `<siteinfo>` of export schemas 0.10 and 0.11.
"""

from __future__ import annotations

import html
import logging
import re
from dataclasses import dataclass

from schemas.errors import InputCorrupt

log = logging.getLogger(__name__)

HEAD_BYTES = 65_536
"""Decoded bytes that hold any header."""
KNOWN_VERSIONS = ("0.10", "0.11")
"""Export schemas this project was tested on. Those before 0.6 say neither namespaces nor where redirects lead: titles and
texts are asked instead. 0.6 to 0.9 differ in nothing it reads."""

_ROOT = re.compile(rb"<mediawiki\b[^>]*>")
_VERSION = re.compile(rb'\bversion="([^"]*)"')
_DBNAME = re.compile(rb"<dbname>([^<]*)</dbname>")
_CASE = re.compile(rb"<case>([^<]*)</case>")
_NAMESPACE = re.compile(rb'<namespace key="(-?\d{1,6})"[^>]*?(?:/>|>([^<]*)</namespace>)')


@dataclass(frozen=True, kw_only=True)
class SiteInfo:
    """The header of a dump."""

    wiki: str
    """Database name, empty where the header (of before 2013) has none."""
    version: str
    """Version of the export schema."""
    case: str
    """Rule for the first letter of titles, `first-letter` or `case-sensitive`; empty where the header does not say."""
    namespaces: dict[int, str]
    """Localised name by number."""


def read_siteinfo(head: bytes, path: str) -> SiteInfo:
    """Read the first bytes of a dump; a schema version nobody has tested is warned of.

    Raises:
        InputCorrupt: it is not a MediaWiki dump, or it declares a document type.
    """
    if b"<!doctype" in (folded := head.lower()) or b"<!entity" in folded:
        raise InputCorrupt(
            f"{path}: the header declares a document type (doctype_forbidden). No Wikimedia dump does; "
            "entities in it could expand without end. Download the dump from the server again."
        )
    root = _ROOT.search(head)
    if root is None:
        begins = head[:80].decode("utf-8", "replace")
        raise InputCorrupt(f"{path} begins with {begins!r}; expected <mediawiki …>. This is not a MediaWiki XML dump.")
    version = _VERSION.search(root[0])
    schema = version[1].decode("utf-8", "replace") if version else ""
    if schema not in KNOWN_VERSIONS:
        known = ", ".join(KNOWN_VERSIONS)
        log.warning(
            "%s: export schema %s is not known (known: %s); it is read as the newest", path, schema or "?", known
        )
    name, case = _DBNAME.search(head), _CASE.search(head)
    return SiteInfo(
        wiki=name[1].decode("utf-8", "replace").strip() if name else "",
        version=schema,
        case=case[1].decode("utf-8", "replace").strip() if case else "",
        namespaces={
            int(number): html.unescape(label.decode("utf-8", "replace")) for number, label in _NAMESPACE.findall(head)
        },
    )
