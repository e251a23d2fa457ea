"""Statements of an item: which count, and the rows of `triples`, `literals` and `qualifiers` they become.

Wikidata's own rule for which statements are current ("truthy"): of a property's statements the preferred ones; if there
are none, the normal ones; deprecated ones never. It is applied whatever the values are, so that an unknown value of
preferred rank hides the normal values of its property.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from pipeline.wikidata.cleaning import text_array
from pipeline.wikidata.entity_json import AnyValue, EntityValue, FullStatement, Statement
from pipeline.wikidata.values import literal_of, value_of_snak
from schemas import LITERALS, QUALIFIERS, TRIPLES
from schemas.ids import MAX_ENTITY_NUMBER, is_item_id, is_property_id

AnyStatement = Statement | FullStatement
Claims = Mapping[str, Sequence[AnyStatement]]
"""The statements of an entity by property."""


def best_statements(statements: Sequence[AnyStatement]) -> Sequence[AnyStatement]:
    """Return the statements of one property that have its best rank: preferred if there are any, else normal."""
    ranks = [statement.rank for statement in statements]
    if "preferred" in ranks:
        return [statement for statement in statements if statement.rank == "preferred"]
    if "deprecated" in ranks:
        return [statement for statement in statements if statement.rank == "normal"]
    return statements


def item_of(value: object) -> str | None:
    """Id of the item a value names; None where it names none (a property, lexeme, form, sense, quantity, string, …)."""
    if not isinstance(value, (EntityValue, AnyValue)):
        return None
    name = value.id
    if value.kind == "item" and not name and value.number is not None:
        name = f"Q{value.number}" if 0 < value.number <= MAX_ENTITY_NUMBER else None
    return name if value.kind in ("item", None) and is_item_id(name) else None


def item_values(statements: Sequence[AnyStatement]) -> list[str]:
    """Items that the best-ranked of a property's statements name, in the dump's order."""
    values = (statement.mainsnak.datavalue for statement in best_statements(statements))
    return [item for data in values if data is not None and (item := item_of(data.value))]


class TripleColumns:
    """Rows of `triples`, gathered column by column."""

    def __init__(self, *, all_ranks: bool) -> None:
        """`all_ranks` keeps every statement with its rank, otherwise only the best of each property."""
        self._all_ranks = all_ranks
        self._columns: tuple[list[str], list[str], list[str], list[str]] = ([], [], [], [])
        self._seen = self._kept = self._literal = 0
        self._others: Counter[str] = Counter()

    @property
    def counts(self) -> Counter[str]:
        """Statements seen, and what became of them: the other counts add up to `statements_seen`."""
        usual = Counter(
            statements_seen=self._seen, statements_item_value=self._kept, statements_literal_value=self._literal
        )
        return +(usual + self._others)

    def add(self, subject: str, claims: Claims) -> None:
        """Add the statements of one item. This is the hottest loop of the job: every statement of Wikidata passes."""
        subjects, relations, objects, ranks = self._columns
        seen = other = 0
        before = len(objects)
        for relation, statements in claims.items():
            seen += len(statements)
            if not is_property_id(relation):
                other += self._count("statements_of_no_property", len(statements))
                continue
            if not self._all_ranks and (len(statements) != 1 or statements[0].rank == "deprecated"):
                chosen = best_statements(statements)
                other += self._count("statements_not_of_best_rank", len(statements) - len(chosen))
                statements = chosen
            for statement in statements:
                data = statement.mainsnak.datavalue
                if data is None:
                    other += self._count(_kind_without_value(statement))
                    continue
                value = data.value
                if type(value) is str:
                    continue
                if item := item_of(value):
                    objects.append(item)
                else:
                    other += self._count_other_entity(value)
                    continue
                relations.append(relation)
                ranks.append(statement.rank)
        added = len(objects) - before
        subjects += [subject] * added
        self._seen += seen
        self._kept += added
        self._literal += seen - added - other

    def _count_other_entity(self, value: Any) -> int:
        """Count a value that is an entity but no item; 0 for a literal."""
        kind = getattr(value, "kind", None)
        if kind is None:
            return 0
        return self._count(f"statements_{'unreadable_item' if kind == 'item' else kind}_value")

    def _count(self, what: str, n: int = 1) -> int:
        if n:
            self._others[what] += n
        return n

    def take(self) -> pa.RecordBatch:
        """Return the rows gathered since the last call."""
        arrays = [pa.array(column, pa.string()) for column in self._columns]
        self._columns = ([], [], [], [])
        return pa.RecordBatch.from_arrays(arrays, schema=TRIPLES.columns)


def _kind_without_value(statement: AnyStatement) -> str:
    kind = statement.mainsnak.snaktype
    return "statements_without_value" if kind == "value" else f"statements_{kind}"


def chosen_statements(claims: Claims, *, all_ranks: bool) -> Iterator[tuple[str, AnyStatement]]:
    """Yield (property, statement) for the statements that count, in the dump's order."""
    for relation, statements in claims.items():
        for statement in statements if all_ranks else best_statements(statements):
            yield relation, statement


