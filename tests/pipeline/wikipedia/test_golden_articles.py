"""Every golden case: wikitext, or the HTML of a rendered page, in, text, links and lead out, as a reader would write them."""

from __future__ import annotations

import pytest

from pipeline.wikipedia.articles import Article, ArticleOptions, read_article
from pipeline.wikipedia.html.pages import read_rendered
from pipeline.wikipedia.wikitext.dialects import wiki_dialect
from pipeline.wikis.languages import wiki_language
from tests.golden.reader import GoldenCase, golden_cases

CASES = golden_cases()
ARTICLE_TITLE = "Example"


def read_case(case: GoldenCase) -> Article:
    options = case.fields.get("options", "").split()
    variant = next((option.partition("=")[2] for option in options if option.startswith("variant=")), "zh-cn")
    budget = next((int(option.partition("=")[2]) for option in options if option.startswith("budget=")), 1_000)
    title = next((option.partition("=")[2] for option in options if option.startswith("title=")), ARTICLE_TITLE)
    dialect = wiki_dialect(case.fields["wiki"], variant=variant)
    kept = ArticleOptions(table_cells="table_cells" in options, context_characters=budget)
    read = read_rendered if case.file == "rendered" else read_article
    return read(case.fields["input"], title.replace("_", " "), dialect, kept)


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_golden_case(case: GoldenCase) -> None:
    article = read_case(case)
    if "text" in case.fields:
        assert "\n\n".join(text for text, _ in article.contexts) == case.fields["text"]
    if case.links() is not None:
        found = [
            f"{text[start:end]} -> {title}" + (f" # {fragment}" if fragment else "")
            for text, links in article.contexts
            for start, end, title, fragment in links
        ]
        assert found == case.links()
    if "lead" in case.fields:
        assert (article.lead or f"none, {article.lead_missing}") == case.fields["lead"]


def test_cases_cover_many_languages_and_have_their_own_names() -> None:
    names = [case.fields["name"] for case in CASES]
    assert len(set(names)) == len(names)
    assert len(CASES) >= 150
    assert len({wiki_language(case.fields["wiki"]) for case in CASES}) >= 12
