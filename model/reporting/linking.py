"""The section of entity linking: recall of the three ways to candidates, by language and by how frequent or hard mentions are."""

from model.reporting.data import RunData
from model.reporting.parts import Section, rows_table


def linking_sections(data: RunData) -> list[Section]:
    """One section where a run has results of linking."""
    results = data.results.get("linking")
    if results is None:
        return []
    abouts = dict.fromkeys(row.keys["about"] for row in results.rows)
    tables = [rows_table([r for r in results.rows if r.matches(about=about)], leave_out=("about",)) for about in abouts]
    text = (
        "Surface: the likeliest items of that name. Embedding: the context alone, among all items. Linker: both. "
        if results.primary_metric.startswith("recall")
        else "Embedding: nearest names of the dictionary. Spelling: names spelled like the mention. "
    )
    return [Section(f"Linking: {results.data.get('set', '')}", text, results.notes, [], tables)]