class LiteralColumns:
    """Rows of `literals`, gathered row by row: the table is an option, not the hot path."""

    def __init__(self, *, all_ranks: bool) -> None:
        self._all_ranks = all_ranks
        self._rows: list[tuple[str | float | None, ...]] = []
        self.counts: Counter[str] = Counter()
        """Texts that had to be cleaned."""

    def add(self, subject: str, claims: Claims) -> None:
        """Add the statements of one item whose value is no entity."""
        for relation, statement in chosen_statements(claims, all_ranks=self._all_ranks):
            data = statement.mainsnak.datavalue
            literal = None if data is None or item_of(data.value) else literal_of(data.value)  # type: ignore[arg-type]
            if literal is not None:
                self._rows.append((subject, relation, statement.rank, *literal))

    def take(self) -> pa.RecordBatch:
        """Return the rows gathered since the last call."""
        batch = _value_batch(self._rows, LITERALS.columns, self.counts)
        self._rows = []
        return batch


class QualifierColumns:
    """Rows of `qualifiers`, gathered row by row: the table is an option, not the hot path."""

    def __init__(self, *, all_ranks: bool) -> None:
        self._all_ranks = all_ranks
        self._rows: list[tuple[str | float | None, ...]] = []
        self.counts: Counter[str] = Counter()
        """Qualifiers that became no row, and texts that had to be cleaned."""

    def add(self, subject: str, claims: Claims) -> None:
        """Add the qualifiers of one item's statements."""
        for relation, statement in chosen_statements(claims, all_ranks=self._all_ranks):
            qualifiers = getattr(statement, "qualifiers", None)
            if not isinstance(qualifiers, dict):
                continue
            for qualifier, snaks in qualifiers.items():
                for snak in snaks:
                    item = None if snak.datavalue is None else item_of(snak.datavalue.value)
                    found = value_of_snak(snak, item)
                    if found is None:
                        self.counts["qualifiers_of_other_kinds"] += 1
                        continue
                    self._rows.append((subject, relation, statement.id, qualifier, *found))  # type: ignore[union-attr]

    def take(self) -> pa.RecordBatch:
        """Return the rows gathered since the last call."""
        batch = _value_batch(self._rows, QUALIFIERS.columns, self.counts)
        self._rows = []
        return batch


def _value_batch(
    rows: Sequence[tuple[str | float | None, ...]], schema: pa.Schema, counts: Counter[str]
) -> pa.RecordBatch:
    """Rows of values as a batch; the values are cleaned."""
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = []
    for field, column in zip(schema, columns, strict=True):
        array, changed = text_array(column) if field.name == "value" else (pa.array(column, field.type), 0)
        counts["texts_cleaned"] += changed
        arrays.append(array)
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
