"""The link job's configuration, what it selects from the two datasets, and where it keeps what it prepares."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.run.task import SHARED_FOLDER
from pipeline.wikis.languages import language_wiki, named_languages, parse_languages, wiki_language
from schemas import ENTITIES, MERGED, PAGES, REDIRECTS, RELATIONS, SITELINKS, TRIPLES, Manifest, Shard, read_manifest
from schemas.errors import UsageError
from schemas.files import check_shards
from schemas.names import Names


@dataclass(frozen=True, kw_only=True)
class LinkConfig:
    """Which datasets are linked, and by which rules."""

    wikipedia: str
    """Folder that the wikipedia job wrote."""
    output: str
    """Folder of the linked dataset; on a local or mounted disk, for its title index is memory-mapped."""
    wikidata: str = ""
    """Folder that the wikidata job wrote; empty to do without it, with `sitelinks_sql`: then there are mentions and leads,
    but no triples, no short texts of Wikidata's, and namesakes are told by their pages alone."""
    languages: Names = ()
    """Languages to link; none for all that the wikipedia dataset has."""
    sitelinks_sql: str = ""
    """`wb_items_per_site.sql.gz` of Wikidata, or a folder with one `<wiki>-…-page_props.sql.gz` per wiki: read
    instead of the wikidata dataset's `sitelinks`. Empty to read `sitelinks`."""
    min_description_bytes: int = 16
    """Shortest description, in bytes of UTF-8, of which a Chinese character has three. Method: open."""
    max_description_characters: int = 1_000
    """Where descriptions are cut, in characters, at the end of a sentence. Method: open."""
    max_same_skeleton: int = 20
    """Descriptions of one language that may differ in names and numbers only. Method: open."""
    min_sitelinks: int = 1
    """Wikis that must have a page on an entity before Wikidata's short text describes it. Method: open."""
    max_mentions: int = 1_000
    """Most mentions of one entity in one language; 0 for no cap. Method: open."""
    keep_section_links: bool = False
    """Take links to a section (`Berlin#History`) for mentions of the page's entity."""
    keep_undescribed: bool = False
    """Keep mentions of entities that have no description in any chosen language."""
    validation_per_mille: int = 5
    """Share of page entities, and of triples, kept for validation, in 1/1000."""
    max_reject_share: float = 0.001
    """Largest share of records that may be rejected, 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class LinkInputs:
    """The two datasets that are linked, and what of them is wanted."""

    wikidata: Path
    """Folder of the wikidata job's dataset."""
    wikipedia: Path
    """Folder of the wikipedia job's dataset."""
    entities: list[Shard]
    """Shards of `entities`."""
    merged: list[Shard]
    """Shards of `merged`; none where the dataset has no such table."""
    relations: list[Shard]
    """Shards of `relations`."""
    triples: list[Shard]
    """Shards of `triples`."""
    pages: dict[str, list[Shard]]
    """Shards of `pages` by wiki, both in order."""
    languages: dict[str, str]
    """Language of each wiki."""


@dataclass(frozen=True, kw_only=True)
class SharedPaths:
    """Where the pieces below `_shared/` are."""

    root: Path
    """The folder `_shared` of the build."""

    @staticmethod
    def of_build(built: str) -> SharedPaths:
        """Those of a build folder."""
        return SharedPaths(root=Path(built, SHARED_FOLDER))

    @property
    def titles(self) -> Path:
        """Folder of the title index."""
        return self.root / "titles"

    @property
    def namesakes(self) -> Path:
        """Entities that are disambiguation pages."""
        return self.root / "namesakes.npy"

    @property
    def others(self) -> Path:
        """Entities that are other pages than articles."""
        return self.root / "others.npy"

    @property
    def described(self) -> Path:
        """Entities with a description in any language."""
        return self.root / "described.npy"

    @property
    def relations(self) -> Path:
        """Relations with a text."""
        return self.root / "relations.npy"

    def with_lead(self, language: str) -> Path:
        """Entities whose description in a language is a lead."""
        return self.root / "with_lead" / f"{language}.npy"

    def with_short_text(self, language: str) -> Path:
        """Entities whose description in a language is Wikidata's."""
        return self.root / "with_short_text" / f"{language}.npy"

    def of_shard(self, shard: Shard, what: str) -> Path:
        """Return what the survey found in a shard."""
        return self.of_path(shard.path, what)

    def of_path(self, path: str, what: str) -> Path:
        """Return what the survey found in the shard of a path."""
        return self.root / "survey" / f"{path}.{what}.npy"

    def page_rows(self, path: str) -> Path:
        """Return what is kept of the pages of a shard for their rows."""
        return self.root / "survey" / f"{path}.rows.arrow"


def read_inputs(config: LinkConfig) -> tuple[Manifest | None, Manifest]:
    """Return the manifests of the wikidata dataset, if there is one, and of the wikipedia dataset.

    Raises:
        UsageError: there is no source of titles.
        InputMissing, SchemaMismatch, ShardMismatch: as `read_manifest`.
    """
    if not config.wikidata and not config.sitelinks_sql:
        raise UsageError("nothing ties titles to items: name --wikidata, --sitelinks-sql, or both")
    return read_manifest(config.wikidata) if config.wikidata else None, read_manifest(config.wikipedia)


def check_inputs(config: LinkConfig) -> None:
    """Hold every shard that is read against its dataset's manifest, before a row is used.

    Raises: ShardMismatch where one is missing or has changed.
    """
    wikidata, wikipedia = read_inputs(config)
    check_shards(config.wikipedia, [*wikipedia.of(PAGES), *wikipedia.of(REDIRECTS)])
    if wikidata is not None:
        tables = (ENTITIES, RELATIONS, TRIPLES, SITELINKS)
        check_shards(config.wikidata, [shard for table in tables for shard in wikidata.of(table)])


def link_inputs(config: LinkConfig) -> LinkInputs:
    """Return what is linked: the chosen languages that the wikipedia dataset has.

    Raises: UsageError where a chosen language is not in the dataset.
    """
    wikidata, wikipedia = read_inputs(config)
    present = wikipedia.partitions(PAGES)
    if config.languages:
        wanted = {language_wiki(language) for language in parse_languages(config.languages)}
        missing = sorted({language_wiki(name) for name in named_languages(config.languages)} - set(present))
        if missing:
            raise UsageError(
                f"{config.wikipedia} has no pages of {', '.join(missing)}; it has {', '.join(present)}. "
                "Read those dumps with the wikipedia job first."
            )
        present = [wiki for wiki in present if wiki in wanted]
    return LinkInputs(
        wikidata=Path(config.wikidata),
        wikipedia=Path(config.wikipedia),
        entities=list(wikidata.of(ENTITIES)) if wikidata else [],
        merged=list(wikidata.of(MERGED)) if wikidata else [],
        relations=list(wikidata.of(RELATIONS)) if wikidata else [],
        triples=list(wikidata.of(TRIPLES)) if wikidata else [],
        pages={wiki: list(wikipedia.of(PAGES, partition=wiki)) for wiki in present},
        languages={wiki: wiki_language(wiki) for wiki in present},
    )
