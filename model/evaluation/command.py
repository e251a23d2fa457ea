"""`python -m model evaluate TASK`: flags to a configuration, a task to its results.

Only configurations are imported here, so that help is quick; what computes is imported by `evaluate`.
"""

import difflib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.evaluation.finetuning.config import FinetuneConfig, NerConfig, QaConfig, XnliConfig
from model.evaluation.ranking.config import AlignmentConfig, BitextConfig, ProbingConfig, RetrievalConfig
from model.evaluation.tasks import TASKS
from schemas.command_line import parse_flags
from schemas.errors import UsageError

if TYPE_CHECKING:
    from model.evaluation.results import Results

PROG = "python -m model evaluate"

EvaluateConfig = NerConfig | XnliConfig | QaConfig | ProbingConfig | RetrievalConfig | AlignmentConfig | BitextConfig

CONFIGS: dict[str, type[EvaluateConfig]] = {
    "ner": NerConfig,
    "xnli": XnliConfig,
    "qa": QaConfig,
    "probing": ProbingConfig,
    "retrieval": RetrievalConfig,
    "alignment": AlignmentConfig,
    "bitext": BitextConfig,
}


SYNONYMS = {"mlqa": "qa"}
"""Former names of tasks."""


def parse(flags: list[str]) -> EvaluateConfig:
    """Make the configuration of a task from its name and flags. Raises: UsageError for no or an unknown task."""
    if not flags or flags[0] in ("-h", "--help"):
        print(overview())
        raise SystemExit(0)
    name, *rest = flags
    name = SYNONYMS.get(name, name)
    if name not in CONFIGS:
        near = difflib.get_close_matches(name, CONFIGS, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UsageError(f"there is no task {name!r}.{hint}\n{overview()}")
    task = TASKS[name]
    return parse_flags(
        CONFIGS[name],
        rest,
        prog=f"{PROG} {name}",
        description=f"{task.summary}. Data: {task.data}. Protocol: {task.protocol}. Primary metric: "
        f"{task.primary_metric}. Licence: {task.licence}.".replace("%", "%%"),
    )


def overview() -> str:
    """Return the tasks, one a line."""
    width = max(map(len, CONFIGS))
    lines = [f"  {name:<{width}}  {TASKS[name].summary}" for name in CONFIGS]
    return "\n".join([f"usage: {PROG} TASK --model FOLDER-OR-HUB-NAME --data FOLDER [--flags …]", "", *lines])


def run(config: EvaluateConfig) -> None:
    """Evaluate, print the table, and write the results as JSON."""
    from model.evaluation.results import format_results

    config = replace(config, output=str(output_folder(config.output, config.model)))
    results = evaluate(config)
    path = results.write(Path(config.output))
    print(format_results(results))
    print(f"\nwritten to {path}")


def evaluate(config: EvaluateConfig) -> "Results":
    """Run the task that a configuration belongs to. Raises: the errors of the task."""
    config = replace(config, model=model_folder(config.model))
    if isinstance(config, FinetuneConfig):
        return _finetune(config)
    if isinstance(config, RetrievalConfig):
        from model.evaluation.ranking.retrieval import run_retrieval

        return run_retrieval(config)
    if isinstance(config, AlignmentConfig):
        from model.evaluation.ranking.alignment import run_alignment

        return run_alignment(config)
    if isinstance(config, BitextConfig):
        from model.evaluation.ranking.bitext import run_bitext

        return run_bitext(config)
    from model.evaluation.ranking.probing import run_probing

    return run_probing(config)


def model_folder(source: str) -> str:
    """Return the finished model of a run where a run's folder is named, otherwise the name as it is."""
    inner = Path(source) / "model"
    is_run = not (Path(source) / "config.json").exists() and (inner / "config.json").exists()
    return str(inner) if is_run else source


def output_folder(output: str, model: str) -> Path:
    """Return the folder asked for; else `evaluation` in the run's folder where a run is named, else `runs/evaluate`."""
    if output:
        return Path(output)
    run = Path(model_folder(model)).parent
    return run / "evaluation" if (run / "log.jsonl").is_file() else Path("runs/evaluate")


def _finetune(config: FinetuneConfig) -> "Results":
    from model.evaluation.finetuning.loop import Finetuning
    from model.evaluation.finetuning.ner import NerTask
    from model.evaluation.finetuning.qa import QaTask
    from model.evaluation.finetuning.task import FinetuneTask
    from model.evaluation.finetuning.xnli import XnliTask
    from model.training.tokenizer_source import open_tokenizer

    tasks: dict[type, type[FinetuneTask[Any, Any]]] = {NerConfig: NerTask, XnliConfig: XnliTask, QaConfig: QaTask}
    return Finetuning(tasks[type(config)](config, open_tokenizer(config.model))).run()
