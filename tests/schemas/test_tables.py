"""The contract: row types and schemas agree, and every change of it is seen."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import types
import typing
from pathlib import Path

import pyarrow as pa
import pytest

import schemas
from schemas import TABLES, TRIPLES, Table, Triple
from schemas.errors import SchemaMismatch

GOLDEN = Path(__file__).parent / "golden_schemas.txt"


def kind_matches(annotation: object, kind: pa.DataType) -> bool:
    """Tell whether an Arrow type is the one a Python annotation stands for."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is list:
        return pa.types.is_list(kind) and not kind.value_field.nullable and kind_matches(args[0], kind.value_type)
    if dataclasses.is_dataclass(annotation):
        return pa.types.is_struct(kind) and fields_match(annotation, list(kind))
    checks = {
        str: pa.types.is_string,
        int: pa.types.is_signed_integer,
        float: pa.types.is_float64,
        bool: pa.types.is_boolean,
    }
    return checks[annotation](kind)  # type: ignore[index]


def fields_match(row: type, columns: list[pa.Field]) -> bool:
    """Tell whether a row type's fields are the columns, in order, kind and nullability."""
    hints = typing.get_type_hints(row)
    if list(hints) != [column.name for column in columns]:
        return False
    for name, column in zip(hints, columns, strict=True):
        annotation = hints[name]
        optional = isinstance(annotation, types.UnionType) and type(None) in typing.get_args(annotation)
        if optional:
            (annotation,) = (arg for arg in typing.get_args(annotation) if arg is not type(None))
        if optional != column.nullable or not kind_matches(annotation, column.type):
            return False
    return True


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_row_type_and_schema_agree(table: Table) -> None:
    assert fields_match(table.row, list(table.columns))


def test_the_comparison_sees_a_difference() -> None:
    wrong = dataclasses.replace(
        TRIPLES, columns=TRIPLES.columns.set(0, pa.field("subject", pa.string(), nullable=True))
    )
    assert not fields_match(wrong.row, list(wrong.columns))


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_field_is_documented(table: Table) -> None:
    body = ast.parse(inspect.getsource(table.row)).body[0].body  # type: ignore[attr-defined]
    for field, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(field, ast.AnnAssign):
            documented = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
            assert documented, f"{table.row.__name__}.{field.target.id} has no docstring"  # type: ignore[union-attr]


def test_no_map_columns_because_datasets_cannot_read_them() -> None:
    def kinds(kind: pa.DataType) -> typing.Iterator[pa.DataType]:
        yield kind
        for i in range(kind.num_fields):
            yield from kinds(kind.field(i).type)

    for table in TABLES.values():
        for column in table.columns:
            assert not any(pa.types.is_map(kind) or pa.types.is_dictionary(kind) for kind in kinds(column.type))


def test_golden_print_of_all_schemas() -> None:
    """A change of the contract must show here: raise the table's version where older readers would misread it."""
    lines = []
    for table in TABLES.values():
        lines.append(
            f"{table.name} version {table.version}, folder {table.folder}/"
            + (f"<{table.partitioned_by}>/" if table.partitioned_by else "")
        )
        lines += [f"  {column}" for column in table.columns]
    text = "\n".join(lines) + "\n"
    assert text == GOLDEN.read_text(), f"the schemas changed; if that is meant, write this to {GOLDEN.name}:\n{text}"


def test_check_names_found_and_expected() -> None:
    TRIPLES.check(TRIPLES.schema, "here")
    with pytest.raises(SchemaMismatch, match="'entities' version 1, expected 'triples' version 1"):
        TRIPLES.check(schemas.ENTITIES.schema, "here")
    with pytest.raises(SchemaMismatch, match="version 1, expected 'triples' version 2"):
        dataclasses.replace(TRIPLES, version=2).check(TRIPLES.schema, "here")
    short = TRIPLES.schema.remove(3)
    with pytest.raises(SchemaMismatch, match="its columns differ"):
        TRIPLES.check(short, "here")


def test_batch_keeps_rows() -> None:
    rows = [Triple(subject="Q1", relation="P2", object="Q3", rank="normal")]
    assert [Triple(**row) for row in TRIPLES.batch(rows).to_pylist()] == rows
