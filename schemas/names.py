"""Lists of names on the command line: `sw,yo,tr`, `sw yo tr`, or any mix of the two, in every command."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from tyro.constructors import PrimitiveConstructorSpec

from schemas.errors import UsageError


def split_names(given: str | Iterable[str]) -> tuple[str, ...]:
    """Cut at commas and blanks; each name comes once, in the order given.

    >>> split_names(["sw,yo", "tr sw"])
    ('sw', 'yo', 'tr')

    Raises: UsageError for a name that is no text.
    """
    parts = [given] if isinstance(given, str) else list(given)
    for part in parts:
        if not isinstance(part, str):
            raise UsageError(f"names are text, found {part!r}; YAML reads a bare `no` as False: quote it, or write nb")
    return tuple(dict.fromkeys(name for part in parts for name in part.replace(",", " ").split()))


Names = Annotated[
    tuple[str, ...],
    PrimitiveConstructorSpec(
        nargs="*",
        metavar="NAME[,NAME…] …",
        instance_from_str=split_names,
        is_instance=lambda value: isinstance(value, tuple),
        str_from_instance=list,
    ),
]
"""Names of languages, wikis, objectives and the like: a field of a command's configuration."""
