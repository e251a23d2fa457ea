"""Titles of wiki pages, in the one form under which they are looked up.

The form is that of Wikidata's sitelinks and of `<title>` in a dump: spaces, not underscores, NFC, first letter in the
wiki's case, no fragment, no leading colon.

Source: MediaWiki's title rules (`MediaWikiTitleCodec`, `Language::ucfirst`, `$wgOverrideUcfirstCharacters` of Wikimedia's
wikis) and, for Turkic wikis, its language classes. A first letter is put into title case, not upper case: ǆ becomes ǅ, և
becomes Եւ, Georgian letters stay; ß alone is excepted.
"""

from __future__ import annotations

import html
import re
import unicodedata
import urllib.parse
from collections.abc import Iterable

_DIRECTION_MARKS = re.compile("[\u200e\u200f\u202a-\u202e]")
_BLANKS = re.compile("[ _\u00a0\u1680\u180e\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\t\n\r]+")
_PERCENT = re.compile("%[0-9A-Fa-f]{2}")
OWN_CAPITALS = {"first-letter-dotted-i": {"i": "İ"}, "first-letter-acute-i": {"ı": "Í"}}
"""By rule the letters whose capital is not Unicode's: of Turkish and Azerbaijani, and of Karakalpak."""
_DIGRAPHS = frozenset("ǄǇǊǱ")
"""Capitals that are not in title case."""
# What a title in normal form never holds.
_ODD = re.compile("[_&%#\u200e\u200f\u202a-\u202e\u00a0\u1680\u180e\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\t\n\r]")


def split_fragment(target: str) -> tuple[str, str]:
    """Cut a link target at its first `#`: title and fragment, the latter empty where there is none.

    HTML entities are read first, for `&#35;` is a `#` and the `#` of `&#91;` is none.
    """
    target = html.unescape(target) if "&" in target else target
    title, _, fragment = target.partition("#")
    return title, " ".join(fragment.replace("_", " ").split())


def normalise_title(title: str, case: str = "first-letter") -> str:
    """Return the title under which a page is looked up; empty where nothing but a fragment or blanks was given.

    `case` is the wiki's rule for the first letter (`languages.title_case`).
    """
    title = _clean(title)
    return title if case == "case-sensitive" else upper_first(title, case)


def normalise_titles(titles: Iterable[str], case: str = "first-letter") -> list[str]:
    """`normalise_title` of many; five times as fast for those that are in normal form already, as most are."""
    odd, is_normal = _ODD.search, unicodedata.is_normalized
    return [
        title
        if not odd(title)
        and "  " not in title
        and title[:1] not in " :"
        and title[-1] != " "
        and not title[0].islower()
        and title[0] not in _DIGRAPHS
        and is_normal("NFC", title)
        else normalise_title(title, case)
        for title in titles
    ]


def _clean(title: str) -> str:
    if "%" in title and _PERCENT.search(title):
        title = _percent_decoded(title)
    title, _ = split_fragment(title)
    title = _BLANKS.sub(" ", _DIRECTION_MARKS.sub("", title)).strip(" ")
    title = title.removeprefix(":").strip(" ")
    return unicodedata.normalize("NFC", title)


def _percent_decoded(title: str) -> str:
    """Undo %-escapes where they spell UTF-8; otherwise leave the title as it stands."""
    try:
        return urllib.parse.unquote(title, errors="strict")
    except UnicodeDecodeError:
        return title


def upper_first(title: str, case: str = "first-letter") -> str:
    """Put a title's first letter into title case as the wikis do, `case` being the wiki's rule."""
    first = title[:1]
    own = OWN_CAPITALS.get(case, {}).get(first)
    if own is not None:
        return own + title[1:]
    upper = first if first == "ß" else first.title()
    if upper == first:
        return title
    return upper + title[1:] if len(upper) == 1 else unicodedata.normalize("NFC", upper + title[1:])
