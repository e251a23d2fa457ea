"""Rendered pages to leads, contexts and links: this project beside its parser alone, its own wikitext reading, and a peer.

    python -m benchmarks.rendered_pages ../shared/data/wikipedia/reader --peers /path/to/site-packages

reads every `<wiki>/<title>.parsoid.html.gz` of a folder that has the page's wikitext beside it (`.wikitext.gz` or
`.restored.wikitext.gz`) into memory; then each way reads all pages in one process, round by round in turn, and medians of
CPU-seconds are printed. `mwparserfromhtml` is the peer (`pip install --target FOLDER mwparserfromhtml`); it gives text and links
without offsets, and reads the smallest pages only (`--peer-pages`), for it takes a second a page.

Also told: of the sentences that a reader's walk over the same HTML finds how many stand in the text of each way, blanks and
marks apart, of each way's sentences how many the reader saw, and the reader's links in paragraphs that were found.
"""

from __future__ import annotations

import gzip
import re
import statistics
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from selectolax.lexbor import LexborHTMLParser

from pipeline.wikipedia.articles import Article, ArticleOptions, read_article
from pipeline.wikipedia.html.bounds import problem_of, without_reference_lists
from pipeline.wikipedia.html.pages import read_rendered
from pipeline.wikipedia.html.walk import Rendered, walk_page
from pipeline.wikipedia.quality.rendered import FORMULA, PRONUNCIATION, Block, is_reindented, is_translated, read_blocks
from pipeline.wikipedia.wikitext.dialects import wiki_dialect
from pipeline.wikipedia.wikitext.sentences import sentence_ends

OPTIONS = ArticleOptions()


@dataclass(frozen=True)
class Page:
    """One page in both forms."""

    wiki: str
    title: str
    html: str
    wikitext: str


def read_pages(folder: Path) -> list[Page]:
    """The pages of a folder that are there in both forms, unedited."""
    pages = []
    for path in sorted(folder.glob("*/*.parsoid.html.gz")):
        base = path.name.removesuffix(".parsoid.html.gz")
        beside = (path.with_name(base + ending) for ending in (".wikitext.gz", ".restored.wikitext.gz"))
        wikitext = next((other for other in beside if other.exists()), None)
        html = gzip.decompress(path.read_bytes()).decode()
        if wikitext is not None and not is_reindented(read_blocks(html)) and not is_translated(html):
            text = gzip.decompress(wikitext.read_bytes()).decode()
            pages.append(Page(path.parent.name, base.partition("~")[0].replace("_", " "), html, text))
    return pages


def rendered(page: Page) -> Article:
    """Ours, from HTML."""
    return read_rendered(page.html, page.title, wiki_dialect(page.wiki), OPTIONS)


def from_wikitext(page: Page) -> Article:
    """Ours, from wikitext."""
    return read_article(page.wikitext, page.title, wiki_dialect(page.wiki), OPTIONS)


def walked(page: Page) -> Rendered:
    """Ours, from HTML to marked text alone."""
    source = without_reference_lists(page.html)
    assert problem_of(source) is None
    return walk_page(source, page.title, wiki_dialect(page.wiki), lambda tex: "")


def lexbor(page: Page) -> LexborHTMLParser:
    """The parser alone."""
    return LexborHTMLParser(page.html)


def peer(page: Page) -> tuple[str, int]:
    """mwparserfromhtml: text and links."""
    from mwparserfromhtml import Article as PeerArticle  # an environment of its own has it

    stew = PeerArticle(page.html).wikistew
    return stew.to_plaintext(), len(stew.get_wikilinks())


def seconds(pages: list[Page], way: Callable[[Page], Any]) -> float:
    """CPU-seconds of one way over all pages."""
    started = time.process_time()
    for page in pages:
        way(page)
    return time.process_time() - started


