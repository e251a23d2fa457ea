"""The figures of `against` as Markdown tables."""

from __future__ import annotations

from pipeline.wikipedia.quality.against import PageFigures

MOST = 25
"""Templates and sentences that are listed."""


def render_against(found: dict[str, PageFigures], examples: bool = False) -> str:
    """Return a table by wiki, the templates that render otherwise, worst first, and with `examples` sentences that differ."""
    columns = {
        wiki: figures
        for wiki, figures in found.items()
        if wiki != "a third" and figures.calls.outcomes.total() + figures.pages
    }
    total = PageFigures()
    for figures in columns.values():
        total.add(figures)
    columns |= {"all": total, "a third of the pages": found.get("a third", PageFigures())}
    head = "| against rendered pages | " + " | ".join(columns) + " |\n|---|" + "--:|" * len(columns)
    lines = [f"| {label} | " + " | ".join(cells) + " |" for label, cells in _rows(list(columns.values()))]
    blocks = ["\n".join([head, *lines]), _templates(columns)]
    if examples:
        blocks += [_sentences("a reader's, not ours", total.lost), _sentences("ours, no reader's", total.unseen)]
    return "\n\n".join(blocks)


def _rows(every: list[PageFigures]) -> list[tuple[str, list[str]]]:
    rows = [
        ("pages", [f"{one.pages:,}" for one in every]),
        ("a reader's sentences", [f"{one.sentences:,}" for one in every]),
        ("of these kept as they are", [_share(one.kept, one.sentences) for one in every]),
        ("our sentences", [f"{one.ours:,}" for one in every]),
        ("of these seen by a reader", [_share(one.seen, one.ours) for one in every]),
        ("sentences of leads seen by a reader", [_share(one.leads_seen, one.lead_sentences) for one in every]),
        ("left out for a hole, per 1,000", [_per_mille(one.left_out, one.ours + one.left_out) for one in every]),
        ("a reader's links, written out on the page", [f"{one.links:,}" for one in every]),
        ("of these found", [_share(one.links_found, one.links) for one in every]),
        ("links that templates make", [f"{one.links_made:,}" for one in every]),
        ("of these found", [_share(one.links_made_found, one.links_made) for one in every]),
        ("our links", [f"{one.our_links:,}" for one in every]),
        ("of these seen by a reader", [_share(one.our_links_seen, one.our_links) for one in every]),
        ("inline calls that a reader sees", [f"{_seen(one):,}" for one in every]),
        ("of these left out on purpose", [_share(one.calls.outcomes["left out"], _seen(one)) for one in every]),
        ("of the others rendered equal", [f"{100 * one.calls.share:.1f} %" for one in every]),
        ("calls nobody sees, of which we say something", [f"{one.calls.outcomes['said']:,}" for one in every]),
    ]
    return rows


def _seen(figures: PageFigures) -> int:
    return sum(figures.calls.outcomes[outcome] for outcome in ("equal", "other", "silent", "left out"))


def _templates(columns: dict[str, PageFigures]) -> str:
    worst = sorted(
        (
            (number, wiki, name)
            for wiki, one in columns.items()
            if wiki.endswith("wiki")
            for name, number in one.calls.wrong.items()
        ),
        key=lambda row: (-row[0], row[1:]),
    )
    lines = [
        f"| {number} | {wiki} | `{columns[wiki].calls.examples.get(name, name)[:150]}` |"
        for number, wiki, name in worst[:MOST]
    ]
    return "\n".join(["| calls that render otherwise | wiki | the first |", "|--:|---|---|", *lines]) if lines else ""


def _sentences(kind: str, sentences: list[str]) -> str:
    every = max(len(sentences) // MOST, 1)
    return "\n".join([f"{kind} ({len(sentences):,}):", *(f"- {sentence}" for sentence in sentences[::every])])


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def _per_mille(part: int, whole: int) -> str:
    return f"{1000 * part / whole:.1f}" if whole else "–"
