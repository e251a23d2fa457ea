"""Statements of an item: the rows of `triples` that the best-ranked ones become, and what became of the others.

`pipeline.wikidata.statements` says which statements are the best-ranked; the rule is the same here.
"""

from __future__ import annotations

from pipeline.run.compiling import compiled, inlined
from pipeline.wikidata.scan.buffers import CLASSES, FATES, LINE, NUM_KINDS, PROPERTY_NUMBERS, RANKS
from pipeline.wikidata.scan.json_bytes import (
    BAD,
    LAST,
    byte,
    digits_end,
    equals,
    first_element,
    first_key,
    is_short_number,
    key_end,
    next_element,
    next_key,
    string_behind,
    value_end,
    word,
)
from pipeline.wikidata.scan.strings import put

_PREFERRED, _NORMAL, _DEPRECATED = range(3)
_ITEM_VALUE, _LITERAL_VALUE, _SOMEVALUE, _NOVALUE, _WITHOUT_VALUE = range(5)
_PROPERTY_VALUE, _LEXEME_VALUE, _FORM_VALUE, _SENSE_VALUE, _SEEN, _NOT_OF_BEST_RANK = range(5, len(FATES))
_UNREAD_KIND = -1

_MAINSNAK, _RANK, _SNAKTYPE, _DATAVALUE, _VALUE = map(word, ("mainsnak", "rank", "snaktype", "datavalue", "value"))
_ID, _ENTITY_TYPE, _NUMERIC_ID, _ITEM, _INSTANCE_OF = map(word, ("id", "entity-type", "numeric-id", "item", "P31"))
_PROPERTY, _LEXEME, _FORM, _SENSE = map(word, ("property", "lexeme", "form", "sense"))
_SOME, _NO = word("somevalue"), word("novalue")
_PREFERRED_NAME, _NORMAL_NAME, _DEPRECATED_NAME = map(word, RANKS)

_QUOTE, _OPEN, _ZERO = ord('"'), ord("{"), ord("0")


@inlined
def read_claims(text, at, item, buffers, scratch):
    """Read an item's statements; the place behind them."""
    behind, at = at + 1, first_key(text, at)
    while at >= 0:
        key, end = at + 1, key_end(text, at)
        if end == BAD or not _is_new_property(text, key, end, scratch):
            return BAD
        behind = _property(text, key, end, item, buffers, scratch.tallies)
        at = next_key(text, behind)
    return behind + 1 if at == LAST else BAD


@inlined
def _is_new_property(text, begin, end, scratch):
    """Whether a key is a property's id that has not come in this line."""
    if byte(text, begin) != ord("P") or byte(text, begin + 1) == _ZERO or end - begin > 7:
        return False
    if digits_end(text, begin + 1) != end:
        return False
    number = 0
    for place in range(begin + 1, end):
        number = number * 10 + byte(text, place) - _ZERO
    if number >= PROPERTY_NUMBERS or scratch.properties[number] == scratch.state[LINE]:
        return False
    scratch.properties[number] = scratch.state[LINE]
    return True


@inlined
def _property(text, key, end, item, buffers, tallies):
    """Read the list of one property's statements; the place behind it."""
    tallies[:] = 0
    first = buffers.objects.size[0]
    behind, at = end + 3, first_element(text, end + 2)
    while at >= 0:
        behind, rank, kind = _statement(text, at, buffers.objects)
        if behind == BAD:
            return BAD
        if kind == _ITEM_VALUE:
            buffers.ranks[buffers.objects.size[0] - 1] = rank
        tallies[rank, kind] += 1
        at = next_element(text, behind)
    if at == BAD:
        return BAD
    _keep_best(first, buffers, tallies)
    _finish_rows(text, key, end, item, first, buffers)
    return behind + 1


