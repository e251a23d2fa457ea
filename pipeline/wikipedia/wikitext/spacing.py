"""Characters that no reader sees or that mean a blank, made uniform."""

from __future__ import annotations

import re

BLANKS = (
    "\t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""Characters that become a blank."""
UNSEEN = "\x01\u00ad\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff\ufffc\ufffd"
"""Characters that go: direction marks, soft hyphens, and the mark of an empty `<nowiki/>`. The joiners that scripts need
(U+200B to U+200D) are none of them."""

_BLANKS = re.compile(f"[{BLANKS}]")
_UNSEEN = re.compile(f"[{UNSEEN}\x7f-\x9f]++")


def tidy_characters(text: str) -> str:
    """Blanks of all kinds as one kind; direction marks and soft hyphens out."""
    return _BLANKS.sub(" ", _UNSEEN.sub("", text))
