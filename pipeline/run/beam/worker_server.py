"""The process that worker processes of the local runner are forked from, as the driver sees it.

Beam's modules take longer to import than anything else at the start of a job. They are imported once for all workers, in a
process that is started before the driver imports them itself, so that both go on side by side. The server ends with its
driver and the workers with the server: nobody is left behind who would write into the build folder.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress

LOCAL, PROCESSES = "--runner=FnApiRunner", "--direct_running_mode=multi_processing"


def with_defaults(beam_args: list[str], num_tasks: int) -> list[str]:
    """Add to Beam's flags the local runner where none is named, and a worker per processor where nothing is said of them."""
    if not any(argument.split("=")[0] == "--runner" for argument in beam_args):
        beam_args = [*beam_args, LOCAL]
    workers = min(os.cpu_count() or 1, num_tasks)
    if LOCAL in beam_args and workers > 1 and not any("--direct_" in argument for argument in beam_args):
        beam_args = [*beam_args, PROCESSES, f"--direct_num_workers={workers}"]
    return beam_args


class WorkerServer:
    """Starts workers; used as a context, at whose end they have ended: at once where it ends by an error."""

    def __init__(self, needs: list[str]) -> None:
        """Args:
        needs: what to load for all workers: modules, or functions to call as `module:name`.
        """
        self._needs = needs
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin to import what workers need, unless that has begun."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pipeline.run.beam.worker_process", *self._needs],
                stdin=subprocess.PIPE,
                # There is a worker for each core, and threads do not live on in a fork.
                env={"OPENBLAS_NUM_THREADS": "1", **os.environ},
            )

    def start_worker(self, worker_id: str, address: str) -> None:
        """Start one worker, which then serves the runner at an address."""
        self.start()
        assert self._process is not None and self._process.stdin is not None
        with suppress(BrokenPipeError):  # that it has ended is for the watch to say
            self._process.stdin.write(f"{worker_id} {address}\n".encode())
            self._process.stdin.flush()

    def has_ended(self) -> bool:
        """Tell whether the server has ended by itself, as it does where a worker was killed; the other workers have too."""
        return self._process is not None and self._process.poll() is not None

    def __enter__(self) -> WorkerServer:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self._process is None:
            return
        if kind is not None:
            self._process.kill()
        self._process.communicate()  # the end of its input is the sign to end
