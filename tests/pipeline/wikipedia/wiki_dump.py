"""Small Wikipedia dumps in every form that Wikimedia publishes."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path
from xml.sax.saxutils import escape

HEADER = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-{version}/" version="{version}" xml:lang="sw">
  <siteinfo>
    <sitename>Wikipedia</sitename>
    <dbname>{wiki}</dbname>
    <case>first-letter</case>
    <namespaces>
      <namespace key="0" case="first-letter" />
      <namespace key="1" case="first-letter">Majadiliano</namespace>
      <namespace key="6" case="first-letter">Picha</namespace>
      <namespace key="14" case="first-letter">Jamii</namespace>
    </namespaces>
  </siteinfo>
"""
FOOTER = "</mediawiki>\n"
PAGE = """  <page>
    <title>{title}</title>
    <ns>{ns}</ns>
    <id>{page_id}</id>
{redirect}    <revision>
      <id>{revision_id}</id>
      <timestamp>2026-11-01T00:00:00Z</timestamp>
      <contributor><username>A</username><id>7</id></contributor>
{origin}      <model>{model}</model>
      <format>text/x-wiki</format>
      {text}
      <sha1>x</sha1>
{slots}    </revision>
  </page>
"""


def page(number: int, title: str, wikitext: str | None, *, version: str = "0.10", **changes: str | int) -> str:
    """One page; `wikitext=None` gives a text that the dump leaves out. Changes: ns, model, redirect, text, slots."""
    body = '<text bytes="0" />' if wikitext is None else f'<text xml:space="preserve">{escape(wikitext)}</text>'
    redirect = changes.pop("redirect", "")
    fields = {
        "title": escape(title),
        "ns": 0,
        "page_id": number,
        "revision_id": 1_000 + number,
        "redirect": f'    <redirect title="{escape(str(redirect))}" />\n' if redirect else "",
        "origin": f"      <origin>{number}</origin>\n" if version == "0.11" else "",
        "model": "wikitext",
        "text": body,
        "slots": "",
    }
    return PAGE.format(**{**fields, **changes})


def articles(count: int) -> list[str]:
    """Articles that differ in length, with a link to the next."""
    text = "'''Kitu {}''' ni kitu cha [[Kitu {}|pili]]. {}"
    return [page(n, f"Kitu {n}", text.format(n, n + 1, "Neno refu. " * (n % 40))) for n in range(1, count + 1)]


def document(pages: list[str], *, wiki: str = "swwiki", version: str = "0.10") -> str:
    """The XML of a dump."""
    return HEADER.format(wiki=wiki, version=version) + "".join(pages) + FOOTER


def write_multistream(
    folder: Path, pages: list[str], *, pages_per_stream: int = 10, name: str = "swwiki-20261101"
) -> Path:
    """A multistream dump with its index: header, streams of pages, footer."""
    dump, lines = bytearray(bz2.compress(HEADER.format(wiki="swwiki", version="0.10").encode())), []
    for start in range(0, len(pages), pages_per_stream):
        group = pages[start : start + pages_per_stream]
        lines += [f"{len(dump)}:{start + number}:Kitu: {start + number}" for number in range(1, len(group) + 1)]
        dump += bz2.compress("".join(group).encode())
    dump += bz2.compress(FOOTER.encode())
    path = folder / f"{name}-pages-articles-multistream.xml.bz2"
    path.write_bytes(dump)
    index = folder / f"{name}-pages-articles-multistream-index.txt.bz2"
    index.write_bytes(bz2.compress("\n".join([*lines, ""]).encode()))
    return path


def write_packed(folder: Path, text: str, form: str, name: str = "swwiki-20261101") -> Path:
    """A dump in one stream: `xml`, `bz2`, `gz` or `zst`."""
    data = text.encode()
    if form == "bz2":
        data = bz2.compress(data, 1)
    elif form == "gz":
        data = gzip.compress(data)
    elif form == "zst":
        import zstandard

        data = zstandard.compress(data)
    path = folder / (f"{name}.xml" if form == "xml" else f"{name}.xml.{form}")
    path.write_bytes(data)
    return path
