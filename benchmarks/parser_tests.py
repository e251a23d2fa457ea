"""MediaWiki's own parser tests: does our reading of wikitext say what MediaWiki says?

    python -m benchmarks.parser_tests --folder parsoid/tests/parser
    make parser-tests PARSOID=parsoid

The folder is that of wikimedia/mediawiki-services-parsoid (or of MediaWiki itself); its files are under the GPL and none is kept
here. Of each test that gives wikitext and HTML, without templates, tables and switches of the test's own making, the text and
the links to articles are compared: characters without blanks, and pairs of title and surface. Addresses that MediaWiki shows as
they are, or numbers for them, are left out. Tests that are different, and are about what is read otherwise on purpose
(`ON_PURPOSE`), are counted by reason.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import tyro
from selectolax.lexbor import LexborHTMLParser, LexborNode

from pipeline.wikipedia.articles import ArticleOptions, read_article
from pipeline.wikipedia.quality.calls import bare
from pipeline.wikipedia.quality.rendered import children, is_gone, linked_title
from pipeline.wikipedia.wikitext.dialects import wiki_dialect
from pipeline.wikis.titles import normalise_title
from schemas.errors import InputMissing

_SECTION = re.compile(r"^!!\s*(\S+)[ \t]*\n", re.MULTILINE)
_ANSWERS = ("html/php", "html", "html/*", "html+tidy", "html/php+tidy", "html/parsoid", "html/parsoid+integrated")
_OTHER_MODES = re.compile(
    r"^\s*(?:pst|msg|comment|disabled|preload|section=|replace=|showtitle|cat|ill|subpage|title=)|variant|language\s*=",
    re.MULTILINE | re.IGNORECASE,
)
_LEFT_OUT = re.compile(
    r"\{\{|\{\||<t(?:able|r|d|h)\b|^\|[-}+|]|\A#REDIRECT"
    r"|<(?:dummyanno|ann2|i18n\w*|\w+tag|tag|tåg|langconvert)\b|\[\[:?(?:local|mi|wikipedia|en):",
    re.IGNORECASE | re.MULTILINE,
)
"""Templates, tables, redirects, and the tags and prefixes of the wiki that the tests imagine."""

_ADDRESS = re.compile(r"(?:\w+:)?//|\w+:\S+\Z|\[\d*\]\Z|\Z")

_BRACKETS = "brackets and bars that MediaWiki shows because no link or table came of them go"
ON_PURPOSE = {
    "addresses are left out of text": re.compile(
        r"\b(?:https?|ftps?|gopher|ircs?|mailto|news|nntp|ssh|telnet|tel|sip|urn|geo|magnet|bitcoin):|\[\[//", re.I
    ),
    "pictures and their captions are no text": re.compile(
        r"\[\[\s*:?\s*(?:file|image|media|fichier|datei|slika)\s*:|<gallery|<imagemap", re.I
    ),
    "program code, scores and other extensions are no text": re.compile(
        r"<(?:pre|source|syntaxhighlight|score|graph|indicator|style|script|ref|foo|bar)\b", re.I
    ),
    "lines set as they were typed have no marks of lists and rules": re.compile(
        r"^[ \t]+\S|^[*#:;]+ +[*#:;]|^-{4}", re.M
    ),
    "struck and hidden words stay": re.compile(r"<(?:s|del|strike)\b|display:\s*none|hidden", re.I),
    "technical names that fill a line are no prose": re.compile(
        r"^[*#:; ]*\[\[:?(?:category|help|special|user talk|project|user)\s*:[^\]]*\]\](?:$|:)|\[\[:(?:category)",
        re.I | re.M,
    ),
    _BRACKETS: re.compile(
        r"^\||\[\[\]\]|\[\[(?:MeatBall|Project):(?:#.*)?\]\]|\[\[#(?:\|x)?\]\]|\[\[%23|\[\[Foo#<", re.I | re.M
    ),
    "characters that no text holds go": re.compile(r"&#(?:x?0*[01]?[0-9A-F]|127|x7F);|[\x00-\x08\x7f]", re.I),
    "two literal apostrophes are a quotation mark": re.compile(r"<nowiki>[^<]*''", re.I),
    "doubled points are one": re.compile(r"\.\.$", re.M),
}
"""What is read in another way than MediaWiki shows it, with a pattern of the wikitext of tests that are about that."""


@dataclass
class ParserTest:
    """One test of a file."""

    file: str
    name: str
    wikitext: str
    html: str


@dataclass
class Answers:
    """Counts of tests."""

    tests: int = 0
    texts: int = 0
    """Tests whose text is equal."""
    links: int = 0
    """Tests whose links are equal."""
    left_out: int = 0
    """Tests with templates or tables."""
    on_purpose: Counter[str] = field(default_factory=Counter)
    """Tests that differ, by what they are about that is read otherwise on purpose."""
    different: list[tuple[ParserTest, str, str]] = field(default_factory=list)
    """Tests with another text or other links, with what MediaWiki says and what we say."""
    purpose: list[tuple[ParserTest, str, str]] = field(default_factory=list)
    """The same of those on purpose."""


def read_tests(path: Path) -> Iterator[ParserTest]:
    """Yield the tests of a file that turn wikitext into HTML in English."""
    text = path.read_text(encoding="utf-8")
    marks = list(_SECTION.finditer(text))
    found: dict[str, str] = {}
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        kind = mark[1].lower()
        if kind == "test":
            found = {}
        found[kind] = text[mark.end() : following.start() if following else len(text)].strip("\n")
        if kind == "end" and "test" in found:
            wikitext = found.get("wikitext", found.get("input"))
            answer = next((found[name] for name in _ANSWERS if name in found), found.get("result"))
            options = found.get("options", "")
            other = _OTHER_MODES.search(options) or ("html2wt" in options and "wt2html" not in options)
            if not other and wikitext is not None and answer is not None:
                yield ParserTest(path.name, found["test"].strip(), wikitext, answer)
            found = {}


def compare(tests: list[ParserTest]) -> Answers:
    """Read each test as an article of the English wiki."""
    answers = Answers()
    for test in tests:
        if _LEFT_OUT.search(test.wikitext):
            answers.left_out += 1
            continue
        ours, our_links = read(test.wikitext)
        theirs, their_links = seen(test.html)
        answers.tests += 1
        answers.texts += ours == theirs
        answers.links += our_links == their_links
        if ours == theirs and our_links == their_links:
            continue
        reason = next((reason for reason, shown in ON_PURPOSE.items() if shown.search(test.wikitext)), "")
        reason = reason or (_BRACKETS if "[[" in theirs else "")
        if reason:
            answers.on_purpose[reason] += 1
        different = test, f"{theirs} {their_links}", f"{ours} {our_links}"
        (answers.purpose if reason else answers.different).append(different)
    return answers


def read(wikitext: str) -> tuple[str, list[tuple[str, str]]]:
    """Return our text of a test without blanks, and our links in their order: title and surface."""
    contexts = read_article(wikitext, "Parser test", wiki_dialect("enwiki"), ArticleOptions()).contexts
    links = (
        (normalise_title(title), bare(text[low:high])) for text, spans in contexts for low, high, title, _ in spans
    )
    return bare("".join(text for text, _ in contexts)), sorted(links)


def seen(html: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the text of MediaWiki's answer, without headings and boxes, and its links to articles in their order."""
    pieces: list[str] = []
    links: list[tuple[str, str]] = []
    body = LexborHTMLParser(f"<body>{html}</body>").body
    stack: list[LexborNode | tuple[int, str]] = [body] if body is not None else []
    while stack:
        node = stack.pop()
        if isinstance(node, tuple):
            links.append((normalise_title(node[1]), bare("".join(pieces[node[0] :]))))
        elif node.is_text_node:
            pieces.append(node.text(deep=False, strip=False))
        elif node.is_element_node and (node.tag == "pre" or not is_gone(node)) and not _is_address(node):
            if node.tag == "a" and (title := linked_title(node)):
                stack.append((len(pieces), title))
            stack.extend(reversed(list(children(node))))
    classify = wiki_dialect("enwiki").namespaces.classify
    return bare("".join(pieces)), sorted(link for link in links if link[1] and classify(link[0])[0] == "article")


