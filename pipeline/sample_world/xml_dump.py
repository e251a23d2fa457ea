"""Pages to a dump as Wikimedia packs it: bz2 streams of 100 pages each, and an index of where they start.

The first stream holds the header, the last one the closing tag. An index line is `offset:page id:title`, the title
escaped as in the XML. Everything is a function of the pages, so two runs write the same bytes.

Source: MediaWiki's export schema 0.11 and the layout of pages-articles-multistream dumps.
"""

from __future__ import annotations

import bz2
import hashlib
import pathlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.sample_world.wikis import WikiProfile

_PAGES_A_STREAM = 100
_SCHEMA = "http://www.mediawiki.org/xml/export-0.11"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_FORMATS = {"wikitext": "text/x-wiki", "Scribunto": "text/plain", "css": "text/css"}


@dataclass(frozen=True, kw_only=True)
class DumpPage:
    """One page of a wiki."""

    title: str
    """Full title, with its namespace's name."""
    page_id: int
    """The wiki's number for it."""
    text: str | None
    """Its wikitext; None where an administrator removed it."""
    namespace: int = 0
    """Number of its namespace."""
    redirect: str | None = None
    """Title it redirects to."""
    model: str = "wikitext"
    """What its text is written in."""


def write_xml_dump(
    folder: pathlib.Path, profile: WikiProfile, date: str, pages: Sequence[DumpPage]
) -> list[pathlib.Path]:
    """Write the dump of one wiki and its index; returns their paths.

    Args:
        folder: where to; exists.
        profile: the wiki.
        date: date of the dump, `20261101`.
        pages: in the order of their ids.
    """
    stem = f"{profile.wiki}-{date}-pages-articles-multistream"
    header = bz2.compress(_header(profile).encode())
    offset, streams, index = len(header), [header], []
    for start in range(0, len(pages), _PAGES_A_STREAM):
        some = pages[start : start + _PAGES_A_STREAM]
        stream = bz2.compress("".join(_page(page) for page in some).encode())
        index += [f"{offset}:{page.page_id}:{escape(page.title)}\n" for page in some]
        offset += len(stream)
        streams.append(stream)
    streams.append(bz2.compress(b"</mediawiki>\n"))
    dump, listing = folder / f"{stem}.xml.bz2", folder / f"{stem}-index.txt.bz2"
    dump.write_bytes(b"".join(streams))
    listing.write_bytes(bz2.compress("".join(index).encode()))
    return [dump, listing]


def _header(profile: WikiProfile) -> str:
    names = "".join(
        f'      <namespace key="{number}" case="{profile.case}"'
        + (f">{escape(name)}</namespace>\n" if name else " />\n")
        for number, name in profile.namespaces.items()
    )
    return (
        f'<mediawiki xmlns="{_SCHEMA}/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'xsi:schemaLocation="{_SCHEMA}/ {_SCHEMA}.xsd" version="0.11" xml:lang="{profile.language}">\n'
        f"  <siteinfo>\n    <sitename>{escape(profile.sitename)}</sitename>\n    <dbname>{profile.wiki}</dbname>\n"
        f"    <base>{profile.base}</base>\n    <generator>MediaWiki 1.46.0-wmf.7</generator>\n"
        f"    <case>{profile.case}</case>\n    <namespaces>\n{names}    </namespaces>\n  </siteinfo>\n"
    )


def _page(page: DumpPage) -> str:
    redirect = f'    <redirect title="{escape(page.redirect)}" />\n' if page.redirect is not None else ""
    return (
        f"  <page>\n    <title>{escape(page.title)}</title>\n    <ns>{page.namespace}</ns>\n    <id>{page.page_id}</id>\n"
        f"{redirect}    <revision>\n{''.join(_revision(page))}    </revision>\n  </page>\n"
    )


def _revision(page: DumpPage) -> Iterator[str]:
    revision = page.page_id * 100 + 17
    yield f"      <id>{revision}</id>\n"
    if page.page_id % 3:
        yield f"      <parentid>{revision - 1}</parentid>\n"
    minute = page.page_id % 60
    yield f"      <timestamp>2026-10-{1 + page.page_id % 28:02d}T{page.page_id % 24:02d}:{minute:02d}:00Z</timestamp>\n"
    yield _contributor(page)
    if page.page_id % 4 == 0:
        yield "      <minor />\n"
    yield f"      <comment>/* {escape(page.title)} */ &amp;c.</comment>\n"
    yield f"      <origin>{revision}</origin>\n      <model>{page.model}</model>\n"
    yield f"      <format>{_FORMATS[page.model]}</format>\n"
    yield _text(page)


def _contributor(page: DumpPage) -> str:
    if page.text is None:
        return '      <contributor deleted="deleted" />\n'
    if page.page_id % 5 == 0:
        return f"      <contributor>\n        <ip>192.0.2.{page.page_id % 254 + 1}</ip>\n      </contributor>\n"
    return "      <contributor>\n        <username>SampleWorld</username>\n        <id>1</id>\n      </contributor>\n"


def _text(page: DumpPage) -> str:
    if page.text is None:
        return '      <text bytes="-1" deleted="deleted" />\n      <sha1 />\n'
    raw = page.text.encode()
    digest = _base36(int(hashlib.sha1(raw, usedforsecurity=False).hexdigest(), 16))
    if not raw:
        return f'      <text bytes="0" sha1="{digest}" />\n      <sha1>{digest}</sha1>\n'
    return (
        f'      <text bytes="{len(raw)}" sha1="{digest}" xml:space="preserve">{escape(page.text)}</text>\n'
        f"      <sha1>{digest}</sha1>\n"
    )


def _base36(number: int) -> str:
    """Return the 31 digits in which MediaWiki writes a SHA-1."""
    digits = []
    for _ in range(31):
        number, digit = divmod(number, 36)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


def escape(text: str) -> str:
    """Return the four characters that dumps escape."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
