"""`pages` and `redirects`: what a dump or snapshot of a Wikipedia says, before links are resolved to entities."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from schemas.tables import Table, list_of, required


@dataclass(frozen=True, kw_only=True)
class Link:
    """One link to an article inside a context; its surface is `text[start:end]`."""

    start: int
    """First code point of the surface."""
    end: int
    """One past the last code point of the surface."""
    target: str
    """Title as written in the page, fragment cut off, not yet normalised."""
    fragment: str | None
    """What stood behind `#`, None where nothing did."""


@dataclass(frozen=True, kw_only=True)
class PageContext:
    """One piece of an article's text."""

    text: str
    """Plain text, NFC, of at most the budget of characters the job was given."""
    links: list[Link]
    """Links to articles in it, ordered by start, never overlapping."""
    section: str | None = None
    """Title of the section it stands in, the innermost; None in the lead."""
    section_kind: str | None = None
    """What the section or one around it is, where its title says: `references`, `external_links`, …; None for prose."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """One article (namespace 0, not a redirect) of one wiki."""

    wiki: str
    """Database name, for instance `swwiki`."""
    language: str
    """Language code of the wiki's texts, for instance `sw` (`nb` for `nowiki`)."""
    title: str
    """Title with spaces, NFC."""
    page_id: int
    """The wiki's page id."""
    revision_id: int
    """Id of the revision the text is from."""
    entity: str | None = None
    """The item the page is about, where the source itself says it (a snapshot of rendered pages); None otherwise."""
    is_disambiguation: bool
    """The page lists namesakes and defines nothing."""
    lead: str | None
    """The section before the first heading as one clean paragraph; None where it has no prose."""
    lead_missing: str | None
    """Why there is no lead: `empty`, `no_prose`, …; None where there is one."""
    contexts: list[PageContext]
    """The text of the whole article in pieces, with the links in it."""


@dataclass(frozen=True, kw_only=True)
class Redirect:
    """One redirect page of one wiki."""

    wiki: str
    """Database name."""
    title: str
    """Title of the redirect, with spaces, NFC."""
    page_id: int | None = None
    """The wiki's page id of the redirect; None where the source has none (a snapshot of rendered pages)."""
    target: str
    """Title it leads to, as the dump's `<redirect title>` says."""
    fragment: str | None = None
    """The section of that page it leads to, as the redirect's text says; None where it leads to the page."""


LINK = pa.struct(
    [
        required("start", pa.int32()),
        required("end", pa.int32()),
        required("target", pa.string()),
        pa.field("fragment", pa.string()),
    ]
)

CONTEXT = pa.struct(
    [
        required("text", pa.string()),
        required("links", list_of(LINK)),
        pa.field("section", pa.string()),
        pa.field("section_kind", pa.string()),
    ]
)

PAGES = Table(
    name="pages",
    version=2,
    row=Page,
    columns=pa.schema(
        [
            required("wiki", pa.string()),
            required("language", pa.string()),
            required("title", pa.string()),
            required("page_id", pa.int64()),
            required("revision_id", pa.int64()),
            pa.field("entity", pa.string()),
            required("is_disambiguation", pa.bool_()),
            pa.field("lead", pa.string()),
            pa.field("lead_missing", pa.string()),
            required("contexts", list_of(CONTEXT)),
        ]
    ),
    partitioned_by="wiki",
)

REDIRECTS = Table(
    name="redirects",
    version=2,
    row=Redirect,
    columns=pa.schema(
        [
            required("wiki", pa.string()),
            required("title", pa.string()),
            pa.field("page_id", pa.int64()),
            required("target", pa.string()),
            pa.field("fragment", pa.string()),
        ]
    ),
    partitioned_by="wiki",
)
