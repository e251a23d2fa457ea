"""Rows with nothing in a field are counted by field."""

from __future__ import annotations

from pipeline.wikidata.columns import EntityColumns, ItemOptions
from pipeline.wikidata.reading import count_empty_fields
from tests.pipeline.wikidata.entity_lines import line_of, statement

LABELS = {"en": {"language": "en", "value": "thing"}}
FULL = {"labels": LABELS, "claims": {"P31": [statement("Q5")] * 3}, "sitelinks": {"enwiki": {"title": "Thing"}}}


def counts_of(*entities: dict, languages: tuple[str, ...] | None = None) -> dict[str, int]:
    columns = EntityColumns(ItemOptions(languages=languages))
    for number, fields in enumerate(entities, 1):
        columns.add(line_of(**({"id": f"Q{number}"} | fields)))
    return dict(count_empty_fields(columns.take()))


def test_full_rows_leave_no_count() -> None:
    assert counts_of(FULL, FULL) == {}
    assert counts_of() == {}


def test_each_field_has_its_count() -> None:
    alias_alone = {"aliases": {"en": [{"language": "en", "value": "x"}]}}
    assert counts_of(FULL, FULL | {"labels": {}}, FULL | {"labels": {}} | alias_alone) == {"entities_without_label": 2}
    assert counts_of(FULL, FULL | {"claims": []}) == {"entities_without_triples": 1}
    assert counts_of(FULL | {"sitelinks": []}) == {"entities_without_sitelinks": 1}
    assert counts_of({}) == {
        "entities_without_label": 1,
        "entities_without_triples": 1,
        "entities_without_sitelinks": 1,
    }


def test_labels_in_other_languages_than_the_chosen_do_not_count() -> None:
    assert counts_of(FULL, languages=("sw",)) == {"entities_without_label": 1}


def test_properties_are_counted_apart() -> None:
    relation = {"type": "property", "id": "P9", "datatype": "wikibase-item"}
    assert counts_of(FULL, relation, relation | {"id": "P8", "labels": LABELS}) == {"relations_without_label": 1}
