"""What must hold for any input: the parsers and readers answer, or refuse in their own words, and spans are exact."""

from __future__ import annotations

import bz2
import gzip
import json
import re
import tempfile
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.dumps.dump_list import DUMP_LIST, read_dump_list
from pipeline.dumps.ranges import plan_ranges, read_elements, read_lines
from pipeline.fetch.catalogue import checked_date, checked_wiki
from pipeline.wikidata.columns import EntityColumns, ItemOptions
from pipeline.wikidata.decoding import EntityRefused
from pipeline.wikidata.layout import entity_text
from pipeline.wikipedia.articles import Article, ArticleOptions, read_article
from pipeline.wikipedia.pages import PageProblem, page_namespace, read_page
from pipeline.wikipedia.siteinfo import read_siteinfo
from pipeline.wikipedia.wikitext.dialects import wiki_dialect
from pipeline.wikis.languages import find_wiki, parse_languages
from schemas import parse_manifest
from schemas.errors import InputCorrupt, XlmkError
from tests.faults import dumps

WIKIS = ("swwiki", "dewiki", "zhwiki", "arwiki", "hewiki", "frwiki", "srwiki")
PIECES = [
    "[[", "]]", "|", "{{", "}}", "{|", "|}", "|-\n", "{{{", "}}}", "''", "'''", "'''''", "==", "\n", "\n\n", "<ref>", "</ref>",
    "<ref name=x/>", "<!--", "-->", "<nowiki>", "</nowiki>", "<math>", "</math>", "[http://x ", "]", "[[File:a.jpg|thumb|",
    "[[Category:", "[[:en:", "#", "*", ":", ";", "&amp;", "&#x41;", "&nbsp;", "&", "<b>", "</b>", "<br/>", "__TOC__", "~~~~",
    "{{convert|5|km}}", "{{formatnum:123}}", "{{lang|de|x}}", "-{", "}-", "zh-hans:", "<gallery>", "</gallery>", "http://a.b",
    "(", ")", "( )", ",", ".", "。", "\u200f", "\u0301", "👩🏽‍🚀", "\u200d", "ا", "字", "e\u0301", "I", "ı", "\ufffd",
    "\x7f", "\u2028",
]  # fmt: skip
WORDS = st.sampled_from(["kitu", "mji", "Haus", "城市", "مدينة", "עיר", "1234", "x"])
WIKITEXT = st.lists(st.one_of(st.sampled_from(PIECES), WORDS, st.text(max_size=8)), max_size=60).map("".join)
LINKS = [
    "[[Kitu {0}]]", "[[Kitu {0}|neno{0}]]", "[[Kitu_{0}#Sehemu|neno{0}]]", "[[Kitu {0}|''neno{0}'']]", "[[ Kitu {0} | neno{0} ]]",
    "[[Kitu {0}|neno{0}<br/>]]", "[[Kitu {0}|http://a.b/neno{0}]]", "([[Kitu {0}|IPA]]: {{{{IPA|x}}}}", ", [[Kitu {0}|neno{0}]]",
    "[http://x [[Kitu {0}|neno{0}]] y]", "[[File:a.jpg|thumb|[[Kitu {0}|neno{0}]]]]", "[[Kitu|x [[Kitu {0}|neno{0}]] y]]",
    "[[Kitu {0}|&#769;neno{0}]]", "[[Kitu {0}|neno{0}()]]", "[[Kitu {0}<nowiki/>|neno{0}]]", "http://a.b/[[Kitu {0}|neno{0}]]",
]  # fmt: skip
ELEMENTS = st.lists(
    st.one_of(st.sampled_from(LINKS), st.sampled_from([*PIECES, " ", ", ", "; ", "({{IPA|x}}", "{{IPA|x}} "]), WORDS),
    max_size=40,
)
_NUMBERED = re.compile(r"(?:neno|Kitu )(\d+)")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
OPTIONS = ArticleOptions()
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=10)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=8,
)
KEYS = ("type", "id", "labels", "descriptions", "aliases", "claims", "sitelinks", "datatype", "redirect", "entity")


