"""Linking and tokenising at size: the title index of an English-sized wiki, a run of five million mentions, sub-tokens.

    python -m benchmarks.linking titles   [--titles 18000000]    index against marisa-trie, same titles, same look-ups
    python -m benchmarks.linking mentions [--mentions 5000000]   link job on two processes, peak memory of all of them
    python -m benchmarks.linking reads --pages FOLDER            pages read in two halves, at once, and with a copy beside
    python -m benchmarks.linking tokens --tokenizer FOLDER [--linked FOLDER]    sentencepiece path against tokenizers
    python -m benchmarks.linking sql [--rows 2000000]            rows of wb_items_per_site.sql.gz

Times are CPU-seconds of this process; each part prints the rows of its table in benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import gzip
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.linking_world import titles_between, write_world
from pipeline.dumps.sql import read_items_per_site
from pipeline.link.mentions import CONTEXT_COLUMNS
from pipeline.link.survey import BATCH_ROWS, PAGE_COLUMNS, read_pages
from pipeline.link.title_index import hash_titles, index_paths, open_titles
from pipeline.link.title_index_build import TitleIndexBuilder
from schemas import PAGES, iter_shard, read_manifest

ROUNDS, LOOK_UPS, BATCH = 5, 500_000, 20_000


def main() -> None:
    """Run one part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=tuple(PARTS))
    parser.add_argument("--titles", type=int, default=18_000_000)
    parser.add_argument("--mentions", type=int, default=5_000_000)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--pages", type=Path, help="a dataset of the wikipedia job")
    parser.add_argument("--tokenizer", type=Path)
    parser.add_argument("--linked", type=Path)
    parser.add_argument("--keep", type=Path, help="folder for what is built, kept afterwards")
    arguments = parser.parse_args()
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="linking-"))
    try:
        PARTS[arguments.part](arguments, folder)
    finally:
        if not arguments.keep:
            shutil.rmtree(folder, ignore_errors=True)


