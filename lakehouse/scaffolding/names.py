"""Names: those that a person chooses are checked, those of columns are derived."""

import re
import unicodedata
from collections.abc import Collection, Iterable
from functools import cache

import duckdb
from pydantic import TypeAdapter, ValidationError

from lakehouse.declarations.names import NAME, PATTERNS
from lakehouse.declarations.reserved import TablePart
from lakehouse.scaffolding.errors import ScaffoldingError

_LETTERS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "o"})
_SIGNS = {"%": " percent ", "#": " number ", "€": " euro ", "$": " dollar ", "&": " and "}


def check_name(what: str, name: str) -> None:
    """Refuse a name that a declaration would refuse.

    Raises:
        ScaffoldingError: with the rule, and a valid name like it.
    """
    try:
        TypeAdapter(TablePart).validate_python(name)
    except ValidationError:
        rule = PATTERNS[NAME] + ", and never two underscores in a row"
        raise ScaffoldingError(
            f"{name!r} is not a valid name of a {what}: {rule}; such as {identifier(name, what)}"
        ) from None


def identifier(text: str, fallback: str = "column") -> str:
    """A valid name like `text`: `Invoice No.` becomes invoice_no, `CustomerID` customer_id."""
    for sign, word in _SIGNS.items():
        text = text.replace(sign, word)
    text = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", text)
    text = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", text)
    plain = unicodedata.normalize("NFKD", text.lower().translate(_LETTERS))
    name = re.sub(r"[^a-z0-9]+", "_", plain.encode("ascii", "ignore").decode()).strip("_")
    if name[:1].isdigit():
        name = f"{fallback}_{name}"
    return name or fallback


def column_names(origins: Iterable[str], taken: Collection[str] = ()) -> dict[str, str]:
    """A name for each column of a source, by its name there; all differ, ignoring case.

    A column that is named well already keeps its name, whatever its neighbours become.
    """
    origins = list(origins)
    names = {one: one for one in origins if re.fullmatch(NAME, one) and one not in taken}
    used = {*taken, *names}
    for origin in origins:
        if origin in names:
            continue
        name = free_name(identifier(origin), used)
        names[origin] = name
        used.add(name)
    return {origin: names[origin] for origin in origins}


def free_name(name: str, taken: Collection[str]) -> str:
    """`name`, or with the first number from 2 on that is free."""
    number = 2
    free = name
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return free


def sql_name(name: str) -> str:
    """A column in SQL: bare as people write it, or quoted if it is a keyword of DuckDB."""
    return f'"{name}"' if name in _keywords() else name


@cache
def _keywords() -> frozenset[str]:
    """What DuckDB reads as something other than a name, at least in some places."""
    query = "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category <> 'unreserved'"
    with duckdb.connect(":memory:") as connection:
        return frozenset(name for (name,) in connection.execute(query).fetchall())