def refuses_with(kinds: type[Exception] | tuple[type[Exception], ...], action: Callable[[], object]) -> None:
    """Runs `action`, which may raise the declared errors and no others."""
    try:
        action()
    except kinds:
        return


def check_spans(article: Article) -> None:
    """Asserts that spans lie on text without outer blanks, line breaks and marks, and lead to what can be a title."""
    for context, links in article.contexts:
        assert unicodedata.is_normalized("NFC", context)
        assert not _CONTROL.search(context.replace("\n", "")), context
        end = 0
        for start, stop, title, fragment in links:
            assert end <= start < stop <= len(context), (context, links)
            assert context[start:stop].strip() == context[start:stop]
            assert "\n" not in context[start:stop]
            assert title.strip() == title != "" and not _CONTROL.search(title + fragment)
            end = stop
    assert article.lead is None or (article.lead.strip() and not _CONTROL.search(article.lead))


@given(WIKITEXT, st.sampled_from(WIKIS), st.text(min_size=1, max_size=20))
def wikitext_gives_exact_spans(text: str, wiki: str, title: str) -> None:
    """No wikitext raises; every link lies in its context, on text that is more than white space."""
    check_spans(read_article(text, title, wiki_dialect(wiki, {}, "zh-cn"), OPTIONS))


def check_targets(article: Article) -> None:
    """Asserts that every surface with a number leads to the title with that number."""
    for context, links in article.contexts:
        for start, stop, title, _ in links:
            surface = _NUMBERED.fullmatch(context[start:stop])
            wanted = surface and f"Kitu {surface[1]}"
            assert wanted is None or title.replace("_", " ") == wanted, (context, context[start:stop], title)


@given(ELEMENTS, st.sampled_from(WIKIS))
def links_keep_their_targets(elements: list[str], wiki: str) -> None:
    """Whatever stands around a link and whatever is rewritten, each surface leads where its own link led."""
    text = "".join(
        element.format(101 + number) if element in LINKS else element for number, element in enumerate(elements)
    )
    check_targets(read_article(text, "Kitu", wiki_dialect(wiki, {}, "zh-cn"), OPTIONS))


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map("".join), st.sampled_from(WIKIS))
def wikitext_takes_linear_time(piece: str, wiki: str) -> None:
    """Twice as much of anything takes at most two and a half times as long, as far as times can be told apart."""
    dialect = wiki_dialect(wiki, {}, "zh-cn")

    def seconds(size: int) -> float:
        text, best = piece * (size // len(piece)), float("inf")
        for _ in range(2):
            began = time.process_time()
            read_article(text, "Kitu", dialect, OPTIONS)
            best = min(best, time.process_time() - began)
            if best < 0.02:
                break
        return best

    small = seconds(40_000)
    if small > 0.02:
        assert seconds(80_000) <= 2.5 * small + 0.05, piece


@given(st.dictionaries(st.sampled_from(KEYS), JSON), st.integers(min_value=1, max_value=10**9))
def entities_are_rows_drops_or_refused(odd: dict[str, Any], number: int) -> None:
    """A sound entity with odd fields is a row, a drop or refused; whatever was gathered can be written."""
    columns = EntityColumns(ItemOptions())
    line = json.dumps(dumps.entity(number) | odd, ensure_ascii=True).encode()
    refuses_with(EntityRefused, lambda: columns.add(line))
    columns.take()
    columns.sitelinks.take()


@given(st.binary(max_size=60), st.integers(0, 600), st.integers(0, 20))
def entity_lines_with_odd_bytes(odd: bytes, at: int, length: int) -> None:
    """Bytes anywhere in an entity's line never raise anything but a refusal."""
    line = dumps.line(dumps.entity(7))
    line = line[:at] + odd + line[at + length :]
    columns = EntityColumns(ItemOptions())
    refuses_with(EntityRefused, lambda: columns.add(entity_text(line)))
    columns.take()


@given(st.binary(max_size=60), st.integers(0, 900), st.integers(0, 40))
def pages_with_odd_bytes(odd: bytes, at: int, length: int) -> None:
    """Bytes anywhere in a page never raise anything but its problem."""
    data = dumps.article(7).encode()
    data = data[:at] + odd + data[at + length :]
    refuses_with(PageProblem, lambda: (page_namespace(data), read_page(data)))


@given(st.binary(max_size=60), st.integers(0, 700), st.integers(0, 40))
def headers_with_odd_bytes(odd: bytes, at: int, length: int) -> None:
    """Bytes anywhere in a header never raise anything but the file's corruption."""
    head = dumps.header().encode()
    refuses_with(InputCorrupt, lambda: read_siteinfo(head[:at] + odd + head[at + length :], "x.xml"))


_PAGES = dumps.articles(30)
_XML = (dumps.header() + "".join(_PAGES) + dumps.FOOTER).encode()
_FORMS = {
    "xml": _XML,
    "xml.bz2": dumps.multistream(_PAGES),
    "xml.gz": gzip.compress(_XML, mtime=0),
    "json": dumps.wikidata(dumps.things(30)),
    "json.gz": dumps.gz_members(dumps.wikidata(dumps.things(30))),
    "json.bz2": bz2.compress(dumps.wikidata(dumps.things(30))),
}


@given(
    st.sampled_from(sorted(_FORMS)),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=4),
    st.one_of(st.none(), st.integers(0, 10**6)),
    st.sampled_from([500, 4_000, 1 << 20]),
    st.booleans(),
)
def files_with_odd_bytes(
    form: str, edits: list[tuple[int, int]], cut: int | None, range_bytes: int, salvage: bool
) -> None:
    """A damaged file is read or refused, in ranges of any size, and never gives a record twice."""
    data = bytearray(_FORMS[form])
    for at, value in edits:
        data[at % len(data)] = value
    if cut is not None:
        del data[cut % len(data) :]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"dump.{form}")
        path.write_bytes(data)
        found: list[bytes] = []
        refuses_with(InputCorrupt, lambda: found.extend(_records(path, range_bytes, salvage)))
    whole = [record for record in found if record.startswith((b"<page>", b'{"type"'))]
    assert len(whole) == len(set(whole))


