"""The progress of a download: a bar on a terminal, a line now and then elsewhere, and the switch that stops it."""

from __future__ import annotations

import logging
import sys
import time

from tqdm import tqdm

from pipeline.run.storage import in_words

log = logging.getLogger(__name__)

REPORT_SECONDS = 30.0
"""Between two lines of progress where the output is not a terminal."""


class TransferStopped(Exception):
    """Ends a transfer whose run is over; never shown."""


class TransferProgress:
    """A bar with rate and time left on a terminal, a line every half minute elsewhere."""

    def __init__(self, total: int) -> None:
        self._stopped = False
        self._terminal = sys.stderr.isatty()
        self._bar = tqdm(total=total, unit="B", unit_scale=True, disable=not self._terminal, desc="download")
        self._total, self._done = total, 0
        self._begun = self._told = time.monotonic()

    def __enter__(self) -> TransferProgress:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def stop(self) -> None:
        """Make every transfer end at its next bytes."""
        self._stopped = True

    def add(self, count: int) -> None:
        """Count bytes that came; negative ones were dropped.

        Raises:
            TransferStopped: after `stop`.
        """
        if self._stopped:
            raise TransferStopped("another file of this download failed, or it was stopped")
        self._bar.update(count)
        self._done += count
        now = time.monotonic()
        if not self._terminal and now - self._told > REPORT_SECONDS:
            self._told = now
            rate = self._done / max(1e-9, now - self._begun)
            left = (self._total - self._done) / max(1.0, rate)
            done, total = in_words(self._done), in_words(self._total)
            log.info("%s of %s, %s/s, %.0f s left", done, total, in_words(int(rate)), left)
