"""The training loop: batches in, steps, log lines, checkpoints, and the finished model at the end."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from model.addresses import is_url
from model.config import PretrainConfig
from model.data.loading.loader import StreamLoader
from model.data.special_tokens import SpecialTokens
from model.data.stores.token_dataset import TokenDataset
from model.data.stream.stream import TrainingStream, merge_states, rows_read
from model.distributed import barrier, choose_device, gather_text, is_main, process_group, rank, world_size
from model.method.encoder import check_lengths, load_encoder
from model.method.flops import flops_by_hand, peak_rate
from model.method.joint import JointModel
from model.training import checkpoint as checkpoints
from model.training.checkpoint_writer import CheckpointWriter, Written
from model.training.export import export_model
from model.training.memory import explain_out_of_memory
from model.training.metrics import LOG, Meter, RunLog
from model.training.mirror import Mirror
from model.training.resuming import check_resumable, fitting_state, redrawn
from model.training.run_folder import CONFIG, logged_results
from model.training.small_data import few_rows
from model.training.step import TrainingStep, Verdicts
from model.training.stopping import StopSignal
from model.training.tokenizer_source import find_tokenizer, fingerprint_of, open_tokenizer
from model.training.validate import MakeAsked, validate
from schemas.command_line import next_command
from schemas.errors import LossNotFinite, OutputBusy, Preempted


def pretrain(config: PretrainConfig, ask: MakeAsked | None = None) -> Path:
    """Train, or go on training, and export; return the folder of the finished model.

    Args:
        config: the run.
        ask: prepares what each validation measures beside the losses; retrieval, from the command.

    Raises:
        UsageError, InputMissing, SchemaMismatch, ShardMismatch: flags, encoder, tokenizer or data that do not fit.
        CheckpointUnusable: no checkpoint of the output folder can be trusted or fits.
        LossNotFinite: several steps in a row were not finite; the last checkpoint is kept.
        OutOfMemory: a step or a validation batch did not fit.
        Preempted: a signal asked to stop; everything is saved.
    """
    config = config.resolved()
    device = choose_device(config.device)
    with process_group(device), StopSignal() as stop:
        make_repeatable(device)
        if config.threads:
            torch.set_num_threads(config.threads)
        trainer = Trainer(config, device, stop, ask)
        try:
            return trainer.run()
        finally:
            trainer.close()


def make_repeatable(device: torch.device) -> None:
    """On a CPU every operation gives the same bits each time; on a GPU matrix products may use TF32 in float32 parts."""
    if device.type == "cpu":
        torch.use_deterministic_algorithms(True)
        deterministic: Any = torch.utils.deterministic
        deterministic.fill_uninitialized_memory = False
    else:
        torch.set_float32_matmul_precision("high")


class Trainer:
    """One run: its model, data, log and checkpoints."""

    def __init__(
        self, config: PretrainConfig, device: torch.device, stop: StopSignal, ask: MakeAsked | None = None
    ) -> None:
        """Open everything, and go on from the newest checkpoint of the output folder if there is one."""
        self.config, self.device, self.stop = config, device, stop
        self.folder = Path(config.output)
        mirror = Mirror(config.mirror) if config.mirror else None
        if mirror is not None and config.resume == "auto":
            if is_main():
                mirror.fetch(self.folder / "checkpoints")
            barrier()
        found = checkpoints.find(self.folder / "checkpoints")
        if found and config.resume == "never":
            raise OutputBusy(
                f"{self.folder} already holds {found.folder.name}; pass --resume auto, or another --output"
            )
        self.tokenizer = open_tokenizer(find_tokenizer(config.tokenizer, config.encoder.source, config.data))
        encoder = load_encoder(
            config.encoder, vocab_size=len(self.tokenizer), pad_id=self.tokenizer.pad_token_id, seed=config.seed
        )
        check_lengths(encoder, config.stream.longest)
        special = SpecialTokens.from_tokenizer(self.tokenizer, position_offset=encoder.position_offset)
        cache = config.data_cache if is_url(config.data) else None
        self.data = TokenDataset(config.data, special, cache=cache, kept_bytes=int(config.data_cache_gb * 1e9))
        self.tokenizer_print = fingerprint_of(self.tokenizer)
        self.data.check_tokenizer(self.tokenizer_print)
        self.joint = JointModel(encoder, config).to(device)
        self.training = TrainingStep(self.joint, config, device)
        stream = TrainingStream(self.data, config.stream, seed=config.seed, rank=rank(), world_size=world_size())
        self.loader = StreamLoader(stream, num_workers=config.workers, pin_memory=device.type == "cuda")
        self.done, self.tokens_seen, self.bad = 0, 0, 0
        anew: list[str] = []
        if found:
            self._resume(found)
        elif config.init_from:
            anew = checkpoints.load_start(Path(config.init_from), self.joint)
        self.writer = CheckpointWriter(
            self.folder / "checkpoints",
            config.keep_checkpoints,
            background=config.save_in_background,
            keep_every=config.keep_every,
            mirror=mirror,
        )
        self.log = RunLog(self.folder, steps=config.steps, step=self.done)
        self.log.follow(config.track, asdict(config))
        self.asked = ask(self.joint, config, self.data) if ask is not None and is_main() else None
        self.peak, self.peak_from = peak_rate(device, torch.bfloat16 if self.training.mixed else torch.float32)
        self.meter, self.verdicts = Meter(self.peak), Verdicts(device)
        self._announce(found, anew)

    def run(self) -> Path:
        """Train to the last step, save, and export."""
        last = min(self.config.steps, self.done + (self.config.stop_after or self.config.steps))
        self.meter.restart()
        while self.done < last:
            with explain_out_of_memory(self.config):
                self._step()
            self._note(self.writer.finished())
            if self._asked_to_stop(everything=self.done == last):
                break
            if self.done % self.config.log_every == 0 or self.done == last:
                self.log.step(self.done, self.meter.read(self.device) | {"rate": self._rate()})
                self.meter.restart()
            if self.config.validate_every and self.done % self.config.validate_every == 0:
                self._validate()
            if self.done % self.config.save_every == 0 and self.done < last:
                self.save()
        self.save(last=True)
        if self.done < self.config.steps:
            raise Preempted(
                f"stopped after step {self.done} of {self.config.steps}, with everything saved in {self.folder}. "
                "The same command goes on from there"
            )
        return self._finish()

    def save(self, *, last: bool = False) -> None:
        """Take a checkpoint of the steps done; every rank must call it. The last one is on disk when this returns.

        Raises:
            StorageError: this one, or the one that was on its way, could not be written.
        """
        streams = [json.loads(text) for text in gather_text(json.dumps(self.loader.state_dict()), self.device)]
        if is_main():
            state = fitting_state(self.config, self.data.fingerprint, self.tokenizer_print)
            stream = merge_states(streams)
            state |= {"tokens_seen": self.tokens_seen, "bad_steps": self.bad, "stream": stream}
            self.log.rows(self.done, rows_read(stream), show=last)
            self._note(self.writer.save(self.done, self.joint, self.training.optimizer, state))
        if last:
            self._note(self.writer.wait())
            barrier()

    def close(self) -> None:
        """End the loader, let a checkpoint on its way come to disk, and close the log."""
        self.loader.close()
        self.writer.close()
        self.log.close()

    def _note(self, checkpoints_on_disk: list[Written]) -> None:
        for one in checkpoints_on_disk:
            self.log.event("checkpoint", step=one.step, stalled=round(one.stalled, 4), seconds=round(one.seconds, 4))

    def _step(self) -> None:
        batches, waited = self.loader.take(self.config.accumulation)
        result = self.training(batches, self.done, stop=self.stop.asked)
        ids = tuple(name for batch in batches for name in batch.row_ids)
        self.verdicts.push(self.done, ids, result.verdict)
        tokens = sum(batch.num_tokens for batch in batches)
        room = sum(len(batch.token_ids) for batch in batches)
        flops = sum(flops_by_hand(self.joint, batch).total for batch in batches)
        self.meter.add(result.sums, tokens=tokens, room=room, flops=flops, waited=waited)
        self.tokens_seen += tokens * world_size()
        self.done += 1

    def _validate(self) -> None:
        with explain_out_of_memory(self.config, validating=True):
            scores = validate(self.training, self.data, self.stop, self.asked)
        self.log.validation(self.done, scores)
        self.meter.restart()

    def _asked_to_stop(self, *, everything: bool) -> bool:
        """Read the verdicts that are due, alike on all ranks; count steps that were not sound."""
        asked = False
        for step, row_ids, sound, stop in self.verdicts.due(everything=everything):
            asked |= stop
            self.bad = 0 if sound else self.bad + 1
            if sound:
                continue
            rows = [json.loads(text) for text in gather_text(json.dumps(row_ids), self.device)]
            self.log.event("skipped", step=step, in_a_row=self.bad, row_ids=rows)
            if self.bad >= self.config.max_bad_steps:
                raise LossNotFinite(
                    f"loss or gradient was not finite in {self.bad} steps in a row, the last being step {step}; its rows "
                    f"are in {self.folder / LOG}. Their updates were skipped and the last checkpoint is kept. "
                    "Lower --optim.peak-rate, or use --precision fp32 to see whether bf16 is the cause"
                )
        return asked

    def _rate(self) -> float:
        return float(self.training.optimizer.param_groups[0]["lr"])

    def _resume(self, found: checkpoints.Checkpoint) -> None:
        state = found.state
        same_data = check_resumable(state, self.config, self.data.fingerprint, self.tokenizer_print, found.folder)
        checkpoints.load_model(found, self.joint)
        checkpoints.load_optimizer(found, self.joint, self.training.optimizer)
        self.done, self.tokens_seen, self.bad = state["step"], state["tokens_seen"], state["bad_steps"]
        if same_data:
            self.loader.load_state_dict(state["stream"])

    def _announce(self, found: checkpoints.Checkpoint | None, anew: list[str]) -> None:
        parameters = sum(parameter.numel() for parameter in self.joint.parameters())
        changes = redrawn(found.state, self.config) if found else []
        warnings = few_rows(self.data, self.config)
        self.log.event(
            "resume" if found else "start",
            **({"redrawn": changes} if changes else {}),
            **({"init_from": self.config.init_from, "anew": anew} if self.config.init_from and not found else {}),
            step=self.done,
            ranks=world_size(),
            device=str(self.device),
            threads=torch.get_num_threads(),
            torch=torch.__version__,
            parameters=parameters,
            peak_flops=self.peak,
            peak_from=self.peak_from,
            warnings=warnings,
            data=self.data.fingerprint,
        )
        if is_main():
            path = self.folder / CONFIG
            path.write_text(json.dumps(asdict(self.config), indent=1, ensure_ascii=False), encoding="utf-8")
            objectives = " + ".join(self.joint.objectives)
            start = f"resuming from {found.folder.name}" if found else "starting"
            if self.config.init_from and not found:
                start += f" from the weights of {self.config.init_from} ({len(anew)} tensors anew)"
            if changes:
                print(f"dropout is drawn otherwise from here on: {'; '.join(changes)}", flush=True)
            for warning in warnings:
                print(f"warning: {warning}", flush=True)
            print(
                f"{start}: {objectives} on {self.device} x {world_size()}, {parameters / 1e6:.1f} M parameters, "
                f"{self.config.stream.tokens_per_step:,} tokens per batch and rank",
                flush=True,
            )

    def _finish(self) -> Path:
        folder = self.folder / "model"
        if is_main():
            facts: dict[str, Any] = {"steps": self.done, "tokens_seen": self.tokens_seen, "ranks": world_size()}
            facts["results"] = logged_results(self.folder)
            export_model(self.joint, self.tokenizer, self.config, self.data.manifest, folder, facts)
            self.log.event("export", folder=str(folder.name))
            print(f"the finished model is in {folder}", flush=True)
            ask = ("--model", str(self.folder), "--data", str(self.config.data))
            print(next_command("model", "evaluate", "retrieval", *ask), flush=True)
        barrier()
        return folder
