"""What sets lie in a folder: files by set, split and language, found by their published names."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from model.evaluation.sets.forms import CONLL_SPLITS, FORMS, Form, Match, match_path, three_letters
from model.evaluation.sets.pairs import pair_languages
from model.evaluation.sets.questions import question_languages
from schemas.errors import InputMissing, UsageError

DEPTH = 3
"""Folders below the named one that are looked into."""
_FOLDERS = {
    "ner": ("ner", "conll", "panx", "pan-x", "wikiann", "wikineural", "masakhaner"),
    "xnli": ("xnli", "myxnli", "multinli"),
    "qa": ("qa", "mlqa", "xquad", "tydiqa", "squad"),
}
"""Names of folders by task, as XTREME and the sets themselves have them."""


@dataclass(frozen=True)
class SetFile:
    """One file and what it holds."""

    path: Path
    form: Form
    rank: int
    split: str
    language: str
    """Of the context, for questions."""
    question: str
    """Language of the question; that of the context for every other task."""


@dataclass(frozen=True)
class SetFolder:
    """The files of one task in a folder, one set of them chosen, the others at hand for training."""

    task: str
    folder: Path
    set: str
    files: tuple[SetFile, ...]

    @property
    def form(self) -> Form:
        """The form of the chosen set."""
        return next(form for form in FORMS if form.task == self.task and form.set == self.set)

    def languages(self) -> list[str]:
        """Languages of the chosen set's dev and test files, for questions those of the contexts."""
        return sorted({file.language for file in self.files if self._is_tested(file)})

    def pairs(self) -> list[tuple[str, str]]:
        """Languages of context and question of the chosen set's dev and test files."""
        return sorted({(file.language, file.question) for file in self.files if self._is_tested(file)})

    def has_dev(self) -> bool:
        """Whether the chosen set has dev files of its own."""
        return any(file.form.set == self.set and file.split == "dev" for file in self.files)

    def find(self, language: str, split: str, question: str | None = None) -> Path | None:
        """Return the file of a language and split; for training and for want of a dev set, that of another set will do."""
        own = [
            file
            for file in self.files
            if (file.language, file.split, file.question) == (language, split, question or language)
        ]
        chosen = [file for file in own if file.form.set == self.set] or ([] if split == "test" else own)
        return min(chosen, key=lambda file: (file.rank, str(file.path))).path if chosen else None

    def _is_tested(self, file: SetFile) -> bool:
        return file.form.set == self.set and file.split != "train"


def open_folder(task: str, folder: Path, wanted: str = "") -> SetFolder:
    """Look for the files of a task, and choose the one set that can be tested, or the one that is wanted.

    Raises: InputMissing where there is none; UsageError where there are several, or not the wanted one.
    """
    files = tuple(_files(task, folder))
    testable = sorted({file.form.set for file in files if file.split != "train"})
    sets = [name for name in testable if not _trains_only(task, name)] or testable
    known = list(dict.fromkeys(form.set for form in FORMS if form.task == task))
    if wanted:
        names = {name.lower(): name for name in known}
        if wanted.lower() not in names:
            raise UsageError(f"there is no set {wanted!r} of {task}; there are {', '.join(known)}")
        sets = [names[wanted.lower()]]
    if len(sets) > 1:
        raise UsageError(f"{folder} holds {' and '.join(sets)}: name the one to score with --set")
    return SetFolder(task, folder, sets[0] if sets else known[0], files)


def missing_file(found: SetFolder, language: str, split: str, about: str, question: str | None = None) -> InputMissing:
    """Return the error for a file that is not there: the names looked for, what is there, and `about`, where it comes from."""
    forms = [form for form in FORMS if form.task == found.task and (form.set == found.set or split == "train")]
    fields = {"language": language, "question": question or language, "split": split}
    names = [pattern.format(**fields) for form in forms if form.split in (None, split) for pattern in form.patterns]
    if found.set == "CoNLL" and (code := three_letters(language)):
        names.append(f"{code}.{CONLL_SPLITS[split]}")
    there = sorted({file.language for file in found.files if file.split == split})
    has = f" It has {split} in {', '.join(there)}." if there else ""
    return InputMissing(
        f"{found.folder}: found no {split} file of {found.set} in {language!r}, such as {' or '.join(names)} "
        f"(plain or .gz), here or in a sub-folder.{has} {about}"
    )


def _trains_only(task: str, name: str) -> bool:
    return all(form.training_only for form in FORMS if (form.task, form.set) == (task, name))


def _files(task: str, folder: Path) -> Iterator[SetFile]:
    for path in walk(folder, DEPTH, _foreign(task)):
        relative = path.relative_to(folder.parent).as_posix() if folder.parent != folder else path.as_posix()
        for match in match_path(relative, task):
            yield from _set_files(path, match)


def _set_files(path: Path, match: Match) -> Iterator[SetFile]:
    languages: Sequence[str] = [match.language] if match.language else _languages_inside(path, path.stat().st_mtime_ns)
    for language in languages:
        yield SetFile(path, match.form, match.rank, match.split, language, match.question or language)


@lru_cache(maxsize=64)
def _languages_inside(path: Path, changed: int) -> tuple[str, ...]:
    """Languages that a file of several says it holds; `changed` is the time it was written, for the cache alone."""
    read = question_languages if path.name.removesuffix(".gz").endswith(".json") else pair_languages
    return tuple(read(path))


def walk(folder: Path, depth: int, foreign: Sequence[str] = ()) -> Iterator[Path]:
    """Files of a folder and of `depth` folders below, in order; folders whose names begin with one of `foreign` are left out."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.is_file():
            yield path
        elif depth and path.is_dir() and not path.name.lower().startswith(tuple(foreign)):
            yield from walk(path, depth - 1, foreign)


def _foreign(task: str) -> list[str]:
    """Beginnings of the names of folders that belong to other tasks."""
    own = _FOLDERS[task]
    return [name for other, names in _FOLDERS.items() if other != task for name in names if not name.startswith(own)]
