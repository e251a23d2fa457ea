"""The letters behind a link that belong to it: `[[dog]]s` is one word in English, never in Chinese.

Source: `$linkTrail` of MediaWiki's language files, recalled; `data/link_trails.tsv` lists the letters by wiki. A wiki
that is not listed takes a to z, as MediaWiki does.
"""

from __future__ import annotations

import functools
import pathlib
import re

from pipeline.wikipedia.wikitext.namespaces import read_rows

_DATA = pathlib.Path(__file__).with_name("data") / "link_trails.tsv"


@functools.cache
def link_trail(wiki: str) -> re.Pattern[str]:
    """The pattern that matches the trail of a link; it matches the empty string where a wiki has no trails."""
    letters = _letters().get(wiki.removesuffix("wiki"), "a-z")
    return re.compile(f"[{letters}]*+" if letters != "-" else "")


@functools.cache
def _letters() -> dict[str, str]:
    return {code: letters for codes, (letters,) in read_rows(_DATA) for code in codes.split(",")}
