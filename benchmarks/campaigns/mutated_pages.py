"""K4: mutated pages and page elements; nothing raises, no span holds marks or outer blanks, every link keeps its target.

    python -m benchmarks.campaigns.mutated_pages --tries 100000 --seed 1 --write True

Each page is a row of numbered links with something between them: elements of wikitext in half of the pages, in the other
half pieces of an article of the sample world, or of a dump of yours (`--dump`), with characters taken out, doubled, moved
and put in. A surface that has a number must lead to the title that has it, whatever stands around it.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import tyro

from benchmarks.campaigns.results import Outcome, conclude
from pipeline.dumps.ranges import plan_ranges, read_elements
from pipeline.sample_world import WIKIS as SAMPLE_WIKIS
from pipeline.sample_world.facts import load_world
from pipeline.sample_world.pages import wiki_pages
from pipeline.sample_world.wikis import wiki_profiles
from pipeline.wikipedia.articles import read_article
from pipeline.wikipedia.pages import PageProblem, read_page
from pipeline.wikipedia.wikitext.dialects import wiki_dialect
from tests.faults.properties import LINKS, OPTIONS, PIECES, WIKIS, check_spans, check_targets

MOST_CHARACTERS = 3_000
"""How much of an article is mutated."""
ELEMENTS = [*PIECES, " ", ", ", "; ", "({{IPA|x}}", "{{IPA|x}} ", "kitu", "mji", "Haus", "城市", "مدينة", "x"]
SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Config:
    """How much is tried."""

    tries: int = 100_000
    """Pages made and read."""
    seed: int = 1
    """Seed of all draws."""
    dump: str = ""
    """An XML dump whose articles are mutated; empty for those of the sample world."""
    write: bool = False
    """Whether to note the outcome in `results.json`."""


def run(config: Config) -> Outcome:
    """Run the campaign; the first pages that do not hold are printed."""
    started, held, shown = time.monotonic(), 0, 0
    articles = list(_of_dump(config.dump) if config.dump else _of_sample_world())
    dialects = [wiki_dialect(wiki, {}, "zh-cn") for wiki in WIKIS]
    for number in range(config.tries):
        draw = random.Random(f"{config.seed} {number}")
        text = page(draw, articles if number % 2 else None)
        try:
            article = read_article(text, "Kitu", draw.choice(dialects), OPTIONS)
            check_spans(article)
            check_targets(article)
            held += 1
        except Exception as error:  # whatever is raised is the campaign's outcome
            shown += 1
            if shown <= SHOWN:
                print(f"  {number}: {type(error).__name__}: {error}\n    {text[:400]!r}", file=sys.stderr)
    return Outcome(
        what="mutated pages and page elements: raises, marks or blanks in spans, wrong targets",
        seed=config.seed, tried=config.tries, held=held, seconds=time.monotonic() - started,
    )  # fmt: skip


def page(draw: random.Random, articles: list[str] | None) -> str:
    """Return numbered links with something between them: a piece of a mutated article, or some elements."""
    whole = mutated(draw, draw.choice(articles)) if articles else ""
    pieces, at = [], 0
    for number in range(draw.randint(1, 12)):
        length = draw.randint(0, 400)
        between = whole[at : at + length] if articles else "".join(draw.choices(ELEMENTS, k=draw.randint(0, 6)))
        pieces += [between, draw.choice(LINKS).format(101 + number)]
        at += length
    return "".join([*pieces, whole[at:]])


def mutated(draw: random.Random, text: str) -> str:
    """Return a piece of an article with some of its characters taken out, doubled, moved, or others put in."""
    start = draw.randrange(max(1, len(text) - MOST_CHARACTERS))
    text = text[start : start + MOST_CHARACTERS]
    for _ in range(draw.randint(1, 8)):
        low = draw.randrange(len(text) + 1)
        high = min(len(text), low + draw.choice((0, 1, 2, 5, 40)))
        change = draw.choice(("out", "twice", "behind", "in"))
        if change == "in":
            text = text[:low] + draw.choice(ELEMENTS) + text[low:]
        else:
            rest = {"out": "", "twice": text[low:high] * 2, "behind": text[low:high][::-1]}[change]
            text = text[:low] + rest + text[high:]
    return text


def _of_sample_world() -> Iterator[str]:
    world, profiles = load_world(0), wiki_profiles()
    for wiki in SAMPLE_WIKIS:
        yield from (one.text for one in wiki_pages(world, profiles[wiki], 1) if one.text and not one.redirect)


def _of_dump(path: str) -> Iterator[str]:
    for span in plan_ranges(path):
        for element in read_elements(span, b"<page>", b"</page>"):
            try:
                found = read_page(element.data)
            except PageProblem:
                continue
            if found.namespace == 0 and found.redirect is None and found.text:
                yield found.text


def main() -> int:
    """Run from the command line."""
    config = tyro.cli(Config, config=(tyro.conf.FlagConversionOff,))
    return conclude("K4 on a dump" if config.dump else "K4", run(config), write=config.write)


if __name__ == "__main__":
    sys.exit(main())
