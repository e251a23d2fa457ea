"""One `<page>` element of a dump to its fields, from bytes, without an XML parser.

Dumps write a page's fields in one order and escape every `<` in them, so a field is found by its tag. A page that does
not read so is refused alone; a parser of the whole document would stop at it.

Source: export schemas 0.10 and 0.11. The last revision counts, and its first `<text>`: further slots follow it.
"""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass

from schemas.ids import database_id

_ILLEGAL = bytes([*range(9), 11, 12, *range(14, 32)])
_REDIRECT = re.compile(rb'<redirect title="([^"]*)"')
_NUMBER = re.compile(rb"<id>(\d+)</id>")
_REFERENCE = re.compile("&#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}));")
_REDIRECT_TEXT = re.compile(r"\s*#[^\W\d_][^\[\]\n]{0,40}\[\[\s*:?([^\[\]|#\n]+)")
_TO_SECTION = re.compile(r"\s*#[^\[\]\n]{1,80}\[\[[^\[\]|#]*#([^\[\]|]+)")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class PageProblem(ValueError):
    """A page that cannot be read: `reason` is a short stable code, the message says what was found."""

    def __init__(self, reason: str, detail: str, page_id: str | None = None) -> None:
        super().__init__(detail)
        self.reason = reason
        self.page_id = page_id


@dataclass(frozen=True, slots=True)
class DumpPage:
    """The fields of one page; texts are unescaped."""

    title: str
    """Title with spaces, NFC."""
    namespace: int | None
    """Namespace number; 0 holds articles. None where the dump is too old to say."""
    page_id: int
    """The wiki's id of the page."""
    revision_id: int
    """The wiki's id of the revision."""
    redirect: str | None
    """Title that a redirect leads to."""
    model: str
    """Content model, `wikitext` for pages of text."""
    text: str
    """The wikitext, empty where the dump holds none."""
    is_deleted: bool
    """Whether the text was hidden from the public."""


def page_namespace(data: bytes) -> int | None:
    """Return the namespace number of a page, without reading the rest; None in dumps of before 2012, which do not say it.

    Raises:
        PageProblem: it is not a number.
    """
    found = _between(data, b"<ns>", b"</ns>", 0, 4_000)
    try:
        return None if found is None else int(found)
    except ValueError as error:
        raise PageProblem("malformed_page", f"namespace {found!r} is not a number") from error


def read_page(data: bytes) -> DumpPage:
    """Read one element, `<page>` to `</page>`.

    Raises:
        PageProblem: a field is missing or unreadable, bytes are not UTF-8, or characters are none of XML's.
    """
    revision = data.rfind(b"<revision>")
    head = data[: revision if revision >= 0 else len(data)]
    title, page_id = _between(head, b"<title>", b"</title>"), _NUMBER.search(head)
    if not title or page_id is None or revision < 0:
        raise PageProblem("malformed_page", "no title, id or revision before the end of the page")
    known = page_id[1].decode()
    revision_id = _NUMBER.search(data, revision)
    if revision_id is None:
        raise PageProblem("malformed_page", "a revision without an id", known)
    number, revision_number = database_id(page_id[1]), database_id(revision_id[1])
    if number is None or revision_number is None:
        raise PageProblem("bad_id", "a page or revision id over 64 bits", known[:20])
    if len(data.translate(None, _ILLEGAL)) != len(data):
        raise PageProblem("control_character", "a control character that XML forbids", known)
    redirect = _REDIRECT.search(head)
    text, is_deleted = _text(data, revision, known)
    namespace = page_namespace(head)
    target = None if redirect is None else _decoded(redirect[1], known)
    if target is None and namespace is None:  # export schemas 0.3 to 0.5 have at most a `<redirect />` without a title
        target = redirect_target(text)
    return DumpPage(
        title=unicodedata.normalize("NFC", _decoded(title, known)).replace("_", " "),
        namespace=namespace,
        page_id=number,
        revision_id=revision_number,
        redirect=None if target is None else unicodedata.normalize("NFC", target),
        model=_decoded(_between(data, b"<model>", b"</model>", revision) or b"wikitext", known),
        text=text,
        is_deleted=is_deleted,
    )


def redirect_target(wikitext: str) -> str | None:
    """Return the title that a redirect's own text leads to, in whatever language its word is; None for other pages."""
    found = _REDIRECT_TEXT.match(wikitext)
    return (" ".join(html.unescape(found[1]).replace("_", " ").split()) or None) if found else None


def redirect_fragment(wikitext: str) -> str | None:
    """Return the section that a redirect leads to; a dump's `<redirect title>` never says it, the redirect's own text does."""
    found = _TO_SECTION.match(wikitext)
    return " ".join(html.unescape(found[1]).replace("_", " ").split()) or None if found else None


def _text(data: bytes, revision: int, page_id: str) -> tuple[str, bool]:
    """Return the first text of a revision, and whether it is hidden."""
    start = data.find(b"<text", revision)
    opened = data.find(b">", start)
    if start < 0 or opened < 0:
        raise PageProblem("malformed_page", "a revision without a text", page_id)
    tag = data[start:opened]
    if tag.endswith(b"/"):
        return "", b"deleted" in tag
    end = data.find(b"</text>", opened)
    if end < 0:
        raise PageProblem("malformed_page", "a text that is not closed", page_id)
    return _decoded(data[opened + 1 : end], page_id), False


def _between(data: bytes, opening: bytes, closing: bytes, start: int = 0, end: int | None = None) -> bytes | None:
    begin = data.find(opening, start, end)
    if begin < 0:
        return None
    begin += len(opening)
    stop = data.find(closing, begin)
    return None if stop < 0 else data[begin:stop]


def _referenced(found: re.Match[str]) -> str:
    """Return the character that a reference names. HTML would read some numbers as others; XML does not."""
    number = int(found[1], 16) if found[1] else int(found[2])
    if number > 0x10FFFF or _CONTROL.match(chr(number)):
        raise ValueError(found[0])
    return chr(number)


def _decoded(data: bytes, page_id: str) -> str:
    """Escaped bytes as text. Only five entities and character references exist in XML without a DOCTYPE."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PageProblem(
            "bad_utf8", f"byte {data[error.start]:#04x} at {error.start} is not UTF-8", page_id
        ) from error
    if "&" not in text:
        return text
    if "&#" in text:
        try:
            text = _REFERENCE.sub(_referenced, text)
        except ValueError as error:
            raise PageProblem("control_character", f"a reference to {error}, which XML forbids", page_id) from error
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&apos;", "'")
    return text.replace("&amp;", "&")
