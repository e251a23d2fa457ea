"""Which Wikidata items stand for pages that are no articles, by what they are instances of.

The classes are those that Wikidata keeps for pages of the wikis. The first kind in the table's order counts where an item
is an instance of several.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

CLASSES: dict[str, dict[str, str]] = {
    "disambiguation": {
        "Q4167410": "Wikimedia disambiguation page",
        "Q22808320": "Wikimedia human name disambiguation page",
        "Q61996773": "municipality name disambiguation page",
        "Q66480449": "Wikimedia surname disambiguation page",
    },
    "category": {
        "Q4167836": "Wikimedia category",
        "Q13331174": "Wikimedia navboxes category",
        "Q15407973": "Wikimedia disambiguation category",
        "Q15647814": "Wikimedia administration category",
        "Q20010800": "Wikimedia user language category",
        "Q20769287": "Wikimedia user category",
        "Q23894233": "Wikimedia templates category",
        "Q23894246": "Wikimedia infobox templates category",
        "Q24046192": "Wikimedia category of stubs",
        "Q24571879": "category by name",
        "Q30330522": "Wikimedia unknown parameters category",
        "Q30432511": "Wikimedia meta category",
        "Q56428020": "Wikimedia lists category",
        "Q59541917": "Wikimedia topic category",
        "Q59542487": "Wikimedia set category",
        "Q67131190": "Wikimedia tracking category",
    },
    "template": {
        "Q11266439": "Wikimedia template",
        "Q11753321": "Wikimedia navigational template",
        "Q15671253": "Wikimedia template for a chess diagram",
        "Q19842659": "Wikimedia user template",
        "Q19887878": "Wikimedia infobox template",
        "Q20769160": "Wikimedia userbox template",
    },
    "module": {
        "Q15184295": "Wikimedia module",
        "Q15145755": "module test cases",
        "Q18711811": "map data module",
    },
    "list": {"Q13406463": "Wikimedia list article"},
    "portal": {"Q4663903": "Wikimedia portal"},
    "news": {"Q17633526": "Wikinews article"},
    "project": {
        "Q14204246": "Wikimedia project page",
        "Q4656150": "Wikimedia project policies and guidelines",
        "Q16695773": "WikiProject",
        "Q26267864": "Wikimedia KML file",
        "Q35252665": "Wikimedia non-content page",
        "Q56005592": "Wikimedia help page",
    },
    "redirect": {"Q21528878": "redirect page"},
    "duplicate": {
        "Q17362920": "Wikimedia duplicated page",
        "Q21286738": "Wikimedia permanent duplicate item",
    },
    "internal": {"Q17442446": "Wikimedia internal item"},
}
"""Class ids by page kind, with their English labels."""

KIND_OF_CLASS = {entity: kind for kind, classes in CLASSES.items() for entity in classes}
"""Page kind by class."""
_ORDER = {kind: place for place, kind in enumerate(CLASSES)}


def page_kind(instance_of: Iterable[str], kind_of_class: Mapping[str, str] = KIND_OF_CLASS) -> str | None:
    """Tell what an item's pages are by its classes, where they are not articles; None for articles."""
    kinds = [kind_of_class[entity] for entity in instance_of if entity in kind_of_class]
    return min(kinds, key=_ORDER.__getitem__) if kinds else None
