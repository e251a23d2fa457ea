"""The pages of templates in a wiki's dumps, read once before the articles."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace

from pipeline.dumps.ranges import read_elements
from pipeline.dumps.sources import plan_sources
from pipeline.run import storage
from pipeline.wikipedia.config import WikipediaConfig
from pipeline.wikipedia.pages import PageProblem, page_namespace, read_page
from pipeline.wikipedia.wikitext.bodies import from_json, gather, to_json
from pipeline.wikipedia.wikitext.dialects import Dialect
from schemas.errors import InputCorrupt

_TEMPLATE = 10
"""Number of the namespace."""
_WHOLE_FILE = 1 << 40


def _path(built: str, wiki: str) -> str:
    return storage.join(built, f"_shared/templates/{wiki}.json")


def write_templates(config: WikipediaConfig, built: str, paths: Mapping[str, list[str]]) -> None:
    """Keep the plain templates of each wiki for the tasks; damage is left to the tasks to tell.

    Args:
        config: of the job.
        built: the build's folder.
        paths: XML dumps by wiki.
    """
    for wiki, of_wiki in paths.items():
        if not storage.exists(_path(built, wiki)):
            pages = (page for path in of_wiki for page in _template_pages(path, config.max_page_bytes))
            storage.write_text(_path(built, wiki), to_json(gather(pages)))


def with_templates(dialect: Dialect, built: str) -> Dialect:
    """Return a wiki's dialect with the templates that `write_templates` kept."""
    return replace(dialect, bodies=from_json(storage.read_text(_path(built, dialect.wiki))))


def _template_pages(path: str, max_page_bytes: int) -> Iterator[tuple[str, str, str | None]]:
    """Yield name without namespace, text and redirect of each template's page of a dump."""
    with contextlib.suppress(InputCorrupt):
        for span in plan_sources([path], _WHOLE_FILE):
            for element in read_elements(
                span, b"<page>", b"</page>", max_element_bytes=max_page_bytes, open_file=storage.open_read
            ):
                with contextlib.suppress(PageProblem):
                    if element.problem is None and page_namespace(element.data) == _TEMPLATE:
                        page = read_page(element.data)
                        target = page.redirect.partition(":")[2] if page.redirect else None
                        yield page.title.partition(":")[2], page.text, target
