"""Runs every job on a folder of real dumps and writes what came out, with sampled rows, to `docs/real-input.md`.

    python -m benchmarks.real_input --data ../shared/data --work data/real --steps 600

The folder has `wikidata/` (JSON dumps), `wikipedia/` (XML dumps, and `minidumps/<language>_wiki.xml.bz2`), `tokenizer/`.
Nothing of it is copied into the page but ten rows of each table, cut short.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds

from benchmarks.real_input_answers import answers
from model.evaluation.results import format_table, read_results
from schemas import TABLES, Manifest, read_manifest

SAMPLED_ROWS, CELL_CHARACTERS = 10, 160
CHECKED_LINKS = Path(__file__).parent / "real_input_links.md"
"""The list of links that people have read; it closes the page."""
LOG_LINES = 6
LOGGED = {
    "MLM loss": ("mlm/loss", "{:.2f}"),
    "MEP loss": ("mep/loss", "{:.2f}"),
    "MEP right": ("mep/accuracy", "{:.0%}"),
    "OE loss": ("oe/loss", "{:.2f}"),
    "OE right": ("oe/accuracy", "{:.0%}"),
    "tokens/s": ("tokens_per_second", "{:,.0f}"),
}
"""Columns of the table of training: the log's names of them, and their form."""
RETRIEVAL_LANGUAGES = ("el", "hy", "bn", "en", "zh")
"""Those of which the dumps at hand have most held-out contexts."""
ANSWERED, ANSWER_LANGUAGE = ("el", "hy", "bn"), "en"
DATASETS = ("wikidata", "wikipedia", "link", "tokens")


def main() -> None:
    """Run the jobs that have not run yet, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of real dumps")
    parser.add_argument("--work", type=Path, default=Path("data/real"), help="folder for what is built")
    parser.add_argument("--steps", type=int, default=600, help="training steps")
    parser.add_argument("--page", type=Path, default=Path("docs/real-input.md"))
    flags = parser.parse_args()
    seconds = run_jobs(flags.data, flags.work, flags.steps)
    flags.page.write_text(page(flags.work, seconds, odd_inputs(flags.data, flags.work)), encoding="utf-8")
    print(f"wrote {flags.page}")


def wikipedia_dumps(data: Path) -> list[str]:
    """The dumps of Wikipedias; the other wikis among the small ones are left out by their names."""
    small = [p for p in sorted((data / "wikipedia" / "minidumps").glob("*_wiki.xml.bz2")) if is_wikipedia(p.name)]
    return [str(path) for path in [*sorted((data / "wikipedia").glob("*wiki-*.xml.bz2")), *small]]


def is_wikipedia(name: str) -> bool:
    """Whether a small dump is of a Wikipedia: Wikidata's own pages and Commons are not."""
    return not name.startswith(("wikidata", "commons"))


def run_jobs(data: Path, work: Path, steps: int) -> dict[str, float]:
    """Run the four jobs and the trainer; returns wall seconds by step."""
    wikidata = [str(path) for form in ("bz2", "gz") for path in sorted((data / "wikidata").glob(f"*.json.{form}"))]
    commands = {
        "wikidata": ["pipeline", "wikidata", "--dumps", *wikidata, "--output", f"{work}/wikidata"],
        "wikipedia": ["pipeline", "wikipedia", "--dumps", *wikipedia_dumps(data), "--wiki-from-name", "True"],
        "link": ["pipeline", "link", "--wikidata", f"{work}/wikidata", "--wikipedia", f"{work}/wikipedia"],
        "tokenize": ["pipeline", "tokenize", "--linked", f"{work}/link", "--tokenizer", str(data / "tokenizer")],
        "tokenizer": ["pipeline", "tokenizer", "--linked", f"{work}/link", "--vocab-size", "16000"],
        "tokenize for the tiny recipe": ["pipeline", "tokenize", "--linked", f"{work}/link"],
        "pretrain tiny": ["model", "pretrain", "tiny", "--data", f"{work}/tiny-tokens", "--steps", str(steps)],
    }
    commands["wikidata"] += ["--max-reject-share", "0.01"]
    commands["wikipedia"] += ["--max-reject-share", "0.01", "--output", f"{work}/wikipedia"]
    commands["link"] += ["--output", f"{work}/link", "--validation-per-mille", "50"]
    commands["tokenize"] += ["--output", f"{work}/tokens"]
    commands["tokenizer"] += ["--output", f"{work}/tokenizer"]
    commands["tokenize for the tiny recipe"] += ["--tokenizer", f"{work}/tokenizer", "--output", f"{work}/tiny-tokens"]
    commands["pretrain tiny"] += ["--output", f"{work}/run", "--tokenizer", f"{work}/tokenizer"]
    retrieval = ["model", "evaluate", "retrieval", "--model", f"{work}/run", "--data", f"{work}/tiny-tokens"]
    commands["retrieval"] = [*retrieval, "--languages", *RETRIEVAL_LANGUAGES, "--max-queries", "0"]
    return {name: run(command) for name, command in commands.items()}


