"""The figures of a measurement as Markdown tables."""

from __future__ import annotations

from pipeline.wikipedia.quality.figures import WikiQuality
from pipeline.wikipedia.quality.leftovers import HARD, LEAD_SHAPES, SOFT

MOST_WIKIS = 12
"""Wikis with the most pages that get a column of their own; the others share one."""
MOST_TEMPLATES = 8
"""Templates that are named of those that leave holes."""
_REASONS = ("disambiguation", "empty", "hole", "list", "no_prose")


def render(found: dict[str, WikiQuality], examples: bool = False) -> str:
    """Tables of leftovers, leads and links by wiki, with a column for all."""
    columns = _columns(found)
    blocks = [
        _table("pages with … per 1,000", columns, _leftover_rows(columns)),
        _table("leads and text", columns, _lead_rows(columns)),
        _table("links", columns, _link_rows(columns)),
        _holes(columns),
    ]
    if examples:
        places = columns["all"].examples
        blocks.append("\n".join(f"- {kind}: `{place}`" for kind in sorted(places) for place in places[kind][:12]))
    return "\n\n".join(blocks)


def _columns(found: dict[str, WikiQuality]) -> dict[str, WikiQuality]:
    largest = sorted(found, key=lambda wiki: (-found[wiki].pages, wiki))[:MOST_WIKIS]
    columns = {wiki: found[wiki] for wiki in largest}
    others = WikiQuality()
    for wiki in found:
        if wiki not in columns:
            others.add(found[wiki])
    if others.pages:
        columns[f"{len(found) - len(columns)} more"] = others
    total = WikiQuality()
    for quality in found.values():
        total.add(quality)
    return {**columns, "all": total}


def _table(name: str, columns: dict[str, WikiQuality], rows: list[tuple[str, list[str]]]) -> str:
    lines = [f"| {name} | " + " | ".join(columns) + " |", "|---|" + "--:|" * len(columns)]
    return "\n".join(lines + [f"| {label} | " + " | ".join(cells) + " |" for label, cells in rows])


def _leftover_rows(columns: dict[str, WikiQuality]) -> list[tuple[str, list[str]]]:
    rows = [("pages", [f"{quality.pages:,}" for quality in columns.values()])]
    for kind in ("any", "any but parentheses", *HARD, *SOFT):
        if columns["all"].failing[kind] or kind in ("any", "any but parentheses", "parentheses"):
            label = f"**{kind}**" if kind.startswith("any") else f"({kind})" if kind in SOFT else kind
            rows.append((label, [_per_mille(quality.failing[kind], quality.pages) for quality in columns.values()]))
    return rows


def _lead_rows(columns: dict[str, WikiQuality]) -> list[tuple[str, list[str]]]:
    every = list(columns.values())
    rows = [
        ("leads", [f"{quality.leads:,}" for quality in every]),
        ("with a defect of parentheses or points", [_share(quality.lead_defects, quality.leads) for quality in every]),
        ("that hold the title", [_share(quality.title_in_lead, quality.leads) for quality in every]),
    ]
    for shape in LEAD_SHAPES:
        rows.append((f"leads that are a {shape}", [_share(q.lead_shapes[shape], q.leads) for q in every]))
    for reason in _REASONS:
        rows.append((f"no lead: {reason}", [_share(quality.missing[reason], quality.pages) for quality in every]))
    rows.append(("text kept", [_share(quality.characters, quality.characters_possible) for quality in every]))
    return rows


def _holes(columns: dict[str, WikiQuality]) -> str:
    """Sentences left out because of a template whose text is not known, and which templates these are."""
    every = list(columns.values())
    shares = [f"{1000 * one.left_out.total() / max(one.sentences + one.left_out.total(), 1):.1f}" for one in every]
    table = _table("sentences", columns, [("left out for a hole, per 1,000", shares)])
    worst = [
        f"- {wiki}: " + ", ".join(f"`{name}` {number}" for name, number in one.left_out.most_common(MOST_TEMPLATES))
        for wiki, one in columns.items()
        if one.left_out and wiki != "all"
    ]
    return "\n".join([table, "", *worst]) if worst else table


def _link_rows(columns: dict[str, WikiQuality]) -> list[tuple[str, list[str]]]:
    every = list(columns.values())
    rows = [
        ("links to articles", [f"{quality.links:,}" for quality in every]),
        ("spans out of place, or with markup or blanks at an end", [f"{quality.spans_wrong}" for quality in every]),
        ("that mwparserfromhell has outside of templates, too", [_share(q.links_exact, q.links) for q in every]),
        ("mwparserfromhell's links", [f"{quality.reference_links:,}" for quality in every]),
        ("of these found (recall)", [_share(q.links_found, q.reference_links) for q in every]),
    ]
    total = columns["all"].fates
    for fate in sorted(total, key=lambda fate: -total[fate]):
        rows.append((f"fate {fate}", [f"{quality.fates[fate]:,}" for quality in every]))
    return rows


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f} %" if whole else "–"


def _per_mille(part: int, whole: int) -> str:
    return f"{1000 * part / whole:.0f}" if whole else "–"
