"""What the report says of a build in figures; each part is a table, whose cells may be shaded."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from pipeline.report.tables import Build

MOST_LANGUAGES = 24
"""Languages of the heat maps: those with most descriptions."""
MOST_ENTITIES = 25
MOST_REJECTS = 20


@dataclass(frozen=True)
class Cell:
    """A shaded cell."""

    text: str
    """What stands in it."""
    share: float
    """How dark it is, 0 to 1."""
    title: str
    """What a pointer over it shows."""


@dataclass(frozen=True)
class Figures:
    """One part of the page."""

    title: str
    """Its heading."""
    text: str
    """What is counted, in a sentence."""
    head: list[str]
    """Names of the columns."""
    lines: list[list[Any]] = field(default_factory=list)
    """Numbers, texts and cells."""


def by_language(build: Build) -> Figures | None:
    """Return rows, mentions and tokens of each language."""
    if not build.has("link", "descriptions"):
        return None
    counts = build.manifests["link"].properties["languages"]
    tokens = build.manifests["tokens"].properties["languages"] if "tokens" in build.manifests else {}
    entities = dict(build.ask("select language, count(distinct entity) from {d} group by 1", d="link/descriptions"))
    lines = [
        [
            language,
            entities.get(language, 0),
            _sum(found, "descriptions_"),
            _sum(found, "train_contexts") + _sum(found, "validation_contexts"),
            _sum(found, "train_mentions") + _sum(found, "validation_mentions"),
            _sum(found, "train_characters") + _sum(found, "validation_characters"),
            sum(n for name, n in tokens.get(language, {}).items() if name.endswith("_tokens")),
        ]
        for language, found in sorted(counts.items())
    ]
    head = ["language", "entities described", "descriptions", "contexts", "mentions", "characters", "tokens"]
    return Figures("Languages", "What there is to train on, by language.", head, lines)


def fates(build: Build) -> Figures | None:
    """Return what became of links, in per cent of each language's."""
    if "link" not in build.manifests:
        return None
    counts = {
        language: {name.removeprefix("links_"): n for name, n in found.items() if name.startswith("links_")}
        for language, found in build.manifests["link"].properties["languages"].items()
    }
    totals: Counter[str] = Counter()
    for found in counts.values():
        totals.update(found)
    names = [name for name, n in totals.most_common() if n]
    lines: list[list[Any]] = []
    for language, found in sorted(counts.items()):
        whole = sum(found.values())
        if whole:
            lines.append(
                [language, whole, *(_cell(found.get(name, 0), whole, f"{language}: {name}") for name in names)]
            )
    if not lines:
        return None
    text = "Every link of an article has one fate; in per cent of the language's links. resolved and via_redirect are mentions."
    return Figures("Links by fate", text, ["language", "links", *names], lines)


def coverage(build: Build) -> Figures | None:
    """Return how many of a language's entities are described in another, too."""
    if not build.has("link", "descriptions"):
        return None
    sizes = build.ask(
        "select language, count(distinct entity) n from {d} group by 1 order by n desc, 1 limit " + str(MOST_LANGUAGES),
        d="link/descriptions",
    )
    if len(sizes) < 2:
        return None
    chosen = ", ".join("'" + language.replace("'", "''") + "'" for language, _ in sizes)
    shared = {
        (first, second): n
        for first, second, n in build.ask(
            "with d as (select distinct entity, language from {d} where language in (" + chosen + ")) "
            "select a.language, b.language, count(*) from d a join d b using (entity) group by 1, 2",
            d="link/descriptions",
        )
    }
    languages = [language for language, _ in sizes]
    lines = [
        [first, n, *(_cell(shared.get((first, second), 0), n, f"of {first} also in {second}") for second in languages)]
        for first, n in sizes
    ]
    text = (
        "Of the entities described in the language of a row, how many per cent are described in that of a column, too."
    )
    return Figures("Coverage of entities", text, ["language", "entities", *languages], lines)


