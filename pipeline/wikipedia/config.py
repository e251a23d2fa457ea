"""The wikipedia job's configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Variant = Literal["zh-cn", "zh-hans", "zh-sg", "zh-tw", "zh-hant", "zh-hk"]


@dataclass(frozen=True, kw_only=True)
class WikipediaConfig:
    """Which dumps are read, and what is kept of their pages."""

    dumps: tuple[str, ...]
    """Paths, URLs or glob patterns of XML dumps; indexes of multistream dumps are found beside them by their names."""
    output: str
    """Folder of the dataset."""
    context_characters: int = 1_000
    """Most characters of a context. Method: open."""
    min_context_characters: int = 10
    """Fewest characters of a context; shorter ones go, with their links. Method: open."""
    without_sections: tuple[str, ...] = ()
    """Kinds of sections whose contexts go: references, external_links, bibliography, see_also, works, filmography,
    discography, gallery. Method: open."""
    lead_characters: int = 1_200
    """Most characters of a lead; longer ones are cut at a sentence. Method: open."""
    templates: bool = False
    """Expand templates whose own pages in the dumps are plain wikitext with parser functions, before the rules for names. Reads
    each XML dump once more, before the tasks. Templates in Lua, boxes and tables stay with the rules."""
    table_cells: bool = False
    """Keep the text and links of table cells, a row a line."""
    zh_variant: Variant = "zh-cn"
    """Which variant the markup of wikis in two scripts is resolved to; Serbian and others show their first."""
    wiki_from_name: bool = False
    """Take the wiki from the beginning of the file's name (`de_wiki.xml.bz2`, `dewiki-2026…`) instead of the header."""
    use_index: bool = True
    """Cut a multistream dump at the streams its index lists, and count its pages against the index."""
    range_bytes: int = 16 * 1024 * 1024
    """Compressed bytes of a task."""
    max_page_bytes: int = 16 * 1024 * 1024
    """Longest page that is read, in bytes of XML; longer ones are rejected. MediaWiki's own limit is 2 MiB of text."""
    max_text_characters: int = 4 * 1024 * 1024
    """Longest wikitext that is read; longer ones are rejected, so that no page takes more than seconds, whatever its
    markup. A limit in seconds would give other rows on another machine."""
    salvage: bool = False
    """Read on behind damaged blocks of a bz2 dump, and keep the whole pages before the end of a dump that was cut off or
    is damaged in another packing; each gap becomes a reject that says what is missing."""
    allow_partial: bool = False
    """Leave out a wiki whose dump is damaged, and say so in the manifest, where otherwise the job would end."""
    max_reject_share: float = 0.001
    """Largest share of records that may be rejected, 0 to 1."""