def run(command: list[str]) -> float:
    """Run a command of this project; returns its wall seconds."""
    start = time.monotonic()
    subprocess.run([sys.executable, "-m", *command], check=True)
    return time.monotonic() - start


def odd_inputs(data: Path, work: Path) -> list[tuple[str, int, str]]:
    """Read the inputs that are no ordinary dump, each alone; returns name, exit code and last line."""
    cases = [("wikidata", path) for path in sorted((data / "wikidata").glob("*.json"))]
    cases += [("wikipedia", path) for path in sorted((data / "wikipedia" / "broken").glob("*.xml"))]
    cases += [("wikipedia", path) for path in sorted((data / "wikipedia" / "export-0.11").glob("*.xml*"))]
    cases += [
        ("wikipedia", data / "wikipedia" / "minidumps" / f"{name}_wiki.xml.bz2") for name in ("commons", "wikidata")
    ]
    found = []
    for job, path in cases:
        command = ["pipeline", job, "--dumps", str(path), "--output", f"{work}/odd/{path.name}"]
        ended = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, check=False)
        text = ended.stderr if ended.returncode else ended.stdout
        lines = [line for line in text.splitlines() if line.strip() and str(work) not in line] or [""]
        said = " ".join(lines) if ended.returncode else "; ".join(" ".join(line.split()) for line in lines)
        found.append((path.name, ended.returncode, said.replace(f"{data}/", "")))
    return found


def page(work: Path, seconds: dict[str, float], odd: list[tuple[str, int, str]]) -> str:
    """Render the page."""
    manifests = {name: read_manifest(work / name) for name in DATASETS}
    parts = [INTRODUCTION, "## Times\n\n| step | wall seconds |\n|---|---|\n"]
    parts += [f"| {name} | {value:.1f} |\n" for name, value in seconds.items()]
    parts.append("\n## Rows\n\n| dataset | table | rows | shards | MB |\n|---|---|---:|---:|---:|\n")
    for name, manifest in manifests.items():
        for table, rows in manifest.rows.items():
            shards = [shard for shard in manifest.shards if shard.table == table]
            size = sum(shard.bytes for shard in shards) / 1e6
            parts.append(f"| {name} | {table} | {rows:,} | {len(shards)} | {size:.2f} |\n")
    parts.append("\n## Records: read, kept, dropped, rejected\n\n")
    parts += [accounts(name, manifest) for name, manifest in manifests.items()]
    parts.append("\n## Inputs that are no ordinary dump\n\n| file | exit code | said |\n|---|---:|---|\n")
    parts += [f"| `{name}` | {code} | {cell(said, 400)} |\n" for name, code, said in odd]
    parts.append(training(work / "run"))
    parts.append(f"\n## Rows, {SAMPLED_ROWS} of each table\n")
    for name, manifest in manifests.items():
        parts += [sample(work / name, manifest, table) for table in manifest.tables]
    return "".join(parts) + CHECKED_LINKS.read_text(encoding="utf-8")


