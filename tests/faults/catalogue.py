"""The faults this project is tested against: what happens to the input, and what must come of it.

Numbers are exit codes (`schemas/errors.py`). A test names the faults it covers with `@pytest.mark.fault("A1")`.
"""

from __future__ import annotations

from typing import NamedTuple


class Fault(NamedTuple):
    """One class of faults."""

    what: str
    """What is wrong."""
    expected: str
    """What must come of it."""


FAULTS: dict[str, Fault] = {
    # Downloads and files
    "A1": Fault("bz2 cut inside a block", "11 by size and checksum; the reader alone: 11, stream ends early at byte N"),
    "A2": Fault("multistream bz2 cut between two streams", "11: the closing bracket or tag is not there"),
    "A3": Fault("a bz2 block's checksum is wrong", "11 with the byte; `--salvage` reads the rest and rejects the gap"),
    "A4": Fault("bz2 stream checksum or gz checksum is wrong", "11"),
    "A5": Fault("gz without its trailer", "11"),
    "A6": Fault("empty file", "11"),
    "A7": Fault("HTML error page saved as a dump", "11, with the page's first line"),
    "A8": Fault("bytes after the last stream", "zeros: a warning; anything else: 11"),
    "A9": Fault("gz named .bz2", "read by its first bytes, with a warning"),
    "A10": Fault(
        "download cut, the server's file changed meanwhile", "resumed with If-Range, or from the start; never mixed"
    ),
    "A11": Fault("dump not done, absent, or its date gone", "10, with the dates there are"),
    "A12": Fault("429, 503, slow server", "waits as told, 2 connections at most; a permanent refusal is not retried"),
    "A13": Fault("decompression bomb", "rejected in bounded memory (< 300 MB)"),
    "A14": Fault("redirect off the list, file://, private address", "2, refused"),
    # Wikidata records
    "B1": Fault("malformed JSON line", "reject `json_syntax`"),
    "B2": Fault("[] for {} and {} for []", "empty, counted"),
    "B3": Fault("no claims, no labels", "empty, counted"),
    "B4": Fault("entity of 50 MB, and one over the cap", "read; over the cap: reject `too_large`"),
    "B5": Fault("JSON nested 100,000 deep", "reject, no crash"),
    "B6": Fault("lone surrogate", "reject at the line, not a shard later"),
    "B7": Fault("NUL and control characters in a label", "kept out of the text, counted"),
    "B8": Fault("not UTF-8; byte order mark", "reject; a mark at the file's start is accepted"),
    "B9": Fault("NaN; a number of 5,000 digits", "reject"),
    "B10": Fault("duplicate key; duplicate entity", "last key, counted; the second entity: reject `duplicate_id`"),
    "B11": Fault("somevalue, novalue, deprecated, lexeme, unknown datatype", "left out by a named reason"),
    "B12": Fault("no trailing comma, CRLF, no closing bracket", "first two read; no bracket: 11"),
    "B13": Fault("the object of a triple is a redirect or not in the dump", "counted, never a dangling description"),
    # Wikipedia pages
    "C1": Fault("XML cut inside a page", "11"),
    "C2": Fault("entity expansion, external entity", "11: a DOCTYPE is refused; nothing is expanded"),
    "C3": Fault("XML nested 200,000 deep", "no crash, bounded time"),
    "C4": Fault(
        "32 MB comment or attribute (quadratic in old expat)", "rejected in linear time; `doctor` notes the old parser"
    ),
    "C5": Fault("control character or bad UTF-8 in one page", "that page is rejected, the next is read"),
    "C6": Fault(
        "deep and unbalanced wikitext",
        "read within 5 s, or rejected by its length",
    ),
    "C7": Fault("page of 10 MB; page with 100,000 links", "bounded, flagged or rejected"),
    "C8": Fault("empty, deleted, redirect, other namespace, other model", "left out, each by a named reason"),
    "C9": Fault("links to self, section, other wiki, file, category, nowhere, in circles", "each with its own counter"),
    "C10": Fault("right-to-left, combining marks, emoji, decomposed titles", "text[start:end] is the mention, always"),
    "C11": Fault("titles ../../etc/passwd, CON, 255 bytes, newline", "never a path"),
    "C12": Fault("unknown or odd language code; `no` read as False", "mapped; unknown: 2 with the nearest names"),
    "C13": Fault("numbers inside formatnum and convert", "they stay in the text"),
    "C14": Fault("new namespaces, unknown export version", "read from the header; unknown version: a warning"),
    # Pipeline and output
    "D1": Fault("SIGKILL at any point", "the rerun ends with the same bytes"),
    "D2": Fault("SIGTERM, Ctrl-C", "75 or 130 within 10 s, no manifest, says how to go on"),
    "D3": Fault("disk full", "15, with free and needed bytes"),
    "D4": Fault("two runs on one output", "13 in less than 5 s"),
    "D5": Fault("output of another configuration, or not empty", "13, with the keys that differ"),
    "D6": Fault("shards of an earlier run left in the folder", "never published; `verify` refuses them"),
    "D7": Fault("no rows for a language or a task", "no empty shard; other readers load the rest"),
    "D8": Fault("more rejects than the limit", "12, with the five main reasons and examples"),
    "D9": Fault("a bug in the code of a job", "1, and no manifest"),
    "D10": Fault("a worker process dies", "not 0, and no hang"),
    "D11": Fault("dumps of dates far apart", "2 above the limit; dates are in the manifest"),
    "D12": Fault("one language fails", "the build fails; `--allow-partial` lists it"),
    "D13": Fault("output that cannot be written", "15 before the work starts"),
    # Shards read by the trainer
    "E1": Fault("shard cut short", "16, names the file"),
    "E2": Fault("one bit flipped", "16"),
    "E3": Fault("shard missing", "16"),
    "E4": Fault("shard that no manifest lists", "16"),
    "E5": Fault("shard of another schema version", "14, with what to do"),
    "E6": Fault("shards changed between save and resume", "refused, with both fingerprints"),
    # Training
    "F1": Fault(
        "loss or gradient not finite", "the step is skipped and logged; several in a row: 18, last good save stays"
    ),
    "F2": Fault("out of memory", "19, with the next smaller setting; no half checkpoint"),
    "F3": Fault("SIGTERM in a step, an evaluation, a save, a wait", "saved, 75; 20 of 20"),
    "F4": Fault("killed inside a save", "the one before is used, and it says so"),
    "F5": Fault("a pickle in a checkpoint", "17, never executed"),
    "F6": Fault("resumed with other workers, world or batch", "exact or refused"),
    # Nothing half-right is believed
    "G67": Fault(
        "text that is rewritten around links", "every surface keeps the target it was written with, or is no link"
    ),
    "G68": Fault(
        "a shard replaced before or while a job reads it", "16, before a row is used, and at the end of every task"
    ),
    "G69": Fault(
        "a shard or record of a stopped run gone, cut, emptied or changed",
        "its task is done again and the bytes are equal; nothing has its name before it is on the disk",
    ),
    "G70": Fault(
        "a dump replaced by one of equal size, between stop and rerun or while it is read",
        "13 or 11: size, time and ends are held against the plan, in every task",
    ),
    "G71": Fault(
        "a dump that is not what `dumps.json` publishes",
        "11 from every job; a manifest states no checksum that was not compared",
    ),
    "G72": Fault(
        "an array of an index changed, cut, gone or one too many", "16: size and sha256 of each are in its note"
    ),
    "G73": Fault(
        "a model with numbers that are not finite, weights without a place, one head of a pair",
        "17; other tensors are noted",
    ),
    "G74": Fault(
        "text that could be read half: one bad byte, a line of 80 MB, lines that end in CR",
        "11 with the place, a reject by name, or read whole",
    ),
    "G75": Fault(
        "a page, revision, item or property id beyond what tables hold",
        "reject `bad_id`; in a statement: counted; no later job ends by it",
    ),
    "G76": Fault(
        "disk full or a name too long in any file; a worker killed before its graph runs",
        "15 with the free bytes; says that a worker ended: never a bug",
    ),
    "G77": Fault("an xz corpus without line ends, or one that asks for memory", "rejected or 11, in bounded memory"),
    "G78": Fault("results or a log with odd values; a damaged footer", "11 with the file; 16, whatever Arrow raises"),
    "G79": Fault("something of somebody else's where an output is built", "13, and it stays"),
    "G80": Fault("links and code planted, control characters in names", "never written through, run or printed"),
    "G81": Fault("an item with 100,000 invented wikis, properties or languages", "read in linear time"),
}