def bare(text: str) -> str:
    """A text's letters and digits; raised ones as plain ones, for the text has `km²` where HTML has `<sup>`."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text)).casefold()


def sentences(text: str) -> list[str]:
    """The letters of each sentence."""
    found = []
    for line in text.split("\n"):
        ends = [0, *sentence_ends(line), len(line)]
        found += [bare(line[low:high]) for low, high in zip(ends, ends[1:], strict=False)]
    return [words for words in found if words]


def counted(pages: list[Page], way: Callable[[Page], Article]) -> Counter[str]:
    """Sentences and links of a reader and of one way, and how many of them both have."""
    counts: Counter[str] = Counter()
    for page in pages:
        blocks, article = read_blocks(page.html), way(page)
        truth = [block.text().replace("\n", " ").replace(PRONUNCIATION, "") for block in blocks]
        theirs = sentences("\n".join(text for text in truth if FORMULA not in text))
        seen, ours = bare("".join(truth)), [text for text, _ in article.contexts]
        text, mine = bare("".join(ours)), sentences("\n".join(ours))
        counts["theirs"] += len(theirs)
        counts["kept"] += sum(words in text for words in theirs)
        counts["ours"] += len(mine)
        counts["seen"] += sum(words in seen for words in mine)
        links = Counter(title for block in blocks for title in _articles(page, block))
        found = Counter(target for _, spans in article.contexts for _, _, target, _ in spans)
        counts["links"] += links.total()
        counts["found"] += (links & Counter({target.replace("_", " "): n for target, n in found.items()})).total()
    return counts


def _articles(page: Page, block: Block) -> list[str]:
    """The articles that a block links to, those of citations' identifiers apart."""
    names = wiki_dialect(page.wiki).namespaces
    titles = [title for _, _, title in block.links if names.classify(":" + title)[0] == "article"]
    return [title for title in titles if not title.endswith("(identifier)")]


def main(
    folder: Annotated[Path, tyro.conf.Positional], peers: Path | None = None, rounds: int = 5, peer_pages: int = 24
) -> None:
    """Measure.

    Args:
        folder: of pages.
        peers: folder with mwparserfromhtml; without it the peer is left out.
        rounds: how often each way reads all pages.
        peer_pages: how many of the smallest pages the peer reads.
    """
    pages = read_pages(folder)
    ways: dict[str, Callable[[Page], Any]] = {
        "lexbor, parse alone": lexbor,
        "ours, from HTML": rendered,
        "of it, bounds, parse and walk": walked,
        "ours, from wikitext": from_wikitext,
    }
    for way in ways.values():
        seconds(pages[:5], way)  # tables are read once
    taken = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            taken[name].append(seconds(pages, way))
    size = sum(len(page.html.encode()) for page in pages) / 1e6
    print(
        f"{len(pages)} pages, {size:.1f} MB of HTML, {sum(len(p.wikitext.encode()) for p in pages) / 1e6:.1f} of wikitext\n"
    )
    print("| way | CPU s | MB HTML/s | pages/s | to the parse |\n|---|--:|--:|--:|--:|")
    parse = statistics.median(taken["lexbor, parse alone"])
    for name, rounds_of in taken.items():
        cpu = statistics.median(rounds_of)
        print(f"| {name} | {cpu:.2f} | {size / cpu:.0f} | {len(pages) / cpu:.0f} | {cpu / parse:.1f} |")
    if peers is not None:
        sys.path.append(str(peers))
        readable = (page for page in pages if "<base " in page.html)  # it reads no other
        small = sorted(readable, key=lambda page: len(page.html))[:peer_pages]
        part = sum(len(page.html.encode()) for page in small) / 1e6
        theirs, ours = seconds(small, peer), min(seconds(small, rendered) for _ in range(rounds))
        print(
            f"\nmwparserfromhtml on {len(small)} pages ({part:.1f} MB): {theirs:.2f} s, "
            f"ours {ours:.2f} s, {theirs / ours:.0f} times"
        )
    print("\n| way | a reader's sentences kept | ours that a reader saw | a reader's links found |\n|---|--:|--:|--:|")
    for name in ("ours, from HTML", "ours, from wikitext"):
        n = counted(pages, ways[name])
        shares = (n["kept"] / n["theirs"], n["seen"] / n["ours"], n["found"] / n["links"])
        print(f"| {name} | " + " | ".join(f"{100 * share:.2f} %" for share in shares) + " |")


if __name__ == "__main__":
    tyro.cli(main)
