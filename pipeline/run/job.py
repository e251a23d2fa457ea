"""How every job runs: tasks in, shards out, a manifest last.

A task is a small descriptor (a file and a byte range, or a shard to read), never a row. The Beam graph is one fused stage:
each task is taken from its input to shards of its own, whose names come from the task's number, and leaves a record beside them.
Nothing else passes through Beam, so the same graph runs on the local runner, on Dataflow, on Flink.

    plan(config) ─▶ Create(tasks) ─▶ ParDo(run_task) ─▶ OUTPUT.partial/{<table>/…, _tasks/00007.json} ─▶ manifest.json ─▶ OUTPUT

A run that was stopped goes on with the tasks whose record and shards are not there or not whole (`resume`), and ends with
the same bytes.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from importlib.metadata import version
from typing import Any

import schemas
from pipeline.run import storage
from pipeline.run.accounts import check_conservation, check_reject_share, merge_accounts
from pipeline.run.beam.worker_server import PROCESSES, WorkerServer, with_defaults
from pipeline.run.output_lock import output_lock
from pipeline.run.progress import Progress
from pipeline.run.resume import CUTS_NAME, PLAN_NAME, changed_shards, lost_shards, require_own_folder, sound_tasks
from pipeline.run.task import Job, JobConfig, Task
from pipeline.run.task_output import TASKS_FOLDER, TaskRecord, task_record_path
from schemas import MANIFEST_NAME, REJECTS, Manifest
from schemas.card import CARD_NAME, dataset_card
from schemas.errors import InputCorrupt, InputMissing, OutputBusy, ShardMismatch, XlmkError, printable


def run_job(job: Job, config: JobConfig, beam_args: list[str] | None = None) -> Manifest:
    """Run a job to its end, or go on with one that was stopped; returns the manifest of the finished dataset.

    Raises:
        UsageError: a flag or a runner that Beam does not know.
        OutputBusy: another run has the output, or it holds something else.
        RejectLimitExceeded, InputCorrupt, InputMissing, StorageError: see `schemas.errors`.
    """
    if beam_args:
        from pipeline.run.beam.graph import (
            pipeline_options,  # it costs a second: only where there is something to look at
        )

        pipeline_options(beam_args)  # a wrong flag is told before anything is planned or compiled
    built = storage.build_folder(config.output)
    identity = _identity(job, config)
    with output_lock(config.output):
        finished = _finished(config.output, identity)
        if finished is not None:
            print(printable(f"{job.name}: {config.output} is finished already, nothing to do."), file=sys.stderr)
            return finished
        require_own_folder(built)
        finished = _published(built, config.output, identity)
        if finished is not None:
            return finished
        _claim(built, PLAN_NAME, identity)
        job.prepare(config, built)
        tasks = job.plan(config)
        if not tasks:
            raise InputMissing(f"{job.name} found nothing to read: no dump or dataset was named, or all are empty.")
        _claim(built, CUTS_NAME, _cuts(tasks))
        done = sound_tasks(built, job.name)
        pending = [task for task in tasks if task.index not in done]
        storage.check_space(built, sum(task.num_bytes for task in pending))
        with Progress(job.name, built, tasks):
            if pending:
                _run_tasks(job, config, pending, len(tasks), built, with_defaults(beam_args or [], len(pending)))
        return _publish(job, config, tasks, built, identity)


def _cuts(tasks: list[Task]) -> dict[str, Any]:
    """How the input is cut, and the files other than shards that are read: by size, time and ends they are the same."""
    files = {file.path: file for task in tasks for file in task.reads if not file.sha256}
    read = {storage.file_name(path): [*file.stamp[:2], file.ends] for path, file in sorted(files.items())}
    return {"tasks": [[task.source, task.num_bytes] for task in tasks], "read": read}


def _run_tasks(
    job: Job, config: JobConfig, pending: list[Task], num_tasks: int, built: str, beam_args: list[str]
) -> None:
    with WorkerServer([job.run_task.__module__, *job.warm_ups(config, pending)]) as server:
        if PROCESSES in beam_args:
            server.start()  # workers import Beam while this process does
        from pipeline.run.beam.graph import run_tasks  # it costs a second: only where there is work

        run_tasks(job, config, pending, server, num_tasks=num_tasks, built=built, beam_args=beam_args)


def _identity(job: Job, config: JobConfig) -> dict[str, Any]:
    """Return what a dataset is made of: equal identities give equal bytes."""
    settings = dataclasses.asdict(config)  # type: ignore[call-overload]
    for name in ("output", *job.input_fields):
        settings.pop(name)
    return {
        "job": job.name,
        "code_version": version("xlm-k"),
        "config": json.loads(json.dumps(settings)),
        "inputs": job.inputs(config),
        "tables": {table.name: table.version for table in (*job.tables, REJECTS)},
    }


def _finished(output: str, identity: dict[str, Any]) -> Manifest | None:
    """Return the manifest where the output is finished and made of the same things.

    Raises:
        OutputBusy: it was made of other things, or holds something else.
        ShardMismatch: files of it are gone or are not those that were written.
    """
    manifest_path = storage.join(output, MANIFEST_NAME)
    if storage.exists(manifest_path):
        manifest = schemas.parse_manifest(storage.read_text(manifest_path), manifest_path)
        found = {key: getattr(manifest, key) for key in identity}
        _refuse_difference(output, found, identity, "Name another output, or delete this folder to build it anew.")
        lost = changed_shards(output, manifest.shards)
        if lost:
            raise ShardMismatch(
                f"{lost[0]}. {output} was finished once, but is not whole any more. Restore it, or delete that folder to "
                "build it anew."
            )
        return manifest
    if storage.is_local(output) and (os.path.islink(output) or storage.list_files(output)):
        what = "is a link to a folder" if os.path.islink(output) else "is not empty"
        raise OutputBusy(f"{output} {what} and has no manifest.json. Name another output, or empty that folder.")
    return None


def _published(built: str, output: str, identity: dict[str, Any]) -> Manifest | None:
    """Give a build its name that was stopped between its manifest and that; None where there is none, or it is not whole.

    Raises:
        OutputBusy: the manifest is that of another dataset.
    """
    path = storage.join(built, MANIFEST_NAME)
    if not storage.is_local(built) or not storage.exists(path):
        return None
    try:
        manifest = schemas.parse_manifest(storage.read_text(path), path)
        found = {key: getattr(manifest, key) for key in identity}
    except XlmkError as error:
        found = {"manifest": str(error)}
    if found != identity and not storage.exists(storage.join(built, PLAN_NAME)):
        _refuse_difference(built, found, identity, "Move that folder away, or name another output.")
    if found == identity and not changed_shards(built, manifest.shards):
        _clear(built, manifest)
        storage.publish(built, output)
        return manifest
    storage.delete(built, [MANIFEST_NAME])
    return None


def _finished_tasks(built: str) -> list[str]:
    return [path for path in storage.list_files(built) if path.startswith(f"{TASKS_FOLDER}/")]


def _claim(built: str, name: str, contents: dict[str, Any]) -> None:
    """Note in a build folder what is built in it, or check that it is the same as before.

    A build in which no task was finished holds nothing worth keeping, and one whose note is damaged nothing to be believed:
    it is claimed anew.
    """
    path = storage.join(built, name)
    done = _finished_tasks(built)
    if done and storage.exists(path):
        try:
            found = json.loads(storage.read_text(path))
        except ValueError as error:
            print(printable(f"{path} is damaged ({error}): all tasks are done again."), file=sys.stderr)
        else:
            remedy = "Run with the same configuration to go on, or delete that folder."
            _refuse_difference(built, found, contents, remedy)
            return
    storage.delete(built, done)
    storage.write_text(path, json.dumps(contents, indent=1))


def _refuse_difference(folder: str, found: dict[str, Any], wanted: dict[str, Any], remedy: str) -> None:
    differences = list(_differences("", found, wanted))
    if differences:
        raise OutputBusy(f"{folder} was built from something else:\n" + "\n".join(differences[:10]) + f"\n{remedy}")


def _differences(prefix: str, found: Any, wanted: Any) -> list[str]:
    if isinstance(found, dict) and isinstance(wanted, dict):
        lines: list[str] = []
        for key in sorted({*found, *wanted}):
            lines += _differences(f"{prefix}.{key}" if prefix else key, found.get(key), wanted.get(key))
        return lines
    return [] if found == wanted else [f"  {prefix}: there {_short(found)}, now {_short(wanted)}"]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:97]}…"


def _publish(job: Job, config: JobConfig, tasks: list[Task], built: str, identity: dict[str, Any]) -> Manifest:
    """Check the accounts, write the manifest, and give the build its final name."""
    records = [_record(built, task) for task in tasks]
    _refuse_other_inputs(job, config, identity)
    records = job.settle(config, records)
    accounts = merge_accounts(account for record in records for account in record.accounts)
    check_conservation(accounts)
    job.verify(config, records)
    examples = (row for record in records for row in record.reject_examples)
    check_reject_share(accounts, config.max_reject_share, examples)
    counters: dict[str, int] = {}
    for record in records:
        for name, n in record.counters.items():
            counters[name] = counters.get(name, 0) + n
    manifest = Manifest(
        shards=sorted((shard for record in records for shard in record.shards), key=lambda shard: shard.path),
        accounts=accounts,
        counters=dict(sorted(counters.items())),
        properties=job.properties(config, records),
        **identity,
    )
    lost = lost_shards(built, manifest.shards)
    if lost:
        raise ShardMismatch(f"{lost[0]}, after its task was done. Run the same command again: it does that task again.")
    # Before the dataset is finished: behind it, a run that was stopped here would never come back to write it.
    storage.write_text(times_path(config.output), json.dumps(_seconds_by_partition(records), indent=1))
    storage.write_text(storage.join(built, CARD_NAME), dataset_card(manifest, (*job.tables, REJECTS)))
    if not storage.is_local(built):
        _clear(built, manifest)  # what is built in place is finished by its manifest
    storage.write_text(storage.join(built, MANIFEST_NAME), manifest.to_json())
    _clear(built, manifest)
    storage.publish(built, config.output)
    return manifest


def _refuse_other_inputs(job: Job, config: JobConfig, identity: dict[str, Any]) -> None:
    """Make sure that what the tasks read is still what the job began with.

    Raises:
        InputCorrupt: it was replaced meanwhile.
    """
    differences = list(_differences("inputs", identity["inputs"], job.inputs(config)))
    if differences:
        raise InputCorrupt(
            "inputs were replaced while they were read:\n" + "\n".join(differences[:10]) + "\nDelete "
            f"{storage.build_folder(config.output)} and run again when nothing writes to them any more."
        )


def _record(built: str, task: Task) -> TaskRecord:
    path = storage.join(built, task_record_path(task.index))
    try:
        return TaskRecord.from_json(storage.read_text(path))
    except ValueError as error:
        raise ShardMismatch(
            f"{path} is damaged: {error}. Run the same command again: it does that task again."
        ) from error


def _clear(built: str, manifest: Manifest) -> None:
    """Delete what belongs to the build and not to the dataset."""
    kept = {MANIFEST_NAME, CARD_NAME, *(shard.path for shard in manifest.shards)}
    storage.delete(built, [path for path in storage.list_files(built) if path not in kept])


def times_path(output: str) -> str:
    """Return the path of a note beside a dataset that says how many seconds its tasks took, by partition."""
    return f"{output.rstrip('/')}.times.json"


def _seconds_by_partition(records: list[TaskRecord]) -> dict[str, float]:
    """Share each task's seconds out to the partitions it wrote, by bytes; "" is for what has no partition."""
    seconds: dict[str, float] = {}
    for record in records:
        whole = sum(shard.bytes for shard in record.shards)
        for shard in record.shards:
            seconds[shard.partition] = seconds.get(shard.partition, 0.0) + record.seconds * shard.bytes / whole
        if not whole:
            seconds[""] = seconds.get("", 0.0) + record.seconds
    return {name: round(total, 3) for name, total in sorted(seconds.items())}
