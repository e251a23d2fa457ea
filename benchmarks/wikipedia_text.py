"""The text that other extractors make of the same articles, by the same measure as ours.

    python benchmarks/wikipedia_text.py --peers /path/to/peers/bin --dumps ../shared/data/wikipedia/*wiki-*.xml.bz2

Prints, for this project, mwparserfromhell's `strip_code`, WikiExtractor and wikipedia2vec (their packages, in an
environment of their own): articles with a hard leftover per 1,000 (`pipeline.wikipedia.quality.leftovers`), the same without
parentheses, and the characters of text against the page without templates, tables and references: all of them, and
without lines that are a category's name or a heading, which are no prose. Only articles that all tools have are counted.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

WIKIPEDIA2VEC = """
import json, sys
from wikipedia2vec.dump_db import DumpDB
db = DumpDB(sys.argv[1])
for title in db.titles():
    print(json.dumps({"title": title, "text": "\\n".join(paragraph.text for paragraph in db.get_paragraphs(title))}))
"""
"""Run by the peers' Python on a database that wikipedia2vec has just written."""


@dataclass(frozen=True, kw_only=True)
class TextConfig:
    """What is compared."""

    dumps: tuple[str, ...]
    """Dumps."""
    peers: str
    """`bin` folder of an environment with WikiExtractor and wikipedia2vec."""


def texts_of_wikipedia2vec(peers: str, dump: str, folder: str) -> Iterator[tuple[str, str]]:
    """Title and text of each article in its database."""
    database = f"{folder}/{Path(dump).name}.db"
    run([f"{peers}/wikipedia2vec", "build-dump-db", "--pool-size", "1", dump, database])
    for line in run([f"{peers}/python", "-c", WIKIPEDIA2VEC, database]).splitlines():
        row = json.loads(line)
        yield row["title"], row["text"]


def texts_of_wikiextractor(peers: str, dump: str, folder: str) -> Iterator[tuple[str, str]]:
    """Title and text of each article that it wrote."""
    out = Path(folder, f"{Path(dump).name}.text")
    run([f"{peers}/wikiextractor", "--no-templates", "--json", "--quiet", "--processes", "1", "-o", str(out), dump])
    for path in sorted(out.rglob("wiki_*")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            yield row["title"], row["text"]


def run(command: list[str]) -> str:
    """What a command prints."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@dataclass(frozen=True)
class Original:
    """What an article holds."""

    characters: int
    """Characters without templates, tables, references and comments."""
    names: frozenset[str]
    """Its headings and the names of its categories."""


def original(wikitext: str, dialect: Any) -> Original:
    """Read an article's wikitext for what may be kept of it."""
    from pipeline.wikipedia.quality.reference import kept_characters

    names = set(re.findall(r"^=+\s*(.*?)\s*=+\s*$", wikitext, re.MULTILINE))
    for target in re.findall(r"\[\[([^\[\]|]*)", wikitext):
        fate, title, _ = dialect.namespaces.classify(target)
        if fate == "category":
            names |= {title, title.partition(":")[2].strip()}
    return Original(kept_characters(wikitext), frozenset(names))


def own_texts(dump: str) -> Iterator[tuple[str, str, str, Original]]:
    """Title, our text, `strip_code`'s, and what there is to keep, of each article."""
    import mwparserfromhell

    from pipeline.wikipedia.articles import ArticleOptions, read_article
    from pipeline.wikipedia.quality.job import QualityConfig, read_articles

    for page, dialect in read_articles(QualityConfig(dumps=(dump,))):
        article = read_article(page.text, page.title, dialect, ArticleOptions())
        ours = "\n".join(text for text, _ in article.contexts)
        yield page.title, ours, mwparserfromhell.parse(page.text).strip_code(), original(page.text, dialect)


def main(config: TextConfig) -> None:
    """Collect and print."""
    from pipeline.wikipedia.quality.leftovers import is_hard, leftovers

    texts: dict[str, dict[tuple[str, str], str]] = {"ours": {}, "mwparserfromhell strip_code": {}}
    possible: dict[tuple[str, str], Original] = {}
    with tempfile.TemporaryDirectory() as folder:
        for dump in config.dumps:
            for title, ours, stripped, whole in own_texts(dump):
                texts["ours"][dump, title], texts["mwparserfromhell strip_code"][dump, title] = ours, stripped
                possible[dump, title] = whole
            for name, tool in (("WikiExtractor", texts_of_wikiextractor), ("wikipedia2vec", texts_of_wikipedia2vec)):
                found = texts.setdefault(name, {})
                found.update({(dump, title): text for title, text in tool(config.peers, dump, folder)})
    keys = sorted(set.intersection(*(set(found) for found in texts.values())) & set(possible))
    print(f"{len(keys):,} articles that all tools have, of {len(possible):,}\n")
    whole = sum(possible[key].characters for key in keys)
    print("| tool | articles with a leftover per 1,000 | without parentheses | text kept | of it prose |")
    print("|---|--:|--:|--:|--:|")
    for name, found in texts.items():
        hard = [{kind for kind in leftovers(found[key]) if is_hard(kind)} for key in keys]
        any_, other = sum(map(bool, hard)), sum(bool(kinds - {"parentheses"}) for kinds in hard)
        kept, prose = (
            sum(len(found[key]) for key in keys),
            sum(prose_of(found[key], possible[key].names) for key in keys),
        )
        print(f"| {name} | {1000 * any_ / len(keys):.0f} | {1000 * other / len(keys):.0f} ", end="")
        print(f"| {100 * kept / whole:.1f} % | {100 * prose / whole:.1f} % |")


def prose_of(text: str, names: frozenset[str]) -> int:
    """Characters in lines that are no name of a category and no heading."""
    return sum(len(line) + 1 for line in text.split("\n") if line.strip(" .=*") not in names)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    main(tyro.cli(TextConfig))
