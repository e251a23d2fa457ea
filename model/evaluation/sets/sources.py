"""Finds a task's data: in a local folder in its original files, or on the Hugging Face Hub through `datasets`.

`data` is a folder, or `hub` for the copies named in `tasks`, or `hub:NAME` or `hub:NAME@SUBSET` for another data set with
the same columns; `{language}` in SUBSET is filled in.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from model.evaluation.sets.examples import Question, SentencePair, TaggedSentence
from model.evaluation.sets.hub import pair_rows, question_rows, tagged_rows
from model.evaluation.sets.pairs import read_pairs
from model.evaluation.sets.questions import read_questions
from model.evaluation.sets.tagged import read_tagged
from model.evaluation.tasks import MLQA, NER, XNLI, HubSource, Task
from schemas.errors import InputCorrupt, InputMissing, UsageError

Row = TypeVar("Row", TaggedSentence, SentencePair, Question)

HUB = "hub"
HUB_SPLITS = {"train": "train", "dev": "validation", "test": "test"}


def load_tagged(data: str, language: str, split: str) -> list[TaggedSentence]:
    """Sentences of one language and split of NER. Raises: as `find_file` and the reader do."""
    return _load(NER, data, language, split, read_tagged, tagged_rows)


def load_pairs(data: str, language: str, split: str) -> list[SentencePair]:
    """Sentence pairs of one language and split of XNLI. Raises: as `find_file` and the reader do."""
    training = split == "train"
    return _load(
        XNLI,
        data,
        language,
        split,
        lambda path: read_pairs(path, language, training=training),
        lambda rows, origin: pair_rows(rows, origin, training=training),
    )


def load_questions(data: str, language: str, split: str) -> list[Question]:
    """Questions of one language and split of MLQA. Raises: as `find_file` and the reader do."""
    return _load(MLQA, data, language, split, read_questions, question_rows)


def find_file(task: Task, folder: Path, language: str, split: str) -> Path:
    """The file of one language and split, plain or `.gz`, in the folder, its sub-folders, or theirs.

    Raises: InputMissing with the names looked for, where the data comes from and under which licence.
    """
    names = task.file_names(language, split)
    return find_named(task, folder, names)


def find_named(task: Task, folder: Path, names: Sequence[str]) -> Path:
    """The first of these files found, plain or `.gz`. Raises: InputMissing as `find_file`."""
    places = [folder, folder / task.name, *sorted(p for p in folder.glob("*") if p.is_dir())]
    places += sorted(p for p in folder.glob(f"{task.name}/*") if p.is_dir())
    for name in names:
        for place in places:
            for path in (place / name, place / f"{name}.gz"):
                if path.is_file():
                    return path
    raise InputMissing(
        f"{folder}: found none of {', '.join(names)} (plain or .gz), here or in a sub-folder. "
        f"It is part of: {task.data}. Source: {task.source}. Licence: {task.licence}."
    )


def _load(
    task: Task,
    data: str,
    language: str,
    split: str,
    read: Callable[[Path], list[Row]],
    convert: Callable[[Any, str], list[Row]],
) -> list[Row]:
    if data == HUB or data.startswith(f"{HUB}:"):
        found, origin = _hub_rows(task, data, language, split)
        rows = convert(found, origin)
    else:
        path = find_file(task, Path(data), language, split)
        rows, origin = read(path), str(path)
    if not rows:
        raise InputCorrupt(
            f"{origin}: no example of {task.name} in {language!r}, split {split!r}; is it the right file?"
        )
    return rows


def _hub_rows(task: Task, data: str, language: str, split: str) -> tuple[Any, str]:
    """A data set and what messages call it."""
    source = task.hub_source(language, split)
    if data.startswith(f"{HUB}:"):
        name, _, config = data.removeprefix(f"{HUB}:").partition("@")
        source = HubSource(name=name, config=config or None)
    if source is None:
        raise InputMissing(
            f"no copy of {task.name} in {language!r} may be taken from the Hub. "
            f"Source: {task.source}. Licence: {task.licence}. Give a folder with {task.file_names(language, split)[0]}."
        )
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise UsageError("reading from the Hub needs the `datasets` package: pip install 'xlm-k[hub]'") from error
    subset = source.config.format(language=language) if source.config else None
    origin = f"data set {source.name!r} ({subset or 'default'}, {HUB_SPLITS[split]})"
    try:
        return load_dataset(source.name, subset, split=HUB_SPLITS[split], revision=source.revision), origin
    except Exception as error:
        # `datasets` raises a dozen kinds of its own and of its transport's errors; each means the same to the user.
        raise InputMissing(
            f"{origin} could not be loaded: {error}. "
            f"It is part of: {task.data}. Source: {task.source}. Licence: {task.licence}. "
            "A folder with the original files works too."
        ) from error