def _records(path: Path, range_bytes: int, salvage: bool) -> list[bytes]:
    found = []
    for span in plan_ranges(str(path), range_bytes):
        if ".xml" in path.name:
            tags = (b"<page>", b"</page>")
            found += [item.data for item in read_elements(span, *tags, final_mark=b"</mediawiki>", salvage=salvage)]
        else:
            found += [line for batch in read_lines(span, final_mark=b"]") for line in batch.lines]
    return found


@given(st.one_of(st.text(max_size=200), JSON.map(json.dumps)))
def manifests_are_read_or_refused(text: str) -> None:
    """No text but a manifest is one, and none raises anything but our errors."""
    refuses_with(XlmkError, lambda: parse_manifest(text, "x"))


@given(JSON)
def records_of_dumps_are_read_or_refused(value: object) -> None:
    """No JSON but a list of dumps is one."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, DUMP_LIST).write_text(json.dumps(value), encoding="utf-8")
        refuses_with(InputCorrupt, lambda: read_dump_list(Path(folder)))


@given(st.text(max_size=30))
def names_are_known_or_refused(text: str) -> None:
    """Codes, dates and wiki names are known or refused."""
    for check in (find_wiki, parse_languages, checked_wiki, checked_date):
        refuses_with(XlmkError, lambda check=check: check(text))  # type: ignore[misc, operator]


PROPERTIES: dict[str, Callable[[], None]] = {
    check.__name__: check
    for check in (
        wikitext_gives_exact_spans,
        links_keep_their_targets,
        wikitext_takes_linear_time,
        entities_are_rows_drops_or_refused,
        entity_lines_with_odd_bytes,
        pages_with_odd_bytes,
        headers_with_odd_bytes,
        files_with_odd_bytes,
        manifests_are_read_or_refused,
        records_of_dumps_are_read_or_refused,
        names_are_known_or_refused,
    )
}
"""All properties by name, for the tests and the campaign."""
