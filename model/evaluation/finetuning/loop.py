"""Fine-tunes on one language and tests on all, selecting the epoch in two ways, for several seeds.

After each epoch every language's dev set is scored. The epoch is selected once by the mean over all languages, as
XGLUE does, and once by the training language alone, which is what zero-shot transfer strictly allows; both are
reported. A stopped run goes on from its last finished epoch and ends with the same numbers.
"""

import math
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import nn

from model.evaluation.embedder import choose_device
from model.evaluation.finetuning.checkpoint import (
    SeedState,
    load_epoch,
    load_weights,
    read_state,
    save_epoch,
    save_weights,
    weights_name,
    write_state,
)
from model.evaluation.finetuning.features import Feature, like_length_batches, random_batches
from model.evaluation.finetuning.notes import other_languages, set_sizes
from model.evaluation.finetuning.optimizer import autocast, make_optimizer
from model.evaluation.finetuning.pretrained import longest_input
from model.evaluation.finetuning.rows import add_intervals, set_keys, split_rows
from model.evaluation.finetuning.task import EvaluationSet, FinetuneTask, set_name
from model.evaluation.finetuning.task_model import TaskModel
from model.evaluation.outcome_files import SetOutcomes, read_outcomes, write_outcomes
from model.evaluation.results import Results, Row, merge_seeds
from model.evaluation.sets.forms import language_of
from schemas.errors import LossNotFinite, UsageError

MEAN_DEV = "mean dev"
"""Selection by the mean dev score over all languages."""
LAST_EPOCH = "last epoch"
"""No selection, for want of dev sets."""
PREDICTIONS, OUTCOMES = "predictions", "outcomes.safetensors"


