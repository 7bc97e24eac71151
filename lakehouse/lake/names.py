"""Names and texts inside SQL: the only helpers that may put either into a statement."""

CATALOG = "lake"
"""The name under which the lake is attached everywhere, dbt included."""


def quote(identifier: str) -> str:
    """`identifier` as a quoted SQL identifier."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """`text` as a SQL string literal, for statements without parameters (ATTACH, COPY, SET)."""
    return "'" + text.replace("'", "''") + "'"


def qualified(table: str) -> str:
    """`schema.table` of the lake, with catalog and quotes: `"lake"."raw"."customers"`."""
    schema, _, name = table.partition(".")
    if not schema or not name or "." in name:
        raise ValueError(f"{table!r} is no table name of the form schema.table")
    return ".".join(map(quote, (CATALOG, schema, name)))
