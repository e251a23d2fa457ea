"""Reads facts, labels and cloze templates: the project's own three files, mLAMA, and mParaRel.

mLAMA 1.1: a folder for each language with `P36.jsonl` (obj_uri, obj_label, sub_uri, sub_label) and `templates.jsonl` (relation,
template). mParaRel: `tuples/xx/P36.jsonl`, rows of the same form, and `patterns/xx/P36.jsonl` (pattern), several for a relation.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from model.evaluation.ranking.facts import OBJECT, SUBJECT, Fact, Knowledge
from model.evaluation.ranking.labels import Labels, read_label_file
from model.evaluation.sets.sources import find_named
from model.evaluation.sets.text import read_text
from model.evaluation.tasks import PROBING
from schemas.errors import InputCorrupt, InputMissing

TEMPLATES = "templates.jsonl"
_COLUMNS = ("sub_uri", "obj_uri", "sub_label", "obj_label")


def read_knowledge(folder: Path) -> Knowledge:
    """Read what lies in a folder. Raises: InputMissing with source and licence; InputCorrupt with file and line."""
    for name, tuples, patterns in (
        ("mParaRel", "tuples/*/P*.jsonl", "patterns/*/P*.jsonl"),
        ("mLAMA", "*/P*.jsonl", ""),
    ):
        root = _root(folder, tuples)
        if root is not None:
            facts, labels = _read_tuples(root, tuples)
            templates, notes = (_read_patterns(root, patterns), ()) if patterns else _read_mlama_templates(root)
            return Knowledge(facts, labels, templates, name, notes)
    files = {name: find_named(PROBING, folder, names) for name, names in PROBING.files.items()}
    return Knowledge(
        facts=_read_triples(files["triples"]),
        labels=read_label_file(files["labels"]),
        templates=read_templates(files["patterns"]),
    )


def _root(folder: Path, pattern: str) -> Path | None:
    """Find the folder itself, or one below it, that has such files."""
    for root in (folder, *sorted(path for path in folder.glob("*") if path.is_dir())):
        if next(_files(root, pattern), None) is not None:
            return root
    return None


def _files(root: Path, pattern: str) -> Iterator[Path]:
    found = [*root.glob(pattern), *root.glob(f"{pattern}.gz")]
    return (path for path in sorted(found) if _relation(path)[1:].isdecimal())


def _relation(path: Path) -> str:
    return path.name.split(".")[0]


def _read_tuples(root: Path, pattern: str) -> tuple[list[Fact], Labels]:
    """Facts of all languages, each once, and the labels that the files give their entities."""
    facts: dict[Fact, None] = {}
    labels: Labels = {}
    for path in _files(root, pattern):
        language = path.parent.name
        for place, row in _rows(path):
            if not all(isinstance(row.get(name), str) for name in _COLUMNS):
                raise InputCorrupt(f"{place}: found {str(row)[:80]}, expected {', '.join(_COLUMNS)}")
            subject, target = (row[name].rsplit("/", 1)[-1] for name in ("sub_uri", "obj_uri"))
            if not all(entity[:1] == "Q" and entity[1:].isdecimal() for entity in (subject, target)):
                raise InputCorrupt(f"{place}: found {subject!r} and {target!r}, expected two items such as Q64")
            if not (row["sub_label"].strip() and row["obj_label"].strip()):
                raise InputCorrupt(f"{place}: found an empty label; blanked sets cannot be scored")
            facts[Fact(subject, _relation(path), target)] = None
            for entity, label in ((subject, row["sub_label"]), (target, row["obj_label"])):
                labels.setdefault(entity, {}).setdefault(language, label)
    return list(facts), labels


def _read_patterns(root: Path, pattern: str) -> dict[tuple[str, str], list[str]]:
    templates: dict[tuple[str, str], list[str]] = {}
    for path in _files(root, pattern):
        for place, row in _rows(path):
            own = templates.setdefault((path.parent.name, _relation(path)), [])
            own.append(_template(row.get("pattern"), place))
    if not templates:
        raise InputMissing(f"{root}: found tuples and no patterns; mParaRel has them in patterns/xx/P36.jsonl")
    return templates


def _read_mlama_templates(root: Path) -> tuple[dict[tuple[str, str], list[str]], tuple[str, ...]]:
    """One template for each relation, and what was left out: templates that the set's own reader calls invalid, and those of
    GoogleRE, whose entities have no Wikidata ids."""
    templates: dict[tuple[str, str], list[str]] = {}
    invalid, others = 0, set[str]()
    for path in sorted([*root.glob(f"*/{TEMPLATES}"), *root.glob(f"*/{TEMPLATES}.gz")]):
        for place, row in _rows(path):
            relation, text = row.get("relation"), row.get("template")
            if not isinstance(relation, str) or not isinstance(text, str):
                raise InputCorrupt(f"{place}: expected relation and template, found {str(row)[:80]}")
            if not (relation[:1] == "P" and relation[1:].isdecimal()):
                others.add(relation)
            elif _is_template(text):
                templates[path.parent.name, relation] = [text]
            else:
                invalid += 1
    if not templates:
        raise InputMissing(
            f"{root}: found facts and no {TEMPLATES} beside them; mLAMA has one in each language's folder"
        )
    notes = [f"{invalid:,} templates without one {SUBJECT} and one {OBJECT} are left out"] if invalid else []
    notes += [f"relations without Wikidata ids are left out: {', '.join(sorted(others))}"] if others else []
    return templates, tuple(notes)


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputCorrupt(f"{place}: expected an object of JSON: {error}") from error
        if not isinstance(row, dict):
            raise InputCorrupt(f"{place}: found {line[:60]!r}, expected an object of JSON")
        yield place, row


def _is_template(text: str) -> bool:
    return text.count(SUBJECT) == text.count(OBJECT) == 1


def _template(text: Any, place: str) -> str:
    if not isinstance(text, str) or not _is_template(text):
        raise InputCorrupt(f"{place}: the template {text!r} needs one {SUBJECT} and one {OBJECT}")
    return text


def _read_triples(path: Path) -> list[Fact]:
    facts = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        columns = line.split()
        if columns and len(columns) != 3:
            raise InputCorrupt(f"{path}, line {number}: found {line[:60]!r}, expected subject, relation, object")
        if columns:
            facts.append(Fact(*columns))
    return facts


def read_templates(path: Path) -> dict[tuple[str, str], list[str]]:
    """Read templates by language and relation. Raises: InputCorrupt with the line."""
    templates: dict[tuple[str, str], list[str]] = {}
    for place, row in _rows(path):
        if not all(isinstance(row.get(name), str) for name in ("language", "relation", "pattern")):
            raise InputCorrupt(f"{place}: expected language, relation and pattern, found {str(row)[:80]}")
        templates.setdefault((row["language"], row["relation"]), []).append(_template(row["pattern"], place))
    return templates
