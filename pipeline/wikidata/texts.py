"""The column `texts` of `entities` and `relations`: labels, short descriptions and aliases by language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import pyarrow as pa

from pipeline.wikidata.cleaning import text_array
from pipeline.wikidata.entity_json import MAX_LANGUAGE_FIELDS
from schemas.texts import RELATION_TEXT, TEXT


class TextColumns:
    """Texts of many entities, gathered column by column.

    Decoded texts come in one of two shapes: with some languages as attributes, or with all of them in a dictionary.
    """

    def __init__(self, languages: Sequence[str] | None) -> None:
        """`languages` are the label codes to keep, sorted; None keeps all."""
        self.fields = tuple(languages) if languages is not None and len(languages) <= MAX_LANGUAGE_FIELDS else None
        """Codes that the decoder makes attributes of; None for dictionaries."""
        self._wanted = None if languages is None else frozenset(languages)
        self._nothing = (None,) * len(self.fields or ())
        self._get: Callable[[Any], tuple[Any, ...]] = _getter(len(self.fields or ()))
        self.counts: Counter[str] = Counter()
        """Texts that had to be cleaned."""
        self._start()

    def _start(self) -> None:
        self._languages: list[str] = []
        self._labels: list[str | None] = []
        self._descriptions: list[str | None] = []
        self._aliases: list[str] = []
        self._alias_ends: list[int] = [0]
        self._ends: list[int] = [0]

    def add(self, labels: Any, descriptions: Any, aliases: Any) -> None:
        """Add the texts of one entity; each argument may be None, or a list where the dump has `[]` for `{}`."""
        if self.fields is None:
            self._add_dictionaries(
                *(given if isinstance(given, dict) else {} for given in (labels, descriptions, aliases))
            )
        else:
            self._add_fields(labels, descriptions, aliases)
        self._ends.append(len(self._languages))

    def _add_fields(self, labels: Any, descriptions: Any, aliases: Any) -> None:
        nothing, get = self._nothing, self._get
        per_language = zip(
            self.fields or (),
            nothing if labels is None or type(labels) is list else get(labels),
            nothing if descriptions is None or type(descriptions) is list else get(descriptions),
            nothing if aliases is None or type(aliases) is list else get(aliases),
            strict=True,
        )
        for language, label, description, names in per_language:
            if label is None and description is None and not names:
                continue
            self._languages.append(language)
            self._labels.append(None if label is None else label.value or None)
            self._descriptions.append(None if description is None else description.value or None)
            if names:
                self._aliases += [name.value for name in names if name.value]
            self._alias_ends.append(len(self._aliases))

    def _add_dictionaries(self, labels: dict[str, Any], descriptions: dict[str, Any], aliases: dict[str, Any]) -> None:
        languages = labels.keys() | descriptions.keys() | aliases.keys()
        if self._wanted is not None:
            languages &= self._wanted
        for language in sorted(languages):
            label, description = labels.get(language), descriptions.get(language)
            names = [name.value for name in aliases.get(language) or () if name.value]
            if label is None and description is None and not names:
                continue
            self._languages.append(language)
            self._labels.append(None if label is None else label.value or None)
            self._descriptions.append(None if description is None else description.value or None)
            self._aliases += names
            self._alias_ends.append(len(self._aliases))

    def take(self) -> pa.ListArray:
        """Return the column of the entities added since the last call."""
        columns = []
        for strings in (self._labels, self._descriptions, self._aliases):
            column, changed = text_array(strings)
            self.counts["texts_cleaned"] += changed
            columns.append(column)
        column = texts_column(
            pa.array(self._languages, pa.string()),
            *columns,
            alias_ends=pa.array(self._alias_ends, pa.int32()),
            ends=pa.array(self._ends, pa.int32()),
        )
        self._start()
        return column


LIST_OF_TEXTS = pa.list_(pa.field("item", TEXT, nullable=False))


def texts_column(
    languages: pa.StringArray,
    labels: pa.StringArray,
    descriptions: pa.StringArray,
    aliases: pa.StringArray,
    *,
    alias_ends: pa.Int32Array,
    ends: pa.Int32Array,
) -> pa.ListArray:
    """Put the column `texts` together of columns of clean strings.

    Args:
        languages, labels, descriptions: by row, a row being an entity in a language.
        aliases: all of them, one row's behind the other's.
        alias_ends: how many aliases there are up to each row, from 0 on.
        ends: how many rows there are up to each entity, from 0 on.
    """
    names = pa.ListArray.from_arrays(alias_ends, aliases, type=TEXT.field("aliases").type)
    texts = pa.StructArray.from_arrays([languages, labels, descriptions, names], fields=list(TEXT))
    return pa.ListArray.from_arrays(ends, texts, type=LIST_OF_TEXTS)


def relation_texts(texts: pa.ListArray) -> pa.ListArray:
    """Return the column `texts` of `relations`: as Wikidata has them, so that every code is the language's own."""
    rows = texts.values
    columns = [*(rows.field(index) for index in range(len(TEXT))), rows.field("language")]
    structs = pa.StructArray.from_arrays(columns, fields=list(RELATION_TEXT))
    kind = pa.list_(pa.field("item", RELATION_TEXT, nullable=False))
    return pa.ListArray.from_arrays(texts.offsets, structs, type=kind)


def _getter(count: int) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function from decoded fields `_0`, `_1`, … to a tuple of them."""
    names = [f"_{index}" for index in range(count)]
    if count == 1:
        one = attrgetter(names[0])
        return lambda given: (one(given),)
    return attrgetter(*names) if names else lambda given: ()
