"""A task's examples, from a local folder in the files of the public sets, or from the Hugging Face Hub through `datasets`.

`data` is a folder, or `hub` for the copies named in `tasks`, or `hub:NAME` or `hub:NAME@SUBSET` for another data set with
the same columns; `{language}` in SUBSET is filled in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from model.evaluation.sets.examples import Question, SentencePair, TaggedSentence
from model.evaluation.sets.folder import SetFolder, missing_file, open_folder
from model.evaluation.sets.forms import FORMS, Metric
from model.evaluation.sets.hub import pair_rows, question_rows, tagged_rows
from model.evaluation.sets.pairs import read_pairs
from model.evaluation.sets.questions import read_questions
from model.evaluation.sets.tagged import read_tagged
from model.evaluation.tasks import NER, QA, XNLI, HubSource, Task
from schemas.errors import InputCorrupt, InputMissing, UsageError

Row = TypeVar("Row", TaggedSentence, SentencePair, Question)

HUB = "hub"
HUB_SPLITS = {"train": "train", "dev": "validation", "test": "test"}


@dataclass(frozen=True)
class SetSource:
    """Which set a task is scored on, and where it lies."""

    task: Task
    data: str
    set: str
    """Name of the set, as results give it."""
    metric: Metric | None
    """Its metric; None for questions of a data set on the Hub that no known set lends its name."""
    folder: SetFolder | None
    """What lies in the folder; None for the Hub."""

    def languages(self) -> list[str]:
        """Languages of dev and test: those of the files, on the Hub those of the task."""
        return self.folder.languages() if self.folder else list(self.task.languages)

    def pairs(self) -> list[tuple[str, str]]:
        """Languages of context and question of the dev and test files; none on the Hub."""
        return self.folder.pairs() if self.folder else []

    def has_dev(self) -> bool:
        """Whether the set has dev files of its own; on the Hub it is believed to have them."""
        return self.folder is None or self.folder.has_dev()

    def has(self, language: str, split: str, question: str = "") -> bool:
        """Whether there is such a split; on the Hub it is believed to be there."""
        return self.folder is None or self.folder.find(language, split, question or language) is not None


def open_source(task: Task, data: str, wanted: str = "") -> SetSource:
    """Find the set of a task in a folder or on the Hub. Raises: UsageError where a folder holds several."""
    if not _on_hub(data):
        folder = open_folder(task.name, Path(data), wanted)
        return SetSource(task, data, folder.set, folder.form.metric, folder)
    known = {form.set: form.metric for form in FORMS if form.task == task.name}
    if data == HUB:
        return SetSource(task, data, next(iter(known)), next(iter(known.values())), None)
    name = wanted or data.removeprefix(f"{HUB}:")
    near = [known_name for known_name in known if _letters(known_name) in _letters(name)]
    metrics = {known[one] for one in near} or set(known.values())
    return SetSource(task, data, near[0] if near else name, metrics.pop() if len(metrics) == 1 else None, None)


def load_tagged(data: str, language: str, split: str, wanted: str = "") -> list[TaggedSentence]:
    """Sentences of one language and split of NER. Raises: as `open_source`, the file's search and the reader do."""
    return _load(open_source(NER, data, wanted), language, split, read_tagged, tagged_rows)


def load_pairs(data: str, language: str, split: str, wanted: str = "") -> list[SentencePair]:
    """Sentence pairs of one language and split of XNLI. Raises: as `load_tagged`."""
    training = split == "train"
    return _load(
        open_source(XNLI, data, wanted),
        language,
        split,
        lambda path: read_pairs(path, language, training=training),
        lambda rows, origin: pair_rows(rows, origin, training=training),
    )


def load_questions(data: str, language: str, split: str, wanted: str = "", question: str = "") -> list[Question]:
    """Questions about contexts of one language, asked in the same or another one. Raises: as `load_tagged`."""
    source = open_source(QA, data, wanted)
    return _load(
        source,
        language,
        split,
        lambda path: read_questions(path, language),
        lambda rows, origin: question_rows(rows, origin, language),
        question,
    )


def find_named(task: Task, folder: Path, names: Sequence[str]) -> Path:
    """Return the first of these files found, plain or `.gz`, in the folder, its sub-folders, or theirs.

    Raises: InputMissing with the names looked for, where the data comes from and under which licence.
    """
    places = [folder, folder / task.name, *sorted(p for p in folder.glob("*") if p.is_dir())]
    places += sorted(p for p in folder.glob(f"{task.name}/*") if p.is_dir())
    for name in names:
        for place in places:
            for path in (place / name, place / f"{name}.gz"):
                if path.is_file():
                    return path
    raise InputMissing(
        f"{folder}: found none of {', '.join(names)} (plain or .gz), here or in a sub-folder. {_origin(task)}"
    )


def _load(
    source: SetSource,
    language: str,
    split: str,
    read: Callable[[Path], list[Row]],
    convert: Callable[[Any, str], list[Row]],
    question: str = "",
) -> list[Row]:
    if source.folder is None:
        found, origin = _hub_rows(source, language, split)
        rows = convert(found, origin)
    else:
        path = source.folder.find(language, split, question or language)
        if path is None:
            raise missing_file(source.folder, language, split, _origin(source.task), question)
        rows, origin = read(path), str(path)
    if not rows:
        raise InputCorrupt(
            f"{origin}: no example of {source.set} in {language!r}, split {split!r}; is it the right file?"
        )
    return rows


def _hub_rows(source: SetSource, language: str, split: str) -> tuple[Any, str]:
    """Return a data set and what messages call it."""
    place = _hub_place(source, language, split)
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise UsageError("reading from the Hub needs the `datasets` package: pip install 'xlm-k[hub]'") from error
    subset = place.config.format(language=language) if place.config else None
    origin = f"data set {place.name!r} ({subset or 'default'}, {HUB_SPLITS[split]})"
    try:
        return load_dataset(place.name, subset, split=HUB_SPLITS[split], revision=place.revision), origin
    except Exception as error:
        # `datasets` raises a dozen kinds of its own and of its transport's errors; each means the same to the user.
        raise InputMissing(
            f"{origin} could not be loaded: {error}. {_origin(source.task)} A folder with the original files works too."
        ) from error


def _hub_place(source: SetSource, language: str, split: str) -> HubSource:
    if source.data != HUB:
        name, _, config = source.data.removeprefix(f"{HUB}:").partition("@")
        return HubSource(name=name, config=config or None)
    place = source.task.hub_source(language, split)
    if place is None:
        form = next(form for form in FORMS if form.task == source.task.name)
        name = form.patterns[-1].format(language=language, question=language, split=split)
        raise InputMissing(
            f"no copy of {source.task.name} in {language!r} may be taken from the Hub. "
            f"Source: {source.task.source}. Licence: {source.task.licence}. Give a folder with {name}."
        )
    return place


def _origin(task: Task) -> str:
    return f"It is part of: {task.data}. Source: {task.source}. Licence: {task.licence}."


def _on_hub(data: str) -> bool:
    return data == HUB or data.startswith(f"{HUB}:")


def _letters(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())
