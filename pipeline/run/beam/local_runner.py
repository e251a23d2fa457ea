"""Beam's local runner with worker processes, where a worker gets its next task when it is done with the last.

Beam's own deals all tasks out before the first one starts, the first, third, fifth … to one worker and the others to the
other, so that the worker whose tasks were short waits for the one whose tasks were long. Here a bundle is one task.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import Any

from apache_beam.metrics import monitoring_infos
from apache_beam.portability.api import beam_fn_api_pb2
from apache_beam.runners.portability.fn_api_runner.execution import BundleContextManager
from apache_beam.runners.portability.fn_api_runner.fn_runner import (
    BundleManager,
    FnApiRunner,
    ParallelBundleManager,
)
from apache_beam.runners.portability.fn_api_runner.worker_handlers import GrpcWorkerHandler, WorkerHandler
from apache_beam.transforms.environments import Environment
from apache_beam.utils import thread_pool_executor

from pipeline.run.beam.worker_server import WorkerServer

_FORKED_WORKER = "xlm-k:environment:forked_worker:v1"

Bundle = dict[str, Any]
"""Encoded elements by the step of the graph that takes them."""


class LocalRunner(FnApiRunner):
    """The local runner with processes as workers; for graphs whose stages have one input, no state and no timers."""

    def __init__(self, server: WorkerServer, num_tasks: int) -> None:
        """Args:
        server: starts the workers.
        num_tasks: how many elements the largest collection of the graph has.
        """
        super().__init__(default_environment=_ForkedWorkers())
        WorkerHandler.register_environment(_FORKED_WORKER, bytes)(partial(_ForkedWorker, server))
        self._num_tasks = num_tasks

    def _get_bundle_manager(self, bundle_context_manager: BundleContextManager) -> BundleManager:
        manager: BundleManager = super()._get_bundle_manager(bundle_context_manager)
        if isinstance(manager, ParallelBundleManager):
            return _OneByOne(manager, self._num_tasks)
        return manager


class _ForkedWorkers(Environment):
    """Says in a graph that its steps run in the server's workers."""

    def to_runner_api_parameter(self, context: Any) -> tuple[str, bytes]:
        """Return the kind of this environment, and what more there is to say of it."""
        return _FORKED_WORKER, b""


class _ForkedWorker(GrpcWorkerHandler):
    """A worker process as the runner sees it."""

    def __init__(self, server: WorkerServer, payload: bytes, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._server = server

    def start_worker(self) -> None:
        """Begin to start it; it connects to the runner when it is ready."""
        self._server.start_worker(self.worker_id, self.control_address)

    def stop_worker(self) -> None:
        """Leave it to end by itself, as it does when the runner hangs up."""


class _OneByOne(BundleManager):
    """Sends a stage's elements as bundles of one, in their order, each to the worker that is free first."""

    def __init__(self, dealing: ParallelBundleManager, num_tasks: int) -> None:
        """Args:
        dealing: Beam's manager for the same stage.
        num_tasks: number of bundles at most.
        """
        super().__init__(dealing.bundle_context_manager, cache_token_generator=dealing._cache_token_generator)
        self._num_tasks = num_tasks

    def process_bundle(
        self, inputs: Any, expected_outputs: Any, fired_timers: Any, expected_output_timers: Any, dry_run: bool = False
    ) -> tuple[beam_fn_api_pb2.InstructionResponse, list[Any]]:
        """Run a stage over all its input, as Beam's own managers do."""
        bundles = deque(self._bundles(inputs))

        def run_while_any(manager: BundleManager) -> list[beam_fn_api_pb2.InstructionResponse]:
            results = []
            while bundles:
                try:
                    bundle = bundles.popleft()
                except IndexError:  # another worker was quicker
                    break
                results.append(manager.process_bundle(bundle, expected_outputs, {}, expected_output_timers, dry_run)[0])
            return results

        managers = [self._manager_of(worker) for worker in self.bundle_context_manager.worker_handlers]
        try:
            with thread_pool_executor.shared_unbounded_instance() as executor:
                results = list(chain.from_iterable(executor.map(run_while_any, managers)))
        finally:
            bundles.clear()  # where one failed, or a signal came, no other is begun
        return _merged(results), []

    def _bundles(self, inputs: Any) -> Iterator[Bundle]:
        """Cut a stage's input into its elements; an empty input is one empty bundle."""
        ((step, elements),) = inputs.items()
        parts = [part for part in elements.partition(self._num_tasks) if any(part)]
        yield from ({step: part} for part in parts or [[]])

    def _manager_of(self, worker: WorkerHandler) -> BundleManager:
        """Return Beam's manager of single bundles, with one worker to choose from."""
        stage = copy.copy(self.bundle_context_manager)
        stage._worker_handlers = [worker]
        return BundleManager(stage, cache_token_generator=self._cache_token_generator)


def _merged(results: list[beam_fn_api_pb2.InstructionResponse]) -> beam_fn_api_pb2.InstructionResponse:
    """Add up what bundles say of themselves."""
    infos = chain.from_iterable(result.process_bundle.monitoring_infos for result in results)
    merged = beam_fn_api_pb2.ProcessBundleResponse(monitoring_infos=monitoring_infos.consolidate(infos))
    return beam_fn_api_pb2.InstructionResponse(process_bundle=merged)