class Finetuning:
    """One task on one model: everything that the seeds share."""

    def __init__(self, task: FinetuneTask[Any, Any]) -> None:
        """Read all data, so that a missing file stops the run before it has trained."""
        self.task, self.config = task, task.config
        self.device = choose_device(self.config.device)
        if self.config.precision == "bf16" and self.device.type == "cpu":
            # Some virtual machines announce bf16 instructions that end the process when they are used.
            raise UsageError("precision bf16 needs a GPU; use --precision fp32 on a CPU")
        self.languages = self._languages()
        self.dev = {language: task.read(language, "dev") for language in self._dev_languages()}
        self.selections = self._selections()
        self.final_split = self.config.test_split if self.config.test_split == "test" else "dev"
        self.final = {
            set_name(language, question): self._final_set(language, question)
            for language, question in task.pairs(self.languages)
        }
        self.train = task.train_features()
        self.sizes = set_sizes(task, self.final_split, self.final.values(), len(self.train))
        for warning in self.sizes:
            print(f"warning: {warning}", file=sys.stderr, flush=True)

    def run(self) -> Results:
        """Run or resume every seed and join their scores."""
        states = [self.run_seed(seed) for seed in self.config.seeds]
        rows = merge_seeds([self._rows(state) for state in states])
        outcomes = [one for seed in self.config.seeds for one in self._outcomes(seed)]
        return Results(
            task=self.task.spec.name,
            model=self.config.model,
            primary_metric=self.task.spec.primary_metric,
            primary_keys={"selection": next(iter(self.selections)), "split": self.final_split, "language": "mean"},
            rows=add_intervals(rows, outcomes),
            outcomes=outcomes,
            notes=[*self._notes(), *dict.fromkeys(remark for state in states for remark in state.remarks)],
            config=asdict(self.config),
            data=self.task.data_facts() | {"languages": self.languages},
            stand_in=self.config.train_split != "train",
        )

    def run_seed(self, seed: int) -> SeedState:
        """Train one seed to the end, from where its folder says it stopped."""
        folder = self._folder(seed)
        folder.mkdir(parents=True, exist_ok=True)
        state = read_state(folder, self.config)
        if state.final is not None:
            return state
        run = SeedRun(self, seed, folder, state)
        while state.epochs_done < self.config.epochs:
            run.epoch()
        run.finish()
        return state

    def _folder(self, seed: int) -> Path:
        return Path(self.config.output) / self.task.spec.name / f"seed-{seed}"

    def _outcomes(self, seed: int) -> list[SetOutcomes]:
        """Return what came out for every example of a finished seed; nothing for one finished before that was kept."""
        path = self._folder(seed) / PREDICTIONS / OUTCOMES
        return read_outcomes(path) if path.is_file() else []

    def _languages(self) -> list[str]:
        """Languages to test on: those asked for, or all that there are."""
        if self.config.languages:
            return [language_of(language) or language for language in self.config.languages]
        # Where nothing is found, reading the training language names the files that were looked for.
        return self.task.source.languages() or [self.config.train_language]

    def _dev_languages(self) -> list[str]:
        """Languages with a dev set: all of them, or for a set without dev that of the training language, if any."""
        own = self.config.train_language
        wanted = self.task.source.has_dev() or self.config.test_split == "none"
        languages = self.languages if wanted else []
        return list(dict.fromkeys([*languages, *([own] if self.task.source.has(own, "dev") else [])]))

    def _selections(self) -> dict[str, list[str]]:
        """How the epoch is selected: by the mean over the dev sets of all languages, by training language, or not."""
        own = self.config.train_language
        selections = {MEAN_DEV: self.languages} if set(self.languages) <= set(self.dev) else {}
        selections |= {f"{own} dev": [own]} if own in self.dev else {}
        return selections or {LAST_EPOCH: []}

    def _final_set(self, language: str, question: str) -> EvaluationSet[Any]:
        if self.final_split == "dev" and language == question:
            return self.dev[language]
        return self.task.read(language, self.final_split, question if question != language else "")

    def _rows(self, state: SeedState) -> list[Row]:
        rows = []
        for selection in self.selections:
            final = (state.final or {})[selection]
            if self.final_split != "dev" and self.dev:
                dev = state.history[state.best[selection] - 1]["dev"]
                rows += split_rows({"selection": selection, "split": "dev"}, dev, self.languages)
            keys = {"selection": selection, "split": self.final_split}
            rows += split_rows(keys, final, self.languages, list(self.final.values()))
        return rows

    def _notes(self) -> list[str]:
        notes = []
        if self.config.train_split != "train":
            notes.append(
                f"the {self.config.train_language} dev set stood in for the training set: "
                "a test of the machinery, to be compared with nothing"
            )
        for name, what in (("max_train", "training examples"), ("max_test", "dev and test examples per language")):
            if limit := getattr(self.config, name):
                notes.append(f"at most {limit:,} {what}: not comparable with published scores")
        if self.final_split == "dev":
            notes.append("no test split: the scores are those of dev, on which the epoch was selected")
        if MEAN_DEV not in self.selections:
            by = next(iter(self.selections))
            notes.append(
                f"{self.task.source.set} has no dev sets in the languages of its test: the epoch is that of {by}"
            )
        notes += [*self.sizes, *other_languages(self.task, self.languages)]
        return [*notes, *self.task.data_notes(self.final.values())]


