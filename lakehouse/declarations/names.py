"""Valid names, and suggestions for unknown ones."""

import difflib
from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

NAME = r"^[a-z][a-z0-9_]*$"
TABLE = r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$"

PATTERNS = {
    NAME: "a name has lower-case letters, digits and underscores, and starts with a letter",
    TABLE: "a table is written schema.name, in lower-case letters, digits and underscores",
}
"""The description of the pattern in messages."""

Identifier = Annotated[str, Field(pattern=NAME)]
"""A column, or a name within a declaration."""

TableName = Annotated[str, Field(pattern=TABLE)]
"""A table of the lake: `schema.name`."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the closest match, or all known names."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(names) or 'none'}"