@inlined
def _keep_best(first, buffers, tallies):
    """Count one property's statements; drop objects not of its best rank: of `Q5Q64Q7`, ends 2, 5, 7, `Q64` stays, end 3."""
    best = _PREFERRED if tallies[_PREFERRED].sum() else _NORMAL
    total, kept = tallies.sum(), tallies[best].sum()
    buffers.fates[_SEEN] += total
    buffers.fates[_NOT_OF_BEST_RANK] += total - kept
    for kind in range(NUM_KINDS):
        buffers.fates[kind] += tallies[best, kind]
    objects, ranks = buffers.objects, buffers.ranks
    if total == kept:
        return
    row = first
    begin = to = objects.ends[first - 1] if first else 0
    for old in range(first, objects.size[0]):
        end = objects.ends[old]
        if ranks[old] == best:
            for place in range(begin, end):
                objects.data[to] = objects.data[place]
                to += 1
            objects.ends[row], ranks[row] = to, best
            row += 1
        begin = end
    objects.size[0], objects.size[1] = row, to


@inlined
def _finish_rows(text, key, end, item, first, buffers):
    """Complete the rows of one property: relation, subject, and which of them say what the item is an instance of."""
    is_class = equals(text, key, end, _INSTANCE_OF)
    for row in range(first, buffers.objects.size[0]):
        put(text, key, end, buffers.relations)
        buffers.subjects[row] = item
        if is_class:
            buffers.class_rows[buffers.sizes[CLASSES, 0]] = row
            buffers.sizes[CLASSES, 0] += 1


@inlined
def _statement(text, at, objects):
    """Read one statement, and append the item it names to the objects; the place behind, its rank, its kind of value."""
    rank, kind, has_rank = _NORMAL, _UNREAD_KIND, False
    behind, at = at + 1, first_key(text, at)
    while at >= 0:
        key, end = at + 1, key_end(text, at)
        if end == BAD:
            return BAD, rank, kind
        if equals(text, key, end, _MAINSNAK):
            if kind != _UNREAD_KIND:
                return BAD, rank, kind
            behind, kind = _snak(text, end + 2, objects)
        elif equals(text, key, end, _RANK):
            if has_rank:
                return BAD, rank, kind
            has_rank = True
            behind, rank = _rank(text, end + 2)
        else:
            behind = value_end(text, end + 2)
        at = next_key(text, behind)
    return (behind + 1 if at == LAST and kind != _UNREAD_KIND else BAD), rank, kind


@compiled
def _rank(text, at):
    """Read a rank: the place behind it, and its number."""
    behind = string_behind(text, at)
    if equals(text, at + 1, behind - 1, _NORMAL_NAME):
        return behind, _NORMAL
    if equals(text, at + 1, behind - 1, _PREFERRED_NAME):
        return behind, _PREFERRED
    if equals(text, at + 1, behind - 1, _DEPRECATED_NAME):
        return behind, _DEPRECATED
    return BAD, _NORMAL


@inlined
def _snak(text, at, objects):
    """Read a snak: the place behind it, and the kind of its value; an item's id is appended to the objects."""
    kind = without = _UNREAD_KIND
    behind, at = at + 1, first_key(text, at)
    while at >= 0:
        key, end = at + 1, key_end(text, at)
        if end == BAD:
            return BAD, kind
        if equals(text, key, end, _SNAKTYPE):
            if without != _UNREAD_KIND:
                return BAD, kind
            behind, without = _kind_without_value(text, end + 2)
        elif equals(text, key, end, _DATAVALUE):
            if kind != _UNREAD_KIND:
                return BAD, kind
            behind, kind = _data_value(text, end + 2, objects)
        else:
            behind = value_end(text, end + 2)
        at = next_key(text, behind)
    kind = without if kind == _UNREAD_KIND else kind
    return (behind + 1 if at == LAST and kind != _UNREAD_KIND else BAD), kind


@compiled
def _kind_without_value(text, at):
    """Read a snak's type: the place behind it, and what the snak is if it has no value."""
    behind = string_behind(text, at)
    if equals(text, at + 1, behind - 1, _VALUE):
        return behind, _WITHOUT_VALUE
    if equals(text, at + 1, behind - 1, _SOME):
        return behind, _SOMEVALUE
    if equals(text, at + 1, behind - 1, _NO):
        return behind, _NOVALUE
    return BAD, _WITHOUT_VALUE