def lengths(build: Build) -> Figures | None:
    """Return the lengths of descriptions and contexts."""
    kinds = [name for name in ("descriptions", "mentions") if build.has("link", name)]
    found = {
        name: build.ask(
            "select language, quantile_cont(length(text), [0.05, 0.5, 0.95]) from {t} group by 1 order by 1",
            t=f"link/{name}",
        )
        for name in kinds
    }
    languages = sorted({language for rows in found.values() for language, _ in rows})
    if not languages:
        return None
    by_kind = {name: dict(rows) for name, rows in found.items()}
    lines = [
        [language, *(round(at) for name in kinds for at in by_kind[name].get(language, (0, 0, 0)))]
        for language in languages
    ]
    words = {"descriptions": "description", "mentions": "context"}
    head = ["language", *(f"{words[name]}, {at}" for name in kinds for at in ("5 %", "median", "95 %"))]
    return Figures("Lengths", "In characters: 5 per cent are shorter, half are, 95 per cent are.", head, lines)


def most_linked(build: Build) -> Figures | None:
    """Return the entities with most mentions, with the title of a page about them."""
    if not build.has("link", "mentions"):
        return None
    rows = build.ask(
        "with m as (select language, unnest(mentions).entity as entity from {m}), "
        "top as (select entity, count(*) n, count(distinct language) languages from m group by 1 order by n desc, 1 "
        "limit " + str(MOST_ENTITIES) + ") "
        "select top.entity, n, languages, "
        "(select any_value(title order by (language <> 'en'), language) from {d} d where d.entity = top.entity) from top "
        "order by n desc, top.entity",
        m="link/mentions",
        d="link/descriptions",
    )
    lines = [[entity, title or "", n, languages] for entity, n, languages, title in rows]
    return Figures("Most linked entities", "", ["entity", "title", "mentions", "languages"], lines)


def left_out(build: Build) -> Figures | None:
    """Return what was read and not kept, by job and reason."""
    lines = []
    for dataset, manifest in build.manifests.items():
        reasons: Counter[tuple[str, str]] = Counter()
        for account in manifest.accounts:
            kind = account.source.split("/")[0] if "/" in account.source else "records"
            reasons.update({(kind, f"{reason} (dropped)"): n for reason, n in account.dropped.items()})
            reasons.update({(kind, f"{reason} (rejected)"): n for reason, n in account.rejected.items()})
        read = Counter[str]()
        for account in manifest.accounts:
            read[account.source.split("/")[0] if "/" in account.source else "records"] += account.read
        for (kind, reason), n in sorted(reasons.items(), key=lambda item: (item[0][0], -item[1])):
            lines.append([dataset, kind, reason, n, _cell(n, read[kind], f"of {read[kind]:,} {kind}")])
    if not lines:
        return None
    text = "Every record read is kept, dropped for a named reason, or rejected."
    return Figures("Left out", text, ["dataset", "of", "reason", "records", "%"], lines)


def rejects(build: Build) -> Figures | None:
    """Return rejected records with their reasons."""
    rows = [
        row
        for dataset in build.manifests
        if build.has(dataset, "rejects")
        for row in build.ask(
            "select job, reason, source, detail, excerpt from (select *, row_number() over (partition by reason) r from {t}) "
            "where r <= 3 order by reason limit " + str(MOST_REJECTS),
            t=f"{dataset}/rejects",
        )
    ]
    head = ["job", "reason", "file", "found", "begins with"]
    return Figures("Rejected, with examples", "", head, [list(row) for row in rows]) if rows else None


def _sum(counts: dict[str, int], prefix: str) -> int:
    return sum(n for name, n in counts.items() if name.startswith(prefix))


def _cell(n: int, whole: int, title: str) -> Cell:
    share = n / whole if whole else 0.0
    return Cell(f"{100 * share:.1f}" if n else "", share, f"{title}: {n:,}")
