"""Elements of a range: what stands between a start tag and its end tag, with their places."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

from pipeline.dumps.ranges.chunk import Chunk
from pipeline.dumps.ranges.chunks import read_chunks, with_end_checked
from pipeline.dumps.ranges.plan import ByteRange, Opener
from pipeline.run.storage import open_read
from schemas.errors import InputCorrupt

MAX_ELEMENT_BYTES = 64 * 1024 * 1024
"""Longest element that is kept whole, in bytes."""
_HEAD_BYTES = 1000

Problem = Literal["unclosed", "too_large", "stray", "damaged"]
"""What is wrong with an element: another one begins before it ends; it is over the limit; text stands outside of any;
bytes of the file are damaged here, and whatever elements they held are lost."""


@dataclass(frozen=True, slots=True)
class Element:
    """One element, its tags included, or what stands in its place."""

    data: bytes
    """The bytes from the first of the start tag to the last of the end tag; only the first 1,000 where there is a problem."""
    unit: int
    """Where in the file the gzip member, bzip2 block or zstd frame begins in which it begins; 0 if plain."""
    offset: int
    """Where it begins, in decoded bytes from the beginning of that unit."""
    problem: Problem | None = None
    """None for a whole element."""
    detail: str = ""
    """What is damaged, in words."""


def read_elements(
    span: ByteRange,
    start_tag: bytes,
    end_tag: bytes,
    *,
    max_element_bytes: int = MAX_ELEMENT_BYTES,
    final_mark: bytes = b"",
    open_file: Opener = open_read,
    salvage: bool = False,
) -> Iterator[Element]:
    """Yield the elements whose start tag begins in a range's section.

    Text before the file's first element is its header and is passed over; elsewhere text between two elements that is
    not white space comes as a `stray`.

    Args:
        span: the range.
        start_tag: for instance b"<page>".
        end_tag: for instance b"</page>".
        max_element_bytes: a longer element comes as a `too_large` with its first bytes only.
        final_mark: what the file must end in, white space aside, for instance b"</mediawiki>"; b"" checks nothing.
        open_file: opens the range's path.
        salvage: pass over damaged blocks of a bz2 file; a `damaged` element stands in place of each.

    Raises:
        InputCorrupt: the file is damaged, cut off (in an element, too), or does not end in `final_mark`.
    """
    source = (
        with_end_checked(span, final_mark, open_file, salvage) if final_mark else read_chunks(span, open_file, salvage)
    )
    with closing(source) as chunks:
        yield from _Scanner(chunks, span, start_tag, end_tag, max_element_bytes).elements()


class _Scanner:
    """Finds elements in a buffer that is filled chunk by chunk."""

    def __init__(self, chunks: Iterator[Chunk], span: ByteRange, start_tag: bytes, end_tag: bytes, limit: int) -> None:
        self._chunks, self._path = chunks, span.path
        self._start_tag, self._end_tag, self._limit = start_tag, end_tag, limit
        self._buffer = bytearray()
        self._dropped = 0
        """Decoded bytes of the range before the buffer's first; positions below count from the range's beginning."""
        self._places: list[tuple[int, Chunk]] = []
        self._section_end: int | None = None
        self._exhausted = False
        self._between = False
        """Whether the last thing seen was an element's end, so that text here stands between elements."""
        self._damage: Element | None = None
        """What stands for damage that has been reached and not been told yet."""

    def elements(self) -> Iterator[Element]:
        while (begin := self._find_start()) is not None or self._damage:
            if begin is None:
                yield self._pass_damage()
                continue
            stray = self._stray(begin)
            if stray:
                yield stray
            self._drop(begin)
            yield self._take(begin)

    def _fill(self) -> bool:
        """Append the next chunk; False at the file's end."""
        chunk = None if self._exhausted else next(self._chunks, None)
        if chunk is None:
            self._exhausted = True
            return False
        end = self._dropped + len(self._buffer)
        if not chunk.owned and self._section_end is None:
            self._section_end = end
        if chunk.damage:
            self._damage = Element(b"", chunk.unit, chunk.offset, "damaged", chunk.damage)
            return True
        self._places.append((end, Chunk(b"", chunk.unit, chunk.offset, chunk.owned)))
        self._buffer += chunk.data
        return True

    def _find_start(self) -> int | None:
        """Position of the next start tag in the section, or None after the last."""
        searched = 0
        while True:
            hit = self._buffer.find(self._start_tag, searched)
            if hit >= 0:
                position = self._dropped + hit
                return position if self._section_end is None or position < self._section_end else None
            searched = max(0, len(self._buffer) - len(self._start_tag) + 1)
            if self._section_end is not None and self._dropped + searched >= self._section_end:
                return None
            if not self._between:
                self._drop(self._dropped + searched)
                searched = 0
            if not self._fill():
                return None
            if self._damage:
                # Damage behind the section is told by the range that owns it.
                self._damage = self._damage if self._section_end is None else None
                return None

    def _pass_damage(self) -> Element:
        """Return what stands for the damage reached; the element that it cut, and the rest of one behind it, are dropped."""
        found, self._damage = self._damage, None
        assert found is not None
        self._drop(self._dropped + len(self._buffer))
        self._between = False
        return found

    def _take(self, begin: int) -> Element:
        """Return the element at the buffer's beginning; afterwards the buffer begins behind it."""
        unit, offset = self._place(begin)
        searched = len(self._start_tag)
        while (end := self._buffer.find(self._end_tag, searched)) < 0:
            if len(self._buffer) > self._limit:
                return self._pass_large(unit, offset)
            searched = max(searched, len(self._buffer) - len(self._end_tag) + 1)
            if not self._fill():
                raise InputCorrupt(
                    f"{self._path}: the file ends inside the element {self._start_tag.decode()} that begins {offset} decoded "
                    f"bytes after byte {unit}. It was cut off: download it again and compare size and checksum."
                )
            if self._damage:
                return self._pass_damage()
        end += len(self._end_tag)
        again = self._buffer.find(self._start_tag, len(self._start_tag), end)
        problem: Problem | None = "unclosed" if again >= 0 else "too_large" if end > self._limit else None
        stop = again if again >= 0 else end
        data = bytes(self._buffer[: min(stop, _HEAD_BYTES) if problem else stop])
        self._between = again < 0
        self._drop(begin + stop)
        return Element(data, unit, offset, problem)

    def _pass_large(self, unit: int, offset: int) -> Element:
        """Pass over an element that is over the limit, to its end or to the next start tag."""
        head = bytes(self._buffer[:_HEAD_BYTES])
        self._drop(self._dropped + len(self._start_tag))
        longest = max(len(self._start_tag), len(self._end_tag))
        while self._section_end is None:
            ends = [at for tag in (self._start_tag, self._end_tag) if (at := self._buffer.find(tag)) >= 0]
            if ends:
                break
            self._drop(self._dropped + max(0, len(self._buffer) - longest + 1))
            if not self._fill():
                break
        self._between = False
        return Element(head, unit, offset, "too_large")

    def _stray(self, begin: int) -> Element | None:
        text = bytes(self._buffer[: begin - self._dropped]) if self._between else b""
        if not text.strip():
            return None
        return Element(text[:_HEAD_BYTES], *self._place(self._dropped), "stray")

    def _drop(self, position: int) -> None:
        """Forget the buffer before a position."""
        del self._buffer[: position - self._dropped]
        self._dropped = position
        while len(self._places) > 1 and self._places[1][0] <= position:
            del self._places[0]

    def _place(self, position: int) -> tuple[int, int]:
        """Return (unit, offset) of a position that is still in the buffer."""
        start, chunk = max((place for place in self._places if place[0] <= position), key=lambda place: place[0])
        return chunk.unit, chunk.offset + position - start