@inlined
def _data_value(text, at, objects):
    """Read a value with its type: the place behind it, and its kind."""
    kind = _UNREAD_KIND
    behind, at = at + 1, first_key(text, at)
    while at >= 0:
        key, end = at + 1, key_end(text, at)
        if end == BAD:
            return BAD, kind
        if equals(text, key, end, _VALUE):
            if kind != _UNREAD_KIND:
                return BAD, kind
            if byte(text, end + 2) == _OPEN:
                behind, kind = _object_value(text, end + 2, objects)
            else:
                behind = value_end(text, end + 2)
                kind = _LITERAL_VALUE if byte(text, end + 2) == _QUOTE else _UNREAD_KIND
            if kind == _UNREAD_KIND:
                return BAD, kind
        else:
            behind = value_end(text, end + 2)
        at = next_key(text, behind)
    return (behind + 1 if at == LAST and kind != _UNREAD_KIND else BAD), kind


@inlined
def _object_value(text, at, objects):
    """Read a value that is an object: an entity or a literal. An item's id is appended to the objects."""
    kind, num_fields, id_begin, id_end, number_begin, number_end = _LITERAL_VALUE, 0, 0, 0, 0, 0
    behind, at = at + 1, first_key(text, at)
    while at >= 0:
        key, end = at + 1, key_end(text, at)
        behind = BAD if end == BAD else value_end(text, end + 2)
        if behind == BAD:
            return BAD, _UNREAD_KIND
        if equals(text, key, end, _ENTITY_TYPE) and kind == _LITERAL_VALUE:
            kind = _entity_kind(text, end + 3, behind - 1)
            num_fields += 1
        elif equals(text, key, end, _ID) and id_end == 0 and byte(text, end + 2) == _QUOTE:
            id_begin, id_end = end + 3, behind - 1
            num_fields += 1
        elif equals(text, key, end, _NUMERIC_ID) and number_end == 0:
            number_begin, number_end = end + 2, behind
            num_fields += 1
        elif _is_entity_field(text, key, end):
            return BAD, _UNREAD_KIND
        at = next_key(text, behind)
    if kind != _LITERAL_VALUE or num_fields:
        kind = _take_entity(text, kind, id_begin, id_end, number_begin, number_end, objects)
    return (behind + 1 if at == LAST and kind != _UNREAD_KIND else BAD), kind


@compiled
def _is_entity_field(text, begin, end):
    return (
        equals(text, begin, end, _ID) or equals(text, begin, end, _ENTITY_TYPE) or equals(text, begin, end, _NUMERIC_ID)
    )


@compiled
def _entity_kind(text, begin, end):
    """Tell the kind of value that an entity of a type is."""
    if equals(text, begin, end, _ITEM):
        return _ITEM_VALUE
    if equals(text, begin, end, _PROPERTY):
        return _PROPERTY_VALUE
    if equals(text, begin, end, _LEXEME):
        return _LEXEME_VALUE
    if equals(text, begin, end, _FORM):
        return _FORM_VALUE
    return _SENSE_VALUE if equals(text, begin, end, _SENSE) else _UNREAD_KIND


@inlined
def _take_entity(text, kind, id_begin, id_end, number_begin, number_end, objects):
    """Append an item's id to the objects, made of its number where it has no other, as in old dumps. Its kind, if it is sound."""
    if kind == _LITERAL_VALUE or not _is_whole_number(text, number_begin, number_end):
        return _UNREAD_KIND
    if kind != _ITEM_VALUE:
        return kind
    if id_end > id_begin:
        if byte(text, id_begin) != ord("Q") or not is_short_number(text, id_begin + 1, id_end):
            return _UNREAD_KIND
        put(text, id_begin, id_end, objects)
        return kind
    if id_end or number_end == 0 or not is_short_number(text, number_begin, number_end):
        return _UNREAD_KIND
    objects.data[objects.size[1]] = ord("Q")
    objects.size[1] += 1
    put(text, number_begin, number_end, objects)
    return kind


@compiled
def _is_whole_number(text, begin, end):
    """Whether nothing but digits is here, 15 of them at most."""
    return begin == end or (end - begin <= 15 and digits_end(text, begin) == end)
