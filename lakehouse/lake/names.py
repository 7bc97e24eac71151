"""Identifiers and literals in SQL: only these helpers may put either into a statement."""

from typing import Self

CATALOG = "lake"
"""The name under which the lake is attached everywhere, dbt included."""


def quote(identifier: str) -> str:
    """`identifier` as a quoted SQL identifier."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """`text` as a SQL string literal, for statements without parameters (ATTACH, COPY, SET)."""
    return "'" + text.replace("'", "''") + "'"


class Table(str):
    """`schema.name` of a table or view of the lake, as in YAML, progress and asset keys.

    Raises `ValueError` for any other form.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Parse `text`."""
        schema, _, name = text.partition(".")
        if not schema or not name or "." in name:
            raise ValueError(f"{text!r} is not a valid table name: write it as schema.table")
        return super().__new__(cls, text)

    @property
    def parts(self) -> tuple[str, str]:
        """Schema and name."""
        schema, _, name = self.partition(".")
        return schema, name

    @property
    def schema(self) -> str:
        """The part before the dot."""
        return self.parts[0]

    @property
    def name(self) -> str:
        """The part after the dot."""
        return self.parts[1]

    @property
    def sql(self) -> str:
        """The qualified, quoted name for a statement: `"lake"."raw"."customers"`."""
        return ".".join(map(quote, (CATALOG, *self.parts)))

    def with_suffix(self, suffix: str) -> "Table":
        """The companion table `schema.name__suffix`."""
        return Table(f"{self}__{suffix}")


def qualified(table: str) -> str:
    """The SQL of `schema.table`, a `Table` or its text: `"lake"."raw"."customers"`."""
    return Table(table).sql
