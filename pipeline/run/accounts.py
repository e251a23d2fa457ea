"""Accounting of a task: nothing is lost without a name.

Every record read is kept, dropped for a named reason, or rejected with a row. `Ledger` counts them by source; the job
refuses to publish a dataset whose accounts do not balance, or whose share of rejects passes the limit.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from schemas import EXCERPT_CHARACTERS, Account, Reject
from schemas.errors import RejectLimitExceeded, XlmkError

REJECTS_AT_ONCE = 1_000
"""Rejects that are held in memory, and after how many their share is looked at."""


@dataclass
class Ledger:
    """Counts and rejects of one task, by source where a task reads more than one."""

    job: str
    """Name of the job, for the rows of `rejects`."""
    source: str
    """The source counted on when a call names none."""
    read_: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    dropped: dict[str, Counter[str]] = field(default_factory=dict)
    rejected: dict[str, Counter[str]] = field(default_factory=dict)
    counters: Counter[str] = field(default_factory=Counter)
    rejects: list[Reject] = field(default_factory=list)
    """Rows on rejects that have not been written yet."""
    examples: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The first reject of each reason, for messages."""
    max_reject_share: float = 1.0
    """Largest share of the job's records that may be rejected, 0 to 1."""
    num_tasks: int = 1
    """How many tasks the job has."""
    write_rejects: Callable[[], None] = field(default=lambda: None)
    """Writes the rows on rejects and empties the list; called when so many have come together."""

    def read(self, n: int = 1, *, source: str | None = None) -> None:
        """Count `n` records read."""
        self.read_[source or self.source] += n

    def keep(self, n: int = 1, *, source: str | None = None) -> None:
        """Count `n` records that became rows."""
        self.kept[source or self.source] += n

    def drop(self, reason: str, n: int = 1, *, source: str | None = None) -> None:
        """Count `n` records left out on purpose."""
        self.dropped.setdefault(source or self.source, Counter())[reason] += n

    def reject(
        self,
        reason: str,
        *,
        offset: int = -1,
        detail: str = "",
        excerpt: str | bytes = "",
        record: str | None = None,
        source: str | None = None,
    ) -> None:
        """Count one record that could not be understood, and keep a row on it.

        Args:
            reason: short stable code.
            offset: where the record begins, in bytes.
            detail: what was found, in words.
            excerpt: the record itself; its first characters are kept.
            record: id of the entity or page, where it could be read.

        Raises:
            RejectLimitExceeded: so many of the task's records were rejected that the rest need not be read.
        """
        name = source or self.source
        self.rejected.setdefault(name, Counter())[reason] += 1
        row = Reject(
            job=self.job,
            source=name,
            offset=offset,
            record=record,
            reason=reason,
            detail=detail,
            excerpt=printable(excerpt),
        )
        self.rejects.append(row)
        if reason not in self.examples:
            self.examples[reason] = dataclasses.asdict(row)
        if len(self.rejects) >= REJECTS_AT_ONCE:
            self._check_share()
            self.write_rejects()

    def _check_share(self) -> None:
        """Raise where these rejects would be too many even if no other task, of the same size, had any."""
        rejected = sum(sum(reasons.values()) for reasons in self.rejected.values())
        if rejected > self.max_reject_share * self.num_tasks * sum(self.read_.values()):
            check_reject_share(self.accounts(), self.max_reject_share, self.examples.values())

    def count(self, name: str, n: int = 1) -> None:
        """Add to a counter that takes no part in conservation."""
        self.counters[name] += n

    def accounts(self) -> list[Account]:
        """Return one account per source, ordered by name."""
        names = {*self.read_, *self.kept, *self.dropped, *self.rejected}
        return [
            Account(
                source=name,
                read=self.read_[name],
                kept=self.kept[name],
                dropped=dict(sorted(self.dropped.get(name, Counter()).items())),
                rejected=dict(sorted(self.rejected.get(name, Counter()).items())),
            )
            for name in sorted(names)
        ]


def printable(excerpt: str | bytes) -> str:
    """Cut a record to an excerpt that every text column and every reader can hold."""
    if isinstance(excerpt, bytes):
        excerpt = excerpt[: 4 * EXCERPT_CHARACTERS].decode("utf-8", "replace")
    short = excerpt[:EXCERPT_CHARACTERS].encode("utf-8", "replace").decode("utf-8")
    return "".join(char if char >= " " or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in short)


def merge_accounts(accounts: Iterable[Account]) -> list[Account]:
    """Add up the accounts of many tasks by source."""
    merged = Ledger(job="", source="")
    for account in accounts:
        merged.read(account.read, source=account.source)
        merged.keep(account.kept, source=account.source)
        for reason, n in account.dropped.items():
            merged.drop(reason, n, source=account.source)
        for reason, n in account.rejected.items():
            merged.rejected.setdefault(account.source, Counter())[reason] += n
    return merged.accounts()


def check_conservation(accounts: Iterable[Account]) -> None:
    """Raise unless every record of every source is accounted for.

    Raises:
        XlmkError: a source's read records are not the sum of kept, dropped and rejected ones: a bug of this project.
    """
    for account in accounts:
        if account.balance:
            raise XlmkError(
                f"{account.source}: {account.read:,} records read, but kept, dropped and rejected ones add up to "
                f"{account.read - account.balance:,}. Rows were lost or doubled; this is a bug, please report it."
            )


def check_reject_share(accounts: Iterable[Account], limit: float, examples: Iterable[dict[str, Any]]) -> None:
    """Raise where more than `limit` of the records of the job were rejected.

    Args:
        limit: largest share allowed, 0 to 1.
        examples: rejects as dictionaries, for the message.

    Raises:
        RejectLimitExceeded: with the five most frequent reasons and an example of each.
    """
    reasons: Counter[str] = Counter()
    read = 0
    for account in accounts:
        read += account.read
        reasons.update(account.rejected)
    rejected = sum(reasons.values())
    if not rejected or rejected <= limit * read:
        return
    first: dict[str, dict[str, Any]] = {}
    for row in examples:
        first.setdefault(row["reason"], row)
    lines = [_describe(reason, n, first.get(reason)) for reason, n in reasons.most_common(5)]
    raise RejectLimitExceeded(
        f"{rejected:,} of {read:,} records were rejected ({rejected / read:.2%}), the limit is {limit:.2%}:\n"
        + "\n".join(lines)
        + "\nLook at the `rejects` table of the unfinished build; raise --max-reject-share if these may be lost."
    )


def _describe(reason: str, n: int, example: dict[str, Any] | None) -> str:
    if example is None:
        return f"  {reason}: {n:,}"
    where = f"{example['source']} at byte {example['offset']:,}"
    return f"  {reason}: {n:,}, first in {where}: {example['detail']} {example['excerpt'][:80]!r}"
