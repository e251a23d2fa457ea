"""Records of one range of a snapshot to a task's output, every one of them accounted for."""

from __future__ import annotations

from typing import Any

from pipeline.run.task import Task
from pipeline.run.task_output import TaskOutput
from pipeline.wikipedia.articles import article_options
from pipeline.wikipedia.columns import PageIds
from pipeline.wikipedia.config import WikipediaConfig
from pipeline.wikipedia.html.pages import read_rendered
from pipeline.wikipedia.html.records import SnapshotPage, read_record
from pipeline.wikipedia.html.snapshots import Line, read_latest, snapshot_lines
from pipeline.wikipedia.pages import PageProblem
from pipeline.wikipedia.rows import PageRows, range_of, told_where_cut_off
from pipeline.wikipedia.wikitext.dialects import wiki_dialect


def read_snapshot_range(config: WikipediaConfig, task: Task, out: TaskOutput) -> None:
    """Read the records of a task's range into rows, drops and rejects.

    Raises:
        InputCorrupt: the file is damaged there.
    """
    payload = task.payload
    span = range_of(payload)
    reader = _RecordReader(config, payload, out)
    with told_where_cut_off(out.ledger, span, config.salvage):
        for line in snapshot_lines(span, payload["archived"]):
            reader.read(line)
    reader.rows.finish()
    out.notes = {"expected": None, "pages": reader.seen}


class _RecordReader:
    """Sorts the records of one range into rows, drops and rejects."""

    def __init__(self, config: WikipediaConfig, payload: dict[str, Any], out: TaskOutput) -> None:
        self._ledger, self._file = out.ledger, payload["snapshot"]
        self._dialect = wiki_dialect(payload["wiki"], variant=config.zh_variant)
        self._options = article_options(config)
        self._is_checked = not config.wiki_from_name
        self._latest = read_latest(out.built, payload["wiki"])
        self.rows = PageRows(self._dialect, out)
        """Where rows go."""
        self.seen = 0
        """Records met, whatever became of them."""

    def read(self, line: Line) -> None:
        """Take one line to a row, a drop or a reject."""
        self._ledger.read()
        self.seen += 1
        if line.oversize:
            self._reject(line, "too_large", f"a record of {line.oversize:,} bytes", None)
            return
        try:
            page = read_record(line.data)
        except PageProblem as problem:
            self._reject(line, problem.reason, str(problem), None)
            return
        if self._is_checked and page.wiki not in ("", self._dialect.wiki):
            detail = f"a record of {page.wiki} in a snapshot of {self._dialect.wiki}"
            self._reject(line, "other_wiki", detail, str(page.page_id))
            return
        reason = self._drop_reason(page, line)
        if reason:
            self._ledger.drop(reason)
        else:
            self._keep(page, line)

    def _drop_reason(self, page: SnapshotPage, line: Line) -> str:
        counts = self._latest.get(page.page_id)
        if counts is not None and counts != [self._file, line.unit, line.offset]:
            return "superseded"
        if page.namespace != 0:
            return "namespace"
        if page.is_deleted:
            return "deleted"
        return "" if page.html.strip() else "empty"

    def _keep(self, page: SnapshotPage, line: Line) -> None:
        try:
            article = read_rendered(page.html, page.title, self._dialect, self._options)
        except PageProblem as problem:
            self._reject(line, problem.reason, str(problem), str(page.page_id))
            return
        self.rows.add_article(PageIds(page.title, page.page_id, page.revision_id, page.entity), article)
        for title in page.redirects:
            self.rows.add_redirect(title, page.title)

    def _reject(self, line: Line, reason: str, detail: str, record: str | None) -> None:
        place = "" if line.unit == 0 else f"; {line.offset} decoded bytes after that byte"
        offset = line.offset if line.unit == 0 else line.unit
        self._ledger.reject(reason, offset=offset, detail=detail + place, excerpt=line.data, record=record)
