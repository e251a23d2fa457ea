"""Lead and links of one page of wikitext: `python examples/parse_page.py enwiki TITLE < page.wikitext`."""

import sys

from pipeline.wikipedia.articles import ArticleOptions, read_article
from pipeline.wikipedia.wikitext.dialects import wiki_dialect

wiki, title = sys.argv[1:]
article = read_article(sys.stdin.read(), title, wiki_dialect(wiki), ArticleOptions())
print(article.lead or f"no lead: {article.lead_missing}")
for text, links in article.contexts:
    for start, end, target, section in links:
        print(f"{text[start:end]!r} leads to {target!r}" + (f", section {section!r}" if section else ""))
