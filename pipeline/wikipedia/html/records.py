"""One record of a snapshot, a line of JSON, to its fields.

Fields that are not named here are passed over unread. Most of a record's fields are left out where they are empty, so each
has a default here.

Source: Wikimedia Enterprise's snapshots (`Article` of its schema); 180 + 15 real records.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import msgspec

from pipeline.wikipedia.pages import PageProblem
from schemas.ids import MAX_DATABASE_ID, is_item_id


class _Identified(msgspec.Struct, frozen=True):
    identifier: str | int = ""


class _Named(msgspec.Struct, frozen=True):
    name: str = ""


class _Event(msgspec.Struct, frozen=True):
    type: str = ""


class _Visibility(msgspec.Struct, frozen=True):
    text: bool = True


class _Body(msgspec.Struct, frozen=True):
    html: str = ""


class _Record(msgspec.Struct, frozen=True):
    name: str
    identifier: int
    version: _Identified
    namespace: _Identified = _Identified(0)
    is_part_of: _Identified = _Identified()
    main_entity: _Identified | None = None
    redirects: list[_Named] = []
    article_body: _Body = _Body()
    event: _Event = _Event()
    visibility: _Visibility = _Visibility()


class _Place(msgspec.Struct, frozen=True):
    identifier: int
    version: _Identified


_RECORD = msgspec.json.Decoder(_Record)
_PLACE = msgspec.json.Decoder(_Place)


@dataclass(frozen=True, slots=True)
class SnapshotPage:
    """The fields of one record."""

    title: str
    """Title with spaces, NFC."""
    page_id: int
    """The wiki's id of the page."""
    revision_id: int
    """The wiki's id of the revision."""
    namespace: int
    """Namespace number; 0 holds articles."""
    wiki: str
    """Database name; empty where the record does not say."""
    entity: str | None
    """The item the page is about, where it has one."""
    redirects: list[str]
    """Titles that lead to the page."""
    html: str
    """The page as MediaWiki renders it; empty where the record has no body."""
    is_deleted: bool
    """Whether the page was deleted, or its text is hidden from the public."""


def read_record(line: bytes) -> SnapshotPage:
    """Read one line.

    Raises:
        PageProblem: it is no JSON, or a field is missing or of another kind.
    """
    try:
        record = _RECORD.decode(line)
        revision, namespace = int(record.version.identifier), int(record.namespace.identifier)
    except (msgspec.DecodeError, ValueError) as error:
        raise PageProblem("malformed_record", f"not a record of a page: {error}") from error
    if not (0 < record.identifier <= MAX_DATABASE_ID and 0 <= revision <= MAX_DATABASE_ID):
        detail = f"page {record.identifier} and revision {revision}, expected ids of 63 bits"
        raise PageProblem("malformed_record", detail, str(record.identifier)[:40])
    entity = str(record.main_entity.identifier) if record.main_entity is not None else ""
    return SnapshotPage(
        title=unicodedata.normalize("NFC", record.name).replace("_", " "),
        page_id=record.identifier,
        revision_id=revision,
        namespace=namespace,
        wiki=str(record.is_part_of.identifier),
        entity=entity if is_item_id(entity) else None,
        redirects=[unicodedata.normalize("NFC", one.name).replace("_", " ") for one in record.redirects if one.name],
        html=record.article_body.html,
        is_deleted=record.event.type == "delete" or not record.visibility.text,
    )


def read_ids(line: bytes) -> tuple[int, int] | None:
    """Page and revision of a line, without its other fields; None where it is no record."""
    try:
        place = _PLACE.decode(line)
        revision = int(place.version.identifier)
    except (msgspec.DecodeError, ValueError):
        return None
    return (place.identifier, revision) if max(place.identifier, revision) <= MAX_DATABASE_ID else None
