"""The contract between the jobs that build tables and the trainer that reads them.

Knows neither Beam nor torch. One module per table; `shards` for files, `manifest` for datasets, `errors` for what can go
wrong. `schemas/README.md` is the data dictionary.
"""

from schemas.descriptions import DESCRIPTIONS, Description
from schemas.entities import ENTITIES, Entity
from schemas.manifest import MANIFEST_NAME, Account, Manifest, parse_manifest, read_manifest, write_manifest
from schemas.mentions import MENTIONS, Mention, MentionContext
from schemas.merged import MERGED, Merged
from schemas.pages import PAGES, REDIRECTS, Link, Page, PageContext, Redirect
from schemas.rejects import EXCERPT_CHARACTERS, REJECTS, Reject
from schemas.relations import RELATIONS, Relation
from schemas.shards import Shard, ShardWriter, file_sha256, iter_shard, open_shard, read_shard, shard_path
from schemas.sitelinks import SITELINKS, Sitelink
from schemas.splits import SPLITS, TRAIN, UNSPLIT, VALIDATION, split_of, triple_key
from schemas.statements import LITERALS, QUALIFIERS, Literal, Qualifier
from schemas.tables import Table
from schemas.texts import RelationText, Text
from schemas.tokenizer import tokenizer_fingerprint
from schemas.tokens import (
    TOKEN_DESCRIPTIONS,
    TOKEN_MENTIONS,
    TOKEN_RELATIONS,
    TOKEN_TEXT,
    TOKEN_TRIPLES,
    UNKNOWN_ENTITY,
    TokenContext,
    TokenDescription,
    TokenMention,
    TokenRelation,
    TokenText,
    TokenTriple,
)
from schemas.triples import TRIPLES, Triple

TABLES = {
    table.name: table
    for table in (
        ENTITIES,
        RELATIONS,
        TRIPLES,
        SITELINKS,
        QUALIFIERS,
        LITERALS,
        MERGED,
        PAGES,
        REDIRECTS,
        DESCRIPTIONS,
        MENTIONS,
        REJECTS,
        TOKEN_MENTIONS,
        TOKEN_DESCRIPTIONS,
        TOKEN_RELATIONS,
        TOKEN_TRIPLES,
        TOKEN_TEXT,
    )
}
"""All tables by name."""

__all__ = [
    "DESCRIPTIONS",
    "ENTITIES",
    "EXCERPT_CHARACTERS",
    "LITERALS",
    "MANIFEST_NAME",
    "MENTIONS",
    "MERGED",
    "PAGES",
    "QUALIFIERS",
    "REDIRECTS",
    "REJECTS",
    "RELATIONS",
    "SITELINKS",
    "SPLITS",
    "TABLES",
    "TOKEN_DESCRIPTIONS",
    "TOKEN_MENTIONS",
    "TOKEN_RELATIONS",
    "TOKEN_TEXT",
    "TOKEN_TRIPLES",
    "TRAIN",
    "TRIPLES",
    "UNKNOWN_ENTITY",
    "UNSPLIT",
    "VALIDATION",
    "Account",
    "Description",
    "Entity",
    "Link",
    "Literal",
    "Manifest",
    "Mention",
    "MentionContext",
    "Merged",
    "Page",
    "PageContext",
    "Qualifier",
    "Redirect",
    "Reject",
    "Relation",
    "Shard",
    "ShardWriter",
    "Sitelink",
    "Table",
    "RelationText",
    "Text",
    "TokenContext",
    "TokenDescription",
    "TokenMention",
    "TokenRelation",
    "TokenText",
    "TokenTriple",
    "Triple",
    "file_sha256",
    "iter_shard",
    "open_shard",
    "parse_manifest",
    "read_manifest",
    "read_shard",
    "shard_path",
    "split_of",
    "tokenizer_fingerprint",
    "triple_key",
    "write_manifest",
]
