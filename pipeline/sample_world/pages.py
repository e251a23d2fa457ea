"""All pages of one wiki: articles, the redirects to them, and what else a dump holds.

Besides articles there are the main page, templates, a module, a category, a talk page, a disambiguation page, a page
without text and one whose text was removed: readers have to drop or mark each of them, and to count it.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.sample_world.articles import Wiki, article
from pipeline.sample_world.facts import World
from pipeline.sample_world.phrases import phrases
from pipeline.sample_world.titles import article_titles, capitalised, redirect_titles
from pipeline.sample_world.wikis import WikiProfile
from pipeline.sample_world.xml_dump import DumpPage

_FIRST_ARTICLE = 1000
_IDS_APART = 7


def wiki_pages(world: World, profile: WikiProfile, seed: int) -> list[DumpPage]:
    """Every page of a wiki in the order of page ids."""
    titles = article_titles(world, profile)
    redirects = redirect_titles(world, profile, titles)
    by_entity: dict[str, str] = {}
    for title, entity in redirects.items():
        by_entity.setdefault(entity, title)
    wiki = Wiki(world=world, profile=profile, titles=titles, redirects=by_entity, seed=seed)
    pages = [*_apparatus(wiki), *_articles(wiki)]
    last = pages[-1].page_id
    pages += _redirects(wiki, last)
    return [*pages, *_leftovers(wiki, pages[-1].page_id)]


def _articles(wiki: Wiki) -> Iterator[DumpPage]:
    for number, entity in enumerate(wiki.world.entities):
        text = article(wiki, entity, number)
        yield DumpPage(title=wiki.titles[entity], page_id=_FIRST_ARTICLE + _IDS_APART * number, text=text)


def _redirects(wiki: Wiki, last: int) -> Iterator[DumpPage]:
    """Redirects, written with the local word or the English one; one of them leads on to another."""
    names = redirect_titles(wiki.world, wiki.profile, dict(wiki.titles))
    for number, (title, entity) in enumerate(names.items()):
        word = wiki.profile.redirect if number % 3 else "REDIRECT"
        section = f"#{phrases(wiki.profile.language)['h.facts']}" if number % 10 == 0 else ""
        target = wiki.titles[entity]
        text = f"#{word} [[{target}{section}]]\n\n{{{{R from other name}}}}"
        yield DumpPage(title=title, page_id=last + 3 * (number + 1), text=text, redirect=target)
        if number == 0:
            twice = f"{title}!"
            yield DumpPage(
                title=twice, page_id=last + 3 * (number + 1) + 1, text=f"#{word} [[{title}]]", redirect=title
            )


def _apparatus(wiki: Wiki) -> list[DumpPage]:
    """Return the pages of other namespaces, with the smallest ids."""
    profile = wiki.profile
    said = phrases(profile.language)
    label = next(iter(wiki.titles.values()))
    category = capitalised(said["kind.country"])
    rows = (
        (4, profile.main, f"'''[[{label}]]''' &ndash; [[{profile.namespace(10)}:{profile.infobox}]]", "wikitext"),
        (
            10,
            profile.infobox,
            '<includeonly>{| class="infobox"\n! {{{name|}}}\n|}</includeonly><noinclude>[[x]]</noinclude>',
            "wikitext",
        ),
        (10, profile.disambiguation, "<includeonly>''{{PAGENAME}}''</includeonly>", "wikitext"),
        (14, category, f"[[{profile.namespace(14)}:{capitalised(said['kind.continent'])}]]", "wikitext"),
        (
            1,
            label,
            f"== {label} ==\n[[{label}]]? [[{profile.namespace(2)}:SampleWorld|SampleWorld]] 12:00 (UTC)",
            "wikitext",
        ),
        (828, "Sample", "return { name = 'sample' }", "Scribunto"),
        (8, "Common.css", ".infobox { float: right; }", "css"),
    )
    return [
        DumpPage(
            title=f"{profile.namespace(number)}:{title}", page_id=10 + place, text=text, namespace=number, model=model
        )
        for place, (number, title, text, model) in enumerate(rows)
    ]


def _leftovers(wiki: Wiki, last: int) -> list[DumpPage]:
    """Return a disambiguation page, an empty page, and a page whose text was removed."""
    said = phrases(wiki.profile.language)
    disambiguated = _namesakes(wiki)
    label = wiki.world.entities[disambiguated[0]].labels[wiki.profile.label_language]
    lines = [f"* [[{wiki.titles[entity]}]]" for entity in disambiguated]
    text = f"{said['may_refer'].format(label)}\n\n" + "\n".join(lines) + f"\n\n{{{{{wiki.profile.disambiguation}}}}}"
    return [
        DumpPage(title=wiki.profile.disambiguated.format(label), page_id=last + 11, text=text),
        DumpPage(title=f"{label} – {said['h.relations']}", page_id=last + 12, text=""),
        DumpPage(title=f"{label} – {said['h.people']}", page_id=last + 13, text=None),
    ]


def _namesakes(wiki: Wiki) -> list[str]:
    """Two entities that share a name, or the first country and its capital."""
    seen: dict[str, str] = {}
    for entity in wiki.world.entities.values():
        label = entity.labels[wiki.profile.label_language]
        if label in seen:
            return [seen[label], entity.entity]
        seen[label] = entity.entity
    first = next(entity for entity, record in wiki.world.entities.items() if record.kind == "country")
    return [first, *wiki.world.values(first, "P36")]