def row(*cells: object) -> None:
    """Print a row of a Markdown table."""
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def peak_mb() -> float:
    """Largest memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def cpu(function: Callable[[], object]) -> float:
    """CPU-seconds of one call."""
    start = time.process_time()
    function()
    return time.process_time() - start


def titles(arguments: argparse.Namespace, folder: Path) -> None:
    """The index of a wiki of which 60 % of the titles are redirects, as in English; then a trie of the same titles."""
    count = arguments.titles
    articles = count * 2 // 5
    builder = TitleIndexBuilder(folder / "index")

    def add() -> None:
        for start in range(0, count, 100_000):
            batch = list(titles_between(start, min(start + 100_000, count)))
            if start < articles:
                builder.add_sitelinks("enwiki", batch, range(start + 1, start + len(batch) + 1))
            else:
                targets = list(titles_between(start % articles, start % articles + len(batch)))
                builder.add_redirects("enwiki", batch, targets)

    making = cpu(lambda: [None for _ in titles_between(0, count // 20)]) * 20
    building, finishing = cpu(add), cpu(builder.finish)
    size = sum(path.stat().st_size for path in index_paths(folder / "index", "enwiki"))
    # Titles of redirects' targets are made a second time.
    own = building - making * 1.6
    row(
        "index", f"{count / 1e6:.0f} M titles", "built, CPU-s", f"{own:.0f} to hash and spool + {finishing:.0f} to sort"
    )
    row("index", "", "size, MB", f"{size / 1e6:.0f}")
    row("index", "", "peak memory of the build, MB", f"{peak_mb():,.0f}")
    wanted = _wanted(count)
    opened = open_titles(folder / "index", "enwiki")
    found = int((opened.look_up(wanted[:BATCH]) != 0).sum())
    row("index", "", "found of the first batch (four of five exist)", f"{found / BATCH:.1%}")
    keys = [hash_titles(wanted[start : start + BATCH]) for start in range(0, LOOK_UPS, BATCH)]
    rates = {
        "titles as written": lambda: [opened.look_up(wanted[s : s + BATCH]) for s in range(0, LOOK_UPS, BATCH)],
        "hashes alone": lambda: [opened.look_up_keys(batch) for batch in keys],
    }
    for name, call in rates.items():
        seconds = statistics.median(cpu(call) for _ in range(ROUNDS))
        row("index", "", f"look-ups a CPU-second, {name}", f"{LOOK_UPS / seconds:,.0f}")
    _trie(count, wanted, folder)


def _wanted(count: int) -> list[str]:
    """Titles to look up, in random order; four of five exist."""
    places = np.random.default_rng(3).integers(0, count * 5 // 4, LOOK_UPS).tolist()
    return [next(titles_between(place, place + 1)) for place in places]


def _trie(count: int, wanted: list[str], folder: Path) -> None:
    """marisa-trie in a process of its own, for its memory's sake: titles to ids, an array of numbers beside it."""
    code = (
        "import sys, time, resource, statistics, marisa_trie\n"
        "from benchmarks.linking_world import titles_between\n"
        "count, path = int(sys.argv[1]), sys.argv[2]\n"
        "start = time.process_time(); trie = marisa_trie.Trie(titles_between(0, count)); built = time.process_time() - start\n"
        "trie.save(path); peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "trie = marisa_trie.Trie(); trie.mmap(path); wanted = sys.stdin.read().split('\\n')\n"
        "def run():\n"
        "    start = time.process_time(); [trie.get(title) for title in wanted]; return time.process_time() - start\n"
        "print(built, peak, len(wanted) / statistics.median(run() for _ in range(5)))\n"
    )
    path = folder / "titles.marisa"
    done = subprocess.run(
        [sys.executable, "-c", code, str(count), str(path)],
        input="\n".join(wanted),
        text=True,
        check=True,
        capture_output=True,
    )
    built, peak, rate = map(float, done.stdout.split())
    row("marisa-trie", f"{count / 1e6:.0f} M titles", "built, CPU-s, titles made included", f"{built:.0f}")
    row(
        "marisa-trie",
        "",
        "size with 4 bytes a title for the entity, MB",
        f"{(path.stat().st_size + 4 * count) / 1e6:.0f}",
    )
    row("marisa-trie", "", "peak memory of the build, MB", f"{peak:,.0f}")
    row("marisa-trie", "", "look-ups a CPU-second, titles as written", f"{rate:,.0f}")


class MemoryWatch:
    """Samples the memory of a process and all its descendants."""

    def __init__(self, pid: int) -> None:
        self._root, self._stop = psutil.Process(pid), threading.Event()
        self.resident = self.proportional = 0
        self._thread = threading.Thread(target=self._loop)

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def _loop(self) -> None:
        while not self._stop.wait(0.25):
            resident = proportional = 0
            try:
                for process in [self._root, *self._root.children(recursive=True)]:
                    resident += process.memory_info().rss
                    proportional += process.memory_full_info().pss
            except psutil.Error:
                continue
            self.resident = max(self.resident, resident)
            self.proportional = max(self.proportional, proportional)


def mentions(arguments: argparse.Namespace, folder: Path) -> None:
    """The link job over synthetic tables, as a user runs it, on two processes."""
    world = write_world(folder, num_links=arguments.mentions)
    row("input", "", "pages, contexts, links", f"{world.pages:,}, {world.contexts:,}, {world.links:,}")
    row("input", "", "tables, MB", f"{world.num_bytes / 1e6:,.0f}")
    command = [sys.executable, "-m", "pipeline", "link", "--wikidata", str(folder / "wikidata")]
    command += ["--wikipedia", str(folder / "wikipedia"), "--output", str(folder / "link")]
    command += ["--", "--runner=FnApiRunner", "--direct_running_mode=multi_processing", "--direct_num_workers=2"]
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with MemoryWatch(process.pid) as watch:
        out, said = process.communicate()
    if process.returncode:
        raise SystemExit(said)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = used.ru_utime + used.ru_stime
    row("link", "2 processes", "seconds, CPU-seconds", f"{time.monotonic() - start:.0f}, {seconds:.0f}")
    row("link", "", "links a CPU-second", f"{world.links / seconds:,.0f}")
    row("link", "", "peak of all processes, MB (shared pages once / each time)",
        f"{watch.proportional / 1e6:,.0f} / {watch.resident / 1e6:,.0f}")  # fmt: skip
    print(out)