def accounts(name: str, manifest: Manifest) -> str:
    """Add up what became of a dataset's records, by reason."""
    read = sum(account.read for account in manifest.accounts)
    kept = sum(account.kept for account in manifest.accounts)
    reasons: dict[str, int] = {}
    for account in manifest.accounts:
        for kind, counts in (("dropped", account.dropped), ("rejected", account.rejected)):
            for reason, n in counts.items():
                reasons[f"{kind}: {reason}"] = reasons.get(f"{kind}: {reason}", 0) + n
    rest = "".join(f"| {reason} | {n:,} |\n" for reason, n in sorted(reasons.items()))
    return f"\n**{name}**\n\n| what | records |\n|---|---:|\n| read | {read:,} |\n| kept | {kept:,} |\n{rest}"


def sample(folder: Path, manifest: Manifest, table_name: str) -> str:
    """Render sampled rows of a table."""
    table = TABLES[table_name]
    paths = [str(folder / shard.path) for shard in manifest.of(table)]
    if not paths:
        return f"\n### {folder.name}: {table_name}\n\nNo rows.\n"
    dataset = ds.dataset(paths, schema=table.columns)
    total = dataset.count_rows()
    chosen = sorted(random.Random(20261101).sample(range(total), min(SAMPLED_ROWS, total)))
    rows = dataset.take(chosen).to_pylist()
    head = "| " + " | ".join(table.columns.names) + " |\n" + "|---" * len(table.columns.names) + "|\n"
    body = "".join("| " + " | ".join(cell(row[name]) for name in table.columns.names) + " |\n" for row in rows)
    return f"\n### {folder.name}: {table_name}\n\n{head}{body}"


def cell(value: Any, limit: int = CELL_CHARACTERS) -> str:
    """Render a value so that it fits a Markdown table."""
    text = " ".join(str(value).split()).replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
    return text if len(text) <= limit else text[: limit - 1] + "…"


def training(run_folder: Path) -> str:
    """Render some lines of a run's log, and how the run's model finds entities from held-out contexts."""
    log = [json.loads(line) for line in (run_folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    trained = [row for row in log if "mlm/loss" in row and "step" in row]
    chosen = trained[:: max(1, len(trained) // LOG_LINES)]
    validated = [row for row in log if "validated" in row][-1:]
    found = read_results(run_folder / "evaluation" / "retrieval.json")
    tables = [format_table([r for r in found.rows if r.keys["about"] == about]) for about in ("summary", "seen")]
    return (
        f"\n## Training\n\nThe tiny recipe, {trained[-1]['step']} steps; shares are of the candidates of one batch. A few\n"
        "thousand contexts and a handful of triples are soon known by heart: what was held out says what carries over.\n\n"
        f"| step | {' | '.join(LOGGED)} |\n|---:{'|---:' * len(LOGGED)}|\n"
        + "".join(_log_row(str(row["step"]), row) for row in chosen)
        + "".join(_log_row(f"held out, after {row['validated']}", row) for row in validated)
        + f"\nRetrieval among all descriptions of {', '.join(RETRIEVAL_LANGUAGES)}, from contexts and triples that were held\n"
        "out (`mep`: context to entity, `oe`: subject and relation to object):\n\n```text\n"
        + "\n\n".join(tables)
        + "\n```\n"
        + "\n"
        + answers(run_folder / "model", run_folder.parent / "tiny-tokens", ANSWERED, ANSWER_LANGUAGE, count=5)
    )


def _log_row(name: str, row: dict[str, Any]) -> str:
    cells = [form.format(row[key]) if key in row else "" for key, form in LOGGED.values()]
    return f"| {name} | {' | '.join(cells)} |\n"


INTRODUCTION = """# Real input

What the jobs make of real dumps: seven Wikipedia dumps (aa, bn, el, en, hy, ltg, zh, of 2014 to 2026; ltg is the whole wiki),
small dumps of some 125 further languages, and every Wikidata dump at hand (2015 to 2023). Written by
`python -m benchmarks.real_input`; run it on your own dumps for the same page. The Wikidata dumps hold some 700 items, so most
links lead to entities that are not in them: what counts here is that every link is accounted for. Times are wall seconds on
two cores that other work kept busy; `benchmarks/README.md` has the measured speeds.

Texts of Wikipedia are CC BY-SA 4.0 and GFDL, by the editors of the pages named in each row; Wikidata is CC0.

"""


if __name__ == "__main__":
    main()
