"""Repair what is left around things that were taken out: `()`, `( , born`, `(German: )`, doubled commas, lone blanks.

Works on marked text (see `marks`): a link that goes leaves its two marks, now empty. Innermost parentheses first; what a
pronunciation left is known by its mark.
"""

from __future__ import annotations

import re

from pipeline.wikipedia.wikitext.marks import GONE, LINK_END, LINK_START, MARKS, gone_links
from pipeline.wikipedia.wikitext.templates import SOUND_MARK

_GONE = re.compile(GONE)
_INNERMOST = re.compile(r"([(（])([^()（）\n]*+)([)）])")
_BAD_AT_START = frozenset(" ,;:،؛、；，：/·•.–—=-")
_BAD_AT_END = frozenset(" ,;:،؛、；，：/·•–—=-")
_DOUBLED_INSIDE = re.compile(r"[,;:،؛、；，：]\s*+[,;،؛；，]")
_SEPARATORS = " ,;:،؛、；，：/·•.–—=-"
_SPLIT = re.compile(rf"([,;،؛](?=[\s{SOUND_MARK}{LINK_START}{LINK_END}]|\Z)|[、；，]|\s[/·•](?=\s|\Z))")
_MARKS = re.compile(f"[{MARKS}]+")
_LABEL = re.compile(
    r"(?:^|\s)(?:pronounc|pronunci|listen|audio|sound|ipa|api|afi|aussprache|ausgesproch|uitspraak|wymowa|výslovnost|"
    r"выгаво|вымаўл|произн|мфа|вимов|выслав|изговор|uttal|udtal|ääntä|ejtsd|kiejt|telaffuz|okunu|phát âm|προφ|προφέρ|"
    r"उच्चारण|উচ্চারণ|শুনুন|发音|發音|発音|발음|تلفظ|نطق|הגייה|արտասան|lafal|pelafalan|dibaca|prononc|pronunz|pronún|hör)",
    re.IGNORECASE,
)
_EMPTY_BRACKETS = re.compile(rf"\[[\s{SOUND_MARK},;]*+\]|/\s*+{SOUND_MARK}\s*+/|{SOUND_MARK}")
# Patterns begin with one class of characters, which the engine looks for quickly; what it was is looked back at.
_GAP = rf"(?:\s|{GONE}){{0,9}}+"  # bounded, as the repetition below: a run of thousands is tried at each of them
_SEPARATED = re.compile(
    rf"[(（,;،؛、；，](?:(?<=[(（])(?:[\s,;:،؛、；，]|{GONE})++"  # behind an opening
    rf"|(?<=[,;،؛、；，])(?:{_GAP}[,;،、，]){{0,20}}+{_GAP}(?=[)）]|\.(?:\s|\Z))"  # before a closing or a full stop
    rf"|(?<=[,،、，])(?:\s*+[,،、，])++)"  # several commas
)
_LOOSE = re.compile(r"[\n,.،。，、؛)）](?<= [\s\S])")
_SPACED = re.compile(rf" (?=\n|(?:{GONE})*[,.،。，、؛](?:[\s{LINK_START}{LINK_END}]|\Z)|(?:{GONE})+ )")
_BLANKS = re.compile("  ++")
_STRAY = re.compile(r"[)）](?<=[ ].)")
_BLANKS_BEFORE = re.compile(r" +(?=[)）])")
_POINT_AFTER_LINK = re.compile(rf"\.{LINK_END}\.(?!\.)")
_POINTS_RUN = re.compile(r"\.\.+")
_LINE_START = re.compile(r"\n[ ,;:،、，)）·•]+")


def repair(text: str) -> str:
    """Return marked text without the traces of what was taken out of it."""
    if "(" in text or "（" in text:
        length = len(text)
        text = _INNERMOST.sub(_repaired, text)
        emptied = SOUND_MARK in text or "()" in text or "( )" in text or "（）" in text
        if len(text) < length and (emptied or _GONE.search(text)):
            text = _INNERMOST.sub(_repaired, text)
        if len(text) < length:  # a parenthesis at the end of a link's surface leaves its blank inside
            text = text.replace(f" {LINK_END}", f"{LINK_END} ")
    if SOUND_MARK in text or "[ " in text or "[]" in text:
        text = _EMPTY_BRACKETS.sub("", text)
    text = f"\n{_SEPARATED.sub(_without_separators, text)}\n"
    if "  " in text:
        text = _BLANKS.sub(" ", text)
    if _LOOSE.search(text) or _GONE.search(text):
        text = _BLANKS.sub(" ", _SPACED.sub("", text))
    if _STRAY.search(text):
        text = "\n".join(_without_strays(line) if ")" in line or "）" in line else line for line in text.split("\n"))
    if f".{LINK_END}." in text:
        text = _POINT_AFTER_LINK.sub(f".{LINK_END}", text)
    if ".." in text:
        text = _POINTS_RUN.sub(lambda points: "." if len(points[0]) == 2 else points[0], text)
    return _LINE_START.sub("\n", text)[1:-1]


def _without_separators(found: re.Match[str]) -> str:
    """Return the parenthesis or the one comma that stays, and the marks of links that went."""
    token, following = found[0], found.string[found.end() : found.end() + 1]
    stays = token[0] in "(（" or following not in (")", "）", ".")
    return (token[0] if stays else "") + "".join(_GONE.findall(token))


def _without_strays(line: str) -> str:
    """Return a line without blanks before its closing parentheses, and without closings behind a blank that close nothing."""
    pieces: list[str] = []
    position = opened = 0
    for blank in _BLANKS_BEFORE.finditer(line):
        before = line[position : blank.start()]
        opened += before.count("(") + before.count("（") - before.count(")") - before.count("）")
        pieces.append(before)
        position = blank.end()
        if opened <= 0:  # drop the closing itself
            position, opened = position + 1, 0
    return "".join(pieces) + line[position:]


def _repaired(found: re.Match[str]) -> str:
    inside = found[2]
    if _is_sound(inside):
        return found[0]
    kept, gone = _kept_parts(inside)
    return f"{found[1]}{kept}{found[3]}{gone}" if kept else gone


def _is_sound(inside: str) -> bool:
    """Whether nothing was taken out of a parenthesis that a reader would notice."""
    return (
        inside != ""
        and inside[0] not in _BAD_AT_START
        and inside[-1] not in _BAD_AT_END
        and SOUND_MARK not in inside
        and _DOUBLED_INSIDE.search(inside) is None
    )


def _kept_parts(inside: str) -> tuple[str, str]:
    """Return the parts between commas and semicolons that still say something, and the marks of links in the others."""
    pieces = _SPLIT.split(inside)
    kept: list[str] = []
    gone: list[str] = []
    for index in range(0, len(pieces), 2):
        part = _without_sound(pieces[index])
        if part is None:
            gone.append(gone_links(pieces[index]))
            continue
        if kept:
            separator = pieces[index - 1]
            kept.append(separator + ("" if separator in "、；，" else " "))
        kept.append(part)
    return "".join(kept), "".join(gone)


def _without_sound(part: str) -> str | None:
    """Return a part without the mark of a pronunciation; None where it says nothing, or was only the label of one."""
    had_sound = SOUND_MARK in part
    part = " ".join(part.replace(SOUND_MARK, " ").split())
    bare = _MARKS.sub("", part).strip()
    if not bare.strip(_SEPARATORS):
        return None
    if bare[-1] in ":：=" and (had_sound or (len(bare) > 3 and len(bare.split()) <= 3)):
        return None
    if had_sound and len(bare.split()) <= 4 and _LABEL.search(bare):
        return None
    return part