def _is_address(node: LexborNode) -> bool:
    """Whether an anchor shows but its address, or a number for it: neither is read."""
    outside = node.tag == "a" and "external" in (node.attrs.get("class") or "")
    return outside and _ADDRESS.match(node.text()) is not None


def main(folder: Path, different: int = 0) -> None:
    """Print how many tests are equal.

    Args:
        folder: with `*.txt`.
        different: how many tests with another text or other links are printed.
    """
    paths = sorted(folder.glob("*.txt"))
    if not paths:
        raise InputMissing(f"{folder} holds no *.txt. Expected tests/parser of wikimedia/mediawiki-services-parsoid.")
    answers = compare([test for path in paths for test in read_tests(path)])
    print("| MediaWiki's parser tests | |\n|---|--:|")
    print(f"| tests compared | {answers.tests:,} |")
    print(f"| text equal | {100 * answers.texts / answers.tests:.1f} % |")
    print(f"| links equal | {100 * answers.links / answers.tests:.1f} % |")
    others = answers.tests - len(answers.purpose)
    print(
        f"| both equal, of those that are not different on purpose | {100 - 100 * len(answers.different) / others:.1f} % |"
    )
    for reason, number in answers.on_purpose.most_common():
        print(f"| different on purpose: {reason} | {number:,} |")
    for test, theirs, ours in [*answers.different, *answers.purpose][
        :different
    ]:  # with `different` those on purpose, too
        print(f"\n== {test.file}: {test.name}\n{test.wikitext}\n-- MediaWiki: {theirs}\n-- ours: {ours}")


if __name__ == "__main__":
    try:
        tyro.cli(main)
    except InputMissing as error:
        sys.exit(str(error))