def reads(arguments: argparse.Namespace, folder: Path) -> None:
    """Shards of pages read in two halves, as the job does, and the other ways: all at once, with contexts copied beside."""
    pa.set_cpu_count(1)
    shards = [arguments.pages / shard.path for shard in read_manifest(arguments.pages).of(PAGES)]
    sizes = sum(map(_column_bytes, shards), Counter())
    row("input", f"{len(shards)} shards", "MB of pages", f"{sizes.total() / 1e6:.1f}")

    def batches(columns: tuple[str, ...]) -> list[list[pa.RecordBatch]]:
        return [list(iter_shard(path, PAGES, columns, BATCH_ROWS)) for path in shards]

    for name, columns in {
        "first half: what decides": PAGE_COLUMNS,
        "second half: contexts": CONTEXT_COLUMNS,
        "both at once": (*PAGE_COLUMNS, *CONTEXT_COLUMNS),
    }.items():
        share = sum(sizes[column] for column in columns) / sizes.total()
        seconds = statistics.median(cpu(lambda: batches(columns)) for _ in range(ROUNDS))  # noqa: B023
        row("read", f"{name}, {share:.1%} of the bytes", "CPU-s to decode", f"{seconds:.3f}")
    found = [read_pages(path, path.parent.name, min_bytes=16, max_characters=1_000)[1] for path in shards]
    _copy("names and leads, as the job keeps them", [table.to_batches() for table in found], "lz4", folder)
    for packing in (None, "lz4", "zstd"):
        _copy(f"contexts, {packing or 'not'} packed", batches(CONTEXT_COLUMNS), packing, folder)


def _column_bytes(path: Path) -> Counter[str]:
    """Bytes of each column of a shard, packed."""
    about = pq.ParquetFile(path).metadata
    groups = [about.row_group(number) for number in range(about.num_row_groups)]
    columns = [group.column(number) for group in groups for number in range(about.num_columns)]
    return sum((Counter({column.path_in_schema: column.total_compressed_size}) for column in columns), Counter())