class SeedRun:
    """One seed in training."""

    def __init__(self, shared: Finetuning, seed: int, folder: Path, state: SeedState) -> None:
        """Make the model, or load it where the folder has an epoch."""
        self.shared, self.task, self.config = shared, shared.task, shared.config
        self.seed, self.folder, self.state = seed, folder, state
        self.keys: dict[str, str] = {}
        self.outcomes: list[SetOutcomes] = []
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.model: Any = self.task.make_model().to(shared.device)
        if self.config.max_length > (longest := longest_input(self.model)):
            raise UsageError(
                f"max_length is {self.config.max_length}, but {self.config.model} reads at most {longest} tokens; "
                f"use --max-length {longest}"
            )
        packed, pad_id = self.config.batches == "packed", self.task.tokenizer.pad_token_id
        self.task_model = TaskModel(self.model, self.task.level, pad_id, packed=packed)
        state.remarks = self.task_model.remarks
        self.optimizer = make_optimizer(self.model, self.config)
        if state.epochs_done:
            load_epoch(self.model, self.optimizer, folder, state.epochs_done)

    def epoch(self) -> None:
        """Train one epoch, score every dev set, keep the weights if they are the best so far, save."""
        number = self.state.epochs_done + 1
        loss = self._train(number)
        dev = {language: self._evaluate(examples) for language, examples in self.shared.dev.items()}
        self.state.history.append({"epoch": number, "loss": loss, "dev": dev})
        for selection, languages in self.shared.selections.items():
            best = self.state.best.get(selection)
            if best is None or not languages or self._dev_score(number, languages) > self._dev_score(best, languages):
                self.state.best[selection] = number
                save_weights(self.model, self.folder / weights_name(selection))
        self.state.epochs_done = number
        save_epoch(self.model, self.optimizer, self.folder, self.state)
        progress = f"{self.task.spec.name} seed {self.seed} epoch {number}/{self.config.epochs}: loss {loss:.4f}"
        if languages := next(iter(self.shared.selections.values())):
            progress += f", dev {self.task.spec.primary_metric} {self._dev_score(number, languages):.4f}"
        print(progress, file=sys.stderr, flush=True)

    def finish(self) -> None:
        """Test the selected epochs, write their predictions, and mark the seed finished."""
        final: dict[str, Any] = {}
        for selection in self.shared.selections:
            load_weights(self.model, self.folder / weights_name(selection))
            predictions = self.folder / PREDICTIONS / selection.replace(" ", "-")
            self.keys = {"selection": selection, "split": self.shared.final_split}
            final[selection] = {
                name: self._evaluate(examples, predictions) for name, examples in self.shared.final.items()
            }
        write_outcomes(self.outcomes, self.folder / PREDICTIONS / OUTCOMES)
        self.state.final = final
        write_state(self.folder, self.state)
        if not self.config.keep_checkpoints:
            for path in self.folder.glob("*.safetensors"):
                path.unlink()

    def _train(self, epoch: int) -> float:
        features, losses = self.shared.train, []
        batches = self._epoch_batches(epoch)
        total = len(batches) * self.config.epochs
        self.model.train()
        with torch.random.fork_rng():
            # One seed per epoch, so that a run that stopped after an epoch draws the same dropout afterwards.
            torch.manual_seed(self.seed * 1009 + epoch)
            for batch in batches:
                losses.append(self._step([features[i] for i in batch], 1 - self.state.step / total))
                self.state.step += 1
        return fmean(losses)

    def _epoch_batches(self, epoch: int) -> list[list[int]]:
        """Return inputs of each optimizer step; where padding costs, of like length."""
        lengths, size = [len(f.token_ids) for f in self.shared.train], self.config.batch_size
        if self.task_model.packed:
            return random_batches(len(lengths), size, self.seed, epoch)
        return like_length_batches(lengths, size, self.seed, epoch)

    def _step(self, features: Sequence[Feature], decay: float) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * decay
        self.optimizer.zero_grad(set_to_none=True)
        total, value = sum(map(self.task.num_losses, features)), 0.0
        for part in self._parts(features):
            value += self._gradients([features[i] for i in part], total)
        if not math.isfinite(value):
            raise LossNotFinite(f"loss is {value} at step {self.state.step}; lower the learning rate or use fp32")
        nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        self.optimizer.step()
        return value

    def _gradients(self, features: Sequence[Feature], total: int) -> float:
        """Add the gradients of a part of a step; the step's loss is the mean over `total` losses of all its parts."""
        with autocast(self.config, self.shared.device):
            loss = self.task.losses(self.task_model.scores(features), features).sum() / total
        loss.backward()
        return float(loss.detach())

    def _parts(self, features: Sequence[Feature]) -> list[list[int]]:
        return self.task_model.parts([len(f.token_ids) for f in features], self.config.batch_tokens)

    def _evaluate(self, examples: EvaluationSet[Any], predictions: Path | None = None) -> dict[str, float]:
        scored = self.task.score(examples, self._predict(examples.features))
        if predictions is not None:
            self.task.write_predictions(scored, predictions, examples.name)
            self.outcomes.append(SetOutcomes({**self.keys, **set_keys(examples)}, self.seed, scored.outcomes))
        return scored.measures

    @torch.no_grad()
    def _predict(self, features: Sequence[Feature]) -> list[Any]:
        self.model.eval()
        decoded: list[Any] = [None] * len(features)
        for part in self._parts(features):
            chosen = [features[i] for i in part]
            with autocast(self.config, self.shared.device):
                scores = self.task_model.scores(chosen)
            for index, one in zip(part, self.task.decode(scores, chosen), strict=True):
                decoded[index] = one
        return decoded

    def _dev_score(self, epoch: int, languages: Sequence[str]) -> float:
        dev = self.state.history[epoch - 1]["dev"]
        return fmean(dev[language][self.task.spec.primary_metric] for language in languages)
