"""A small job for testing the runner: turns ranges of numbers into triples, with what goes wrong chosen by its configuration."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from pipeline.run.task import Job, Task
from pipeline.run.task_output import TASKS_FOLDER, TaskOutput
from schemas import TRIPLES, Triple
from schemas.errors import InputCorrupt


@dataclass(frozen=True, kw_only=True)
class NumberConfig:
    """What the number job does."""

    output: str
    max_reject_share: float = 0.0
    num_tasks: int = 4
    numbers_per_task: int = 10
    reject_every: int = 0
    lose_one: bool = False
    corrupt_task: int = -1
    die_in_task: int = -1
    crash_in_task: int = -1
    seconds_per_task: float = 0.0
    empty_task: int = -1
    last_task: int = -1
    inputs: tuple[tuple[str, str], ...] = (("numbers", "1"),)


def plan(config: NumberConfig) -> list[Task]:
    """One task per range of numbers."""
    return [
        Task(index=i, source="numbers", payload={"first": i * config.numbers_per_task}, num_bytes=100)
        for i in range(config.num_tasks)
    ]


def run_task(config: NumberConfig, task: Task, out: TaskOutput) -> None:
    """Write one triple per number."""
    note("XLMK_TEST_MARKER", f"{task.index}")
    note("XLMK_TEST_PROCESSES", f"{task.index} {os.getpid()} {os.getppid()}")
    wait(config, task, out)
    if task.index == config.corrupt_task:
        raise InputCorrupt("numbers is damaged at byte 7")
    if task.index == config.die_in_task:
        os._exit(3)
    if task.index == config.crash_in_task:
        raise AttributeError("a bug")
    if task.index == config.empty_task:
        return
    rows = []
    for number in range(task.payload["first"], task.payload["first"] + config.numbers_per_task):
        out.ledger.read()
        if config.reject_every and number % config.reject_every == 0:
            out.ledger.reject("not_liked", offset=number, detail="a multiple", excerpt=f"{number}")
            continue
        if config.lose_one and number == 0:
            continue
        out.ledger.keep()
        rows.append(Triple(subject=f"Q{number}", relation="P1", object="Q1", rank="normal"))
    out.write(TRIPLES, TRIPLES.batch(rows[: len(rows) // 2]))
    time.sleep(config.seconds_per_task)
    out.write(TRIPLES, TRIPLES.batch(rows[len(rows) // 2 :]))


def wait(config: NumberConfig, task: Task, out: TaskOutput) -> None:
    """Have the last task wait until all others have left their record, and a stuck one until it is killed."""
    deadline = time.monotonic() + 60
    stuck = os.environ.get("XLMK_TEST_STUCK_TASK") == f"{task.index}"
    last = task.index == config.last_task
    while stuck or last and len(list(Path(out.built, TASKS_FOLDER).glob("*.json"))) < config.num_tasks - 1:
        if time.monotonic() > deadline:
            raise TimeoutError("the other tasks do not come to their end")
        time.sleep(0.01)


def warm_up() -> None:
    """Note which process loads this module for the workers."""
    note("XLMK_TEST_WARM_UP", f"{os.getpid()}")


def note(variable: str, line: str) -> None:
    """Add a line to the file that an environment variable names, if it does."""
    path = os.environ.get(variable)
    if path:
        with open(path, "a") as file:
            file.write(f"{line}\n")


JOB = Job(
    name="numbers",
    config=NumberConfig,
    plan=plan,
    run_task=run_task,
    tables=(TRIPLES,),
    inputs=lambda config: dict(config.inputs),
    input_fields=("inputs",),
    warm_ups=lambda config, tasks: ["tests.pipeline.run.number_job:warm_up"],
)
