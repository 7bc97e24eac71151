"""What the lake holds of a table's rows and of a label, for periods and a task that fit them."""

from datetime import timedelta

from lakehouse.lake import Lake, fetch_value, qualified, quote, read_columns
from lakehouse.scaffolding.declared_tables import DeclaredTable
from lakehouse.scaffolding.model import Seen
from lakehouse.scaffolding.staging import EVENT_TIME

_FEW = 10


def look(lake: Lake, spine: DeclaredTable, label: DeclaredTable, column: str) -> Seen:
    """The rows of `spine` and the values of the label's column; nothing of a table that is not
    there, or that was built before it had the columns."""
    with lake.reader() as cursor:
        there = read_columns(cursor, spine.name)
        name = EVENT_TIME if spine.has(EVENT_TIME) else "known_at"
        if name not in there:
            return Seen()
        time, known_at = quote(name), "known_at" if "known_at" in there else quote(name)
        first, last, rows, delay = cursor.execute(
            f"SELECT min({time}), max({time}), count({time}), "
            f"quantile_disc({known_at} - {time}, 0.99) "
            f"FROM {qualified(spine.name)}"
        ).fetchone() or (None, None, 0, None)
        values = None
        if column in read_columns(cursor, label.name):
            query = (
                f"SELECT list(DISTINCT CAST({quote(column)} AS VARCHAR)) FROM "
                f"(FROM {qualified(label.name)} WHERE {quote(column)} IS NOT NULL)"
            )
            found = fetch_value(cursor, query) or []
            values = tuple(sorted(found)) if len(found) <= _FEW else None
    return Seen(first, last, int(rows), values, delay or timedelta())
