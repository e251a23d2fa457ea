"""The pairs of call and rendered text, and what our rules say of those that MediaWiki rendered."""

from __future__ import annotations

import gzip
from collections import defaultdict
from pathlib import Path

import pytest

from pipeline.wikipedia.quality.calls import CallFigures, judge
from pipeline.wikipedia.quality.rendered import is_translated, read_blocks, read_calls
from pipeline.wikipedia.wikitext.dialects import wiki_dialect

READER = Path(__file__).parents[5] / "shared" / "data" / "wikipedia" / "reader"
PAGE = """<html><body class="mw-parser-output"><section>
<p about="#mwt9" typeof="mw:Transclusion" data-mw='{"parts":[{"template":{"target":{"wt":"Box"},"params":{}}}]}'>A box.</p>
<p>It is <span about="#mwt1" typeof="mw:Transclusion"
 data-mw='{"parts":[{"template":{"target":{"wt":"convert"},"params":{"1":{"wt":"5"},"2":{"wt":"km"}}}}]}'>5 kilometres</span><span
 about="#mwt1"> (3.1&nbsp;mi)</span> long<sup class="reference mw-ref">[1]</sup> and <span style="display:none">hidden</span>
<a rel="mw:WikiLink" href="./Big_%3F#x">big</a>.</p><table><tr><td><p>cell</p></td></tr></table>
<ul><li>one<ul><li>two <i>three</i></li></ul></li></ul></section></body></html>"""


def test_blocks_of_a_page_are_what_a_reader_reads() -> None:
    blocks = read_blocks(PAGE)
    assert [" ".join(block.text().split()) for block in blocks] == [
        "A box.",
        "It is 5 kilometres (3.1 mi) long and big.",
        "two three",
        "one",
    ]
    ((start, end, title),) = blocks[1].links
    assert ("".join(blocks[1].pieces[start:end]), title) == ("big", "Big ?")


def test_a_call_is_paired_with_all_nodes_of_its_group() -> None:
    (call,) = read_calls(PAGE)
    assert call.wikitext() == "{{convert|5|km}}"
    assert (call.before, call.seen) == ("It is ", "5 kilometres (3.1\xa0mi)")
    assert judge(call, wiki_dialect("enwiki")) == ("equal", "5 kilometres (3.1 mi)")
    assert judge(call, wiki_dialect("dewiki"))[0] == "other"
    call.name = "no such template"
    assert judge(call, wiki_dialect("enwiki")) == ("silent", "")


def test_rules_say_what_mediawiki_says() -> None:
    """The floor under the rules: calls that render equal, of those that a reader sees and no rule leaves out on purpose."""
    if not READER.is_dir():
        pytest.skip(f"no rendered pages in {READER}")
    figures: dict[str, CallFigures] = defaultdict(CallFigures)
    for path in sorted(READER.glob("*/*.parsoid.html.gz")):
        html = gzip.decompress(path.read_bytes()).decode()
        if not is_translated(html):
            figures[path.parent.name].add(read_calls(html), wiki_dialect(path.parent.name))
    total = sum((found.outcomes for found in figures.values()), start=type(figures["enwiki"].outcomes)())
    assert total.total() > 2_500
    for wiki in ("dewiki", "enwiki", "eswiki", "frwiki"):
        assert figures[wiki].share >= 0.95, figures[wiki].wrong.most_common(10)
    assert total["said"] <= 3
