"""Rows of `pages` and `redirects`, gathered as columns: a page has a hundred links, too many for one object each."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from pipeline.wikipedia.articles import Article
from schemas import PAGES, REDIRECTS
from schemas.pages import CONTEXT, LINK


@dataclass(frozen=True, slots=True)
class PageIds:
    """What a row says of a page beside its text."""

    title: str
    """Title with spaces, NFC."""
    page_id: int
    """The wiki's id of the page."""
    revision_id: int
    """The wiki's id of the revision."""
    entity: str | None = None
    """The item it is about, where the source says."""


class PageColumns:
    """Articles of one wiki, as columns, until they are written."""

    def __init__(self, wiki: str, language: str) -> None:
        self._wiki, self._language = wiki, language
        self._pages: list[tuple[PageIds, Article]] = []
        self.characters = 0
        """Characters of context text held."""

    def __len__(self) -> int:
        return len(self._pages)

    def add(self, page: PageIds, article: Article) -> None:
        """Add one article."""
        self._pages.append((page, article))
        self.characters += sum(len(text) for text, _ in article.contexts)

    def take(self) -> pa.RecordBatch:
        """All rows held, as a batch of `pages`; afterwards none are held."""
        pages, self._pages, self.characters = self._pages, [], 0
        columns = {
            "wiki": [self._wiki] * len(pages),
            "language": [self._language] * len(pages),
            "title": [page.title for page, _ in pages],
            "page_id": [page.page_id for page, _ in pages],
            "revision_id": [page.revision_id for page, _ in pages],
            "entity": [page.entity for page, _ in pages],
            "is_disambiguation": [article.is_disambiguation for _, article in pages],
            "lead": [article.lead for _, article in pages],
            "lead_missing": [article.lead_missing for _, article in pages],
        }
        arrays = [pa.array(values, PAGES.columns.field(name).type) for name, values in columns.items()]
        arrays.append(_contexts([article for _, article in pages]))
        return pa.RecordBatch.from_arrays(arrays, schema=PAGES.schema)


def _contexts(articles: list[Article]) -> pa.Array:
    """Return the column `contexts`: lists of texts with lists of links, from flat arrays and the places where lists begin."""
    contexts = [context for article in articles for context in article.contexts]
    links = [link for _, links in contexts for link in links]
    link_columns = [
        pa.array([link[0] for link in links], pa.int32()),
        pa.array([link[1] for link in links], pa.int32()),
        pa.array([link[2] for link in links], pa.string()),
        pa.array([link[3] or None for link in links], pa.string()),
    ]
    link_lists = _lists(
        pa.StructArray.from_arrays(link_columns, fields=list(LINK)),
        [len(links) for _, links in contexts],
        CONTEXT[1].type,
    )
    texts = pa.array([text for text, _ in contexts], pa.string())
    sections = [section for article in articles for section in article.sections]
    titles = pa.array([section.title for section in sections], pa.string())
    kinds = pa.array([section.kind for section in sections], pa.string())
    structs = pa.StructArray.from_arrays([texts, link_lists, titles, kinds], fields=list(CONTEXT))
    return _lists(structs, [len(article.contexts) for article in articles], PAGES.columns.field("contexts").type)


def _lists(values: pa.Array, lengths: list[int], kind: pa.DataType) -> pa.Array:
    offsets = [0]
    for length in lengths:
        offsets.append(offsets[-1] + length)
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values, type=kind)


Redirect = tuple[str, int | None, str, str | None]
"""Title, page id, target and fragment of a redirect."""


def redirect_rows(wiki: str, redirects: list[Redirect]) -> pa.RecordBatch:
    """Redirects as a batch of `redirects`."""
    columns = [[wiki] * len(redirects), *(list(column) for column in zip(*redirects, strict=True))]
    columns = columns if redirects else [[] for _ in REDIRECTS.columns]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, REDIRECTS.columns, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=REDIRECTS.schema)
