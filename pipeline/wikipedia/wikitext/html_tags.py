"""HTML tags that wikitext may hold, and what each leaves in the text."""

from __future__ import annotations

_BLOCKS = "p|div|li|ul|ol|dl|dt|dd|blockquote|center|hr|h[1-6]|table|tr|td|th|caption|poem|tbody"
_INLINE = (
    "b|i|u|s|a|em|strong|small|big|span|font|sub|sup|code|tt|kbd|var|cite|abbr|del|ins|bdi|bdo|q|dfn|samp|mark|strike|"
    "ruby|rb|rt|rp|rtc|nobr|data|time|wbr|img|input|label|tvar|translate|onlyinclude|noinclude|section|br|ref|references|"
    "gallery|nowiki|math|pre|imagemap|timeline|score|includeonly|source|syntaxhighlight|templatestyles|hiero|chem|link|"
    "meta|thead|tfoot|col|colgroup|button|form|iframe|object|embed|video|audio|no|style|script|ol|acronym|body|html|title"
)

TAGS = {name: "\n" for name in _BLOCKS.replace("h[1-6]", "h1|h2|h3|h4|h5|h6").split("|")}
TAGS |= {"br": " ", "li": "\n"} | {name: "" for name in _INLINE.split("|") if name not in TAGS and name != "br"}
"""A border of lines, a blank, or nothing, by the tag's name. Anything else in <> is text."""
