"""One rendered page to what training needs: the same lead, contexts and links as from wikitext, by the same last steps."""

from __future__ import annotations

import re

from pipeline.wikipedia.articles import Article, ArticleOptions, WholeText, cut_article, without_gaps
from pipeline.wikipedia.html.bounds import problem_of, without_reference_lists
from pipeline.wikipedia.html.walk import walk_page
from pipeline.wikipedia.pages import PageProblem
from pipeline.wikipedia.wikitext.dialects import Dialect
from pipeline.wikipedia.wikitext.holes import Holes
from pipeline.wikipedia.wikitext.lead import LeadMissing, finished_lead
from pipeline.wikipedia.wikitext.marks import read_marks
from pipeline.wikipedia.wikitext.spacing import tidy_characters

_PROPERTY = "mw:PageProp/disambiguation"
_DISAMBIGUATION = re.compile(r"<meta\b[^<>]*\bproperty=[\"']mw:PageProp/disambiguation[\"']")
_FORMULA = "<math>"
"""What a sentence with a formula that has no text is left out by."""


def read_rendered(html: str, title: str, dialect: Dialect, options: ArticleOptions) -> Article:
    """Read one page.

    Args:
        html: the page as MediaWiki renders it.
        title: its title.
        dialect: of its wiki.
        options: what to keep.

    Raises:
        PageProblem: the page's markup is deeper or broader than any that is parsed.
    """
    source = without_reference_lists(html)
    problem = problem_of(source)
    if problem is not None:
        raise PageProblem("markup_too_deep", problem)
    holes = Holes()
    page = walk_page(source, title, dialect, lambda tex: holes.mark(_FORMULA) if tex else "", options.table_cells)
    disambiguation = _PROPERTY in html and _DISAMBIGUATION.search(html) is not None
    lead: str | None = None
    missing: LeadMissing | None = "disambiguation"
    if not disambiguation:
        paragraphs = [read_marks(_tidy(paragraph).strip(), page.links)[0] for paragraph in page.lead]
        lists = page.lead_lists and not any(map(str.strip, paragraphs))
        lead, missing = finished_lead(paragraphs, options.lead_characters, lists)
    text = _tidy(page.text)
    whole = WholeText(text=text, links=page.links, holes=holes, fates=page.fates, lead=lead, lead_missing=missing)
    return cut_article(whole, dialect.language, options)


def _tidy(text: str) -> str:
    return without_gaps(tidy_characters(text))