def _copy(name: str, shards: list[list[pa.RecordBatch]], packing: str | None, folder: Path) -> None:
    """Write batches beside and read them again: each buffer touched, as a mapped file is read when it is used."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number}.arrow" for number in range(len(shards))]

    def write() -> None:
        for path, batches in zip(paths, shards, strict=True):
            with pa.ipc.new_file(path, batches[0].schema, options=pa.ipc.IpcWriteOptions(compression=packing)) as file:
                for batch in batches:
                    file.write_batch(batch)

    def read() -> None:
        for path in paths:
            with pa.memory_map(str(path)) as file:
                for batch in pa.ipc.open_file(file).read_all().to_batches():
                    for column in batch.columns:
                        sum(zlib.adler32(buffer) for buffer in column.buffers() if buffer is not None)

    seconds = [statistics.median(cpu(call) for _ in range(ROUNDS)) for call in (write, read)]
    size = sum(path.stat().st_size for path in paths) / 1e6
    row("copy", name, "MB, CPU-s to write and to read", f"{size:.1f}, {seconds[0]:.3f}, {seconds[1]:.3f}")


def tokens(arguments: argparse.Namespace, folder: Path) -> None:
    """Ids and mention places of the rows of a linked dataset by both libraries: speed, and rows that differ."""
    from pipeline.tokens.subwords import open_subwords

    batches = list(_rows_with_spans(arguments.linked))
    size = sum(len(text.encode()) for texts, _ in batches for text in texts) / 1e6
    with_spans = sum(len(text.encode()) for texts, spans in batches if any(spans) for text in texts) / 1e6
    num_rows = sum(len(texts) for texts, _ in batches)
    row("input", "", "rows, MB of text, MB of it with mentions", f"{num_rows:,}, {size:.1f}, {with_spans:.1f}")
    encoded = {}
    for backend, rounds in (("sentencepiece", 3), ("tokenizers", 1)):
        subwords = open_subwords(arguments.tokenizer, backend)  # type: ignore[arg-type]
        spans = [cpu(lambda: [subwords.encode_spans(*batch) for batch in batches]) for _ in range(rounds)]  # noqa: B023
        plain = [cpu(lambda: [subwords.encode(texts) for texts, _ in batches]) for _ in range(rounds)]  # noqa: B023
        row(backend, "", "MB a CPU-second, ids", f"{size / statistics.median(plain):.1f}")
        row(backend, "", "MB a CPU-second, ids and mention places", f"{size / statistics.median(spans):.1f}")
        encoded[backend] = [one for batch in batches for one in subwords.encode_spans(*batch)]
    pairs = list(zip(*encoded.values(), strict=True))
    same = [one.ids.tolist() == two.ids.tolist() for one, two in pairs]
    places = sum(one.spans != two.spans for (one, two), equal in zip(pairs, same, strict=True) if equal)
    row(
        "both",
        "",
        "rows with other ids; other places among equal ids",
        f"{same.count(False)} of {num_rows:,}; {places}",
    )


def _rows_with_spans(linked: Path) -> Iterator[tuple[list[str], list[list[tuple[int, int]]]]]:
    from schemas import DESCRIPTIONS, MENTIONS, iter_shard, read_manifest

    manifest = read_manifest(linked)
    for table in (DESCRIPTIONS, MENTIONS):
        for shard in manifest.of(table):
            for batch in iter_shard(linked / shard.path, table, batch_rows=1_000):
                texts = batch.column("text").to_pylist()
                lists = batch.column("mentions").to_pylist() if table is MENTIONS else [[] for _ in texts]
                yield texts, [[(mention["start"], mention["end"]) for mention in of_text] for of_text in lists]


def sql(arguments: argparse.Namespace, folder: Path) -> None:
    """Rows a CPU-second from a synthetic wb_items_per_site.sql.gz with lines of a megabyte, as mysqldump writes."""
    path = folder / "items.sql.gz"
    folder.mkdir(parents=True, exist_ok=True)
    columns = ("ips_row_id", "ips_item_id", "ips_site_id", "ips_site_page")
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(
            b"CREATE TABLE `wb_items_per_site` (\n"
            + b"".join(b"  `%s` x,\n" % name.encode() for name in columns)
            + b");\n"
        )
        for start in range(0, arguments.rows, 20_000):
            rows = (f"({n},{n},'{('enwiki', 'dewiki')[n % 2]}','{title}')" for n, title in
                    enumerate(titles_between(start, min(start + 20_000, arguments.rows)), start + 1))  # fmt: skip
            file.write(b"INSERT INTO `wb_items_per_site` VALUES " + ",".join(rows).encode() + b";\n")
        file.write(b"-- Dump completed\n")
    seconds = cpu(lambda: sum(len(titles) for _, titles, _ in read_items_per_site(path, {"enwiki"})))
    row(
        "sql",
        f"{arguments.rows / 1e6:.0f} M rows",
        "rows a CPU-second, half of them wanted",
        f"{arguments.rows / seconds:,.0f}",
    )


PARTS = {"titles": titles, "mentions": mentions, "reads": reads, "tokens": tokens, "sql": sql}

if __name__ == "__main__":
    main()
