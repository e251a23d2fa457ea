"""Small snapshots of rendered pages, in the forms in which they are published."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any


def html_page(text: str, *, head: str = "") -> str:
    """A rendered page whose only paragraph is `text`."""
    return (
        f'<!DOCTYPE html>\n<html><head><meta charset="utf-8"/>{head}</head><body lang="sw">'
        f'<section data-mw-section-id="0"><p>{text}</p></section></body></html>'
    )


def record(page_id: int, title: str, html: str, **changes: Any) -> bytes:
    """One line of a snapshot, its JSON escaped as the producer's; `None` takes a field out."""
    fields: dict[str, Any] = {
        "name": title,
        "identifier": page_id,
        "version": {"identifier": 1_000 + page_id, "editor": {"name": "A", "identifier": 7}},
        "namespace": {"name": "Article", "identifier": 0},
        "in_language": {"name": "Swahili", "identifier": "sw"},
        "main_entity": {"identifier": f"Q{page_id}", "url": f"https://www.wikidata.org/entity/Q{page_id}"},
        "is_part_of": {"name": "Wikipedia", "identifier": "swwiki"},
        "article_body": {"html": html, "wikitext": "'''x'''"},
        **changes,
    }
    line = json.dumps({name: value for name, value in fields.items() if value is not None}, ensure_ascii=False)
    for char in "<>&":
        line = line.replace(char, f"\\u{ord(char):04x}")
    return line.encode()


def articles(count: int) -> list[bytes]:
    """Records that differ in length, each with a link to the next."""
    return [
        record(
            number,
            f"Kitu {number}",
            html_page(
                f"<b>Kitu {number}</b> ni kitu cha {'aina ' * (number % 9)}mbele ya "
                f'<a rel="mw:WikiLink" href="./Kitu_{number + 1}">kitu {number + 1}</a>.'
            ),
        )
        for number in range(1, count + 1)
    ]


def write_snapshot(
    folder: Path, lines: list[bytes], form: str, name: str = "swwiki-NS0-20261101-ENTERPRISE-HTML"
) -> Path:
    """Write records as `tar.gz` (two files in one archive), `tar`, `json`, `json.gz` or `json.bz2`."""
    path = folder / f"{name}.{form}"
    data = b"".join(line + b"\n" for line in lines)
    if "tar" in form:
        half = len(lines) // 2
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for number, part in enumerate((lines[:half], lines[half:])):
                inside = b"\n".join(part)  # the last line ends with the file
                member = tarfile.TarInfo(f"swwiki_namespace_0_{number}.ndjson")
                member.size = len(inside)
                archive.addfile(member, io.BytesIO(inside))
        data = packed.getvalue()
    packers = {"gz": gzip.compress, "bz2": bz2.compress}
    path.write_bytes(packers.get(form.rpartition(".")[2], bytes)(data))
    return path
