"""Writes the sample world: one Wikidata dump and the dumps of its wikis, named as Wikimedia names them.

The same configuration always writes the same bytes.
"""

from __future__ import annotations

import pathlib
import re
from dataclasses import dataclass

from pipeline.sample_world.facts import load_world
from pipeline.sample_world.pages import wiki_pages
from pipeline.sample_world.titles import article_titles
from pipeline.sample_world.wikidata_dump import write_wikidata_dump
from pipeline.sample_world.wikis import wiki_profiles
from pipeline.sample_world.xml_dump import write_xml_dump
from schemas.command_line import next_command
from schemas.errors import OutputBusy, UsageError
from schemas.names import Names

DATE = "20261101"
"""Date in the names of all dumps."""
WIKIS = ("enwiki", "dewiki", "eswiki", "ruwiki", "elwiki", "hywiki", "arwiki", "hiwiki", "zhwiki", "jawiki")
"""Wikis of the sample world: ten languages in eight scripts."""
_SMALLEST = 24
_DUMP_NAME = re.compile(r"(?:wikidata|[a-z_]+wiki)-\d{8}-[a-z-]+\.(?:json|xml|txt)\.(?:gz|bz2)")


@dataclass(frozen=True, kw_only=True)
class SampleWorldConfig:
    """What to write, and where."""

    output: str
    """Folder for the dumps; made where it does not exist. Dumps of the same names are replaced."""
    seed: int = 1
    """Seed of the texts: which facts an article tells, and which links go by way of a redirect."""
    wikis: Names = WIKIS
    """Wikis to write, by database name."""
    entities: int = 0
    """Number of entities, counted from the most connected; 0 for all of them (about 350)."""


def run(config: SampleWorldConfig) -> int:
    """Write the dumps and print what was written; returns the exit code.

    Raises:
        UsageError: for an unknown wiki, or a world too small to hold together.
    """
    profiles = wiki_profiles()
    unknown = [wiki for wiki in config.wikis if wiki not in profiles]
    if unknown:
        raise UsageError(f"no wiki {', '.join(unknown)} in the sample world; there are {', '.join(profiles)}")
    if config.entities and config.entities < _SMALLEST:
        raise UsageError(f"entities is {config.entities}, the sample world needs at least {_SMALLEST} (0 for all)")
    world = load_world(config.entities)
    chosen = [profiles[wiki] for wiki in config.wikis]
    final = pathlib.Path(config.output)
    folder = final.with_name(final.name + ".partial")
    _clear(folder)
    folder.mkdir(parents=True, exist_ok=True)
    titles = {profile.wiki: article_titles(world, profile) for profile in chosen}
    write_wikidata_dump(folder, DATE, world, titles, chosen)
    for profile in chosen:
        write_xml_dump(folder, profile, DATE, wiki_pages(world, profile, config.seed))
    _publish(folder, final)
    print(f"{final}: {len(world.entities)} entities, {len(chosen)} wikis, dumps of {DATE}")
    print(next_command("pipeline", "build", "--dumps", str(final), "--output", "data/sample"))
    return 0


def _clear(folder: pathlib.Path) -> None:
    """Remove the dumps that a stopped run left.

    Raises:
        OutputBusy: something else is there.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise OutputBusy(f"{folder} is a link or a file. Move it away, or name another output.")
    left = list(folder.iterdir()) if folder.exists() else []
    other = next((path for path in left if path.is_symlink() or not _DUMP_NAME.fullmatch(path.name)), None)
    if other is not None:
        raise OutputBusy(f"{other} is no dump of the sample world. Move it away, or name another output.")
    for path in left:
        path.unlink()


def _publish(folder: pathlib.Path, final: pathlib.Path) -> None:
    """Move the finished dumps to where they belong, so that no half-written one is ever found there."""
    final.mkdir(parents=True, exist_ok=True)
    for path in sorted(folder.iterdir()):
        path.replace(final / path.name)
    folder.rmdir()
