"""Small dumps to damage: Wikidata's JSON and Wikipedia's XML, packed as Wikimedia packs them."""

from __future__ import annotations

import bz2
import gzip
import json
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from pipeline.dumps.ranges import plan_ranges, read_elements, read_lines

HEADER = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-{version}/" version="{version}" xml:lang="{language}">
  <siteinfo>
    <sitename>Wikipedia</sitename>
    <dbname>{wiki}</dbname>
    <base>https://{language}.wikipedia.org/wiki/Main_Page</base>
    <generator>MediaWiki 1.46.0</generator>
    <case>first-letter</case>
    <namespaces>
      <namespace key="-2" case="first-letter">Media</namespace>
      <namespace key="-1" case="first-letter">Special</namespace>
      <namespace key="0" case="first-letter" />
      <namespace key="1" case="first-letter">Talk</namespace>
      <namespace key="6" case="first-letter">{file}</namespace>
      <namespace key="10" case="first-letter">Template</namespace>
      <namespace key="14" case="first-letter">{category}</namespace>
    </namespaces>
  </siteinfo>
"""
FOOTER = "</mediawiki>\n"


def entity(number: int, **changes: Any) -> dict[str, Any]:
    """Returns an item as Wikidata's dump has it, with a label, a gloss, a statement and a sitelink."""
    name = f"Thing {number}"
    fields: dict[str, Any] = {
        "type": "item",
        "id": f"Q{number}",
        "labels": {"en": {"language": "en", "value": name}, "sw": {"language": "sw", "value": f"Kitu {number}"}},
        "descriptions": {"en": {"language": "en", "value": f"the thing with number {number}"}},
        "aliases": {"en": [{"language": "en", "value": f"No. {number}"}]},
        "claims": {"P31": [statement("P31", 1 + number % 7)]},
        "sitelinks": {"swwiki": {"site": "swwiki", "title": f"Kitu {number}", "badges": []}},
        "lastrevid": number,
    }
    fields |= changes
    return {key: value for key, value in fields.items() if value is not ABSENT}


class _Absent:
    """Says that a key is left out."""


ABSENT = _Absent()


def statement(relation: str, target: int, **changes: Any) -> dict[str, Any]:
    """Returns a statement whose value is an item."""
    value = {"entity-type": "item", "numeric-id": target, "id": f"Q{target}"}
    snak = {
        "snaktype": "value",
        "property": relation,
        "datatype": "wikibase-item",
        "datavalue": {"value": value, "type": "wikibase-entityid"},
    }
    return {"mainsnak": snak, "type": "statement", "id": f"{relation}-{target}", "rank": "normal"} | changes


def line(value: Any) -> bytes:
    """Renders one entity as the dump does: no spaces, ASCII only."""
    return json.dumps(value, separators=(",", ":")).encode()


def wikidata(lines: list[bytes]) -> bytes:
    """Joins lines to a dump."""
    return b"[\n" + b",\n".join(lines) + b"\n]\n"


def things(count: int) -> list[bytes]:
    """Returns the lines of `count` sound items."""
    return [line(entity(number)) for number in range(1, count + 1)]


def gz_members(data: bytes, pieces: int = 4) -> bytes:
    """Packs whole lines into gzip members that follow one another."""
    lines = data.splitlines(keepends=True)
    size = -(-len(lines) // pieces)
    return b"".join(gzip.compress(b"".join(lines[at : at + size]), mtime=0) for at in range(0, len(lines), size))


def page(number: int, title: str, wikitext: str, **changes: Any) -> str:
    """Returns a page as the dump has it."""
    fields = {
        "namespace": 0,
        "model": "wikitext",
        "redirect": "",
        "text": f'<text bytes="9" xml:space="preserve">{escape(wikitext)}</text>',
    }
    fields |= changes
    redirect = f'    <redirect title="{escape(fields["redirect"])}" />\n' if fields["redirect"] else ""
    return (
        f"  <page>\n    <title>{escape(title)}</title>\n    <ns>{fields['namespace']}</ns>\n    <id>{number}</id>\n{redirect}"
        f"    <revision>\n      <id>{number + 1000}</id>\n      <timestamp>2026-11-01T00:00:00Z</timestamp>\n"
        f"      <model>{fields['model']}</model>\n      <format>text/x-wiki</format>\n      {fields['text']}\n"
        "      <sha1>0</sha1>\n    </revision>\n  </page>\n"
    )


def article(number: int) -> str:
    """Returns a sound page with a lead and a link to the next one."""
    text = (
        f"'''Kitu {number}''' ni kitu chenye namba {number} katika orodha ya vitu vyote vinavyojulikana. Kinafuatwa na "
        f"[[Kitu {number + 1}|kitu kinachofuata]], na kabla yake kuna [[Kitu {max(1, number - 1)}]].\n\n== Historia ==\n"
        f"Historia ya [[Kitu {number + 2}]] inaanza mwaka {1000 + number}.\n"
    )
    return page(number, f"Kitu {number}", text)


def header(wiki: str = "swwiki", language: str = "sw", version: str = "0.11", **names: str) -> str:
    """Returns the head of a wiki's dump."""
    return HEADER.format(
        wiki=wiki, language=language, version=version, **({"file": "Picha", "category": "Jamii"} | names)
    )


def streams(pages: list[str], pages_per_stream: int = 10, **head: str) -> list[bytes]:
    """Returns the bz2 streams of a multistream dump: the head, the pages, the foot."""
    groups = [pages[at : at + pages_per_stream] for at in range(0, len(pages), pages_per_stream)]
    texts = [header(**head), *("".join(group) for group in groups), FOOTER]
    return [bz2.compress(text.encode()) for text in texts]


def multistream(pages: list[str], **head: str) -> bytes:
    """Returns a multistream dump of pages."""
    return b"".join(streams(pages, **head))


def articles(count: int) -> list[str]:
    """Returns `count` sound pages."""
    return [article(number) for number in range(1, count + 1)]


def read_all_lines(path: Path) -> list[bytes]:
    """Reads a Wikidata dump range by range, as the job does."""
    spans = plan_ranges(str(path), 1 << 16)
    return [piece for span in spans for batch in read_lines(span, final_mark=b"]") for piece in batch.lines]


def read_all_pages(path: Path) -> list[bytes]:
    """Reads a Wikipedia dump range by range, as the job does."""
    spans = plan_ranges(str(path), 1 << 16)
    return [
        found.data for span in spans for found in read_elements(span, b"<page>", b"</page>", final_mark=b"</mediawiki>")
    ]
