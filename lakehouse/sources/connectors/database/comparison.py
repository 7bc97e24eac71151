"""Finds the rows of a database table that were not landed yet: compares it with the landed files.

The keys and times of the whole table are compared with those that were landed, which finds every
row that is new, has a different time, or is gone. The contents of rows since a given time are
compared as well, which finds changes that kept their time. The landed files (`landed_rows.py`) are
the only record of what was landed, so they must be kept.
"""

from collections.abc import Sequence
from datetime import datetime

from lakehouse.lake import literal, quote
from lakehouse.sources.connectors.database.columns import Columns, canonical, time_of
from lakehouse.sources.connectors.database.database import Database, query_one, table_name

_IN_LIST = 500
_MAX_SINGLE_KEYS = 5_000
"""If more rows than this are out of order, the whole table is read instead of single keys."""


class Comparison:
    """Makes the table `changes`: rows to land, each with its `time` and its `turn`.

    `turn` is 0 for former versions, 1 for current ones, 2 for deletes, so the last row of a key in
    a file is what the table held, independent of the times. `known` and `recent` must exist.
    Contents are compared since `since`; rows after `seal` wait.
    """

    def __init__(
        self, source: Database, columns: Columns, since: datetime | None, seal: datetime | None
    ) -> None:
        self.source = source
        self.work = source.work
        self.columns = columns
        self.since = since
        self.in_window = f"time >= {_timestamp(since)}" if since else ""
        self.seal = seal

    def run(self, table: str, history: str) -> None:
        """Compare `table`, and `history` (its former versions) unless that is empty."""
        selected = self.source.selected(table, self.columns.names)
        self._fetch(table, selected)
        self._fetch_former(history)
        self._find_pending()
        self._fetch_pending(table, selected)
        self._add_current()
        self._add_deleted()

    def _fetch(self, table: str, selected: Sequence[str | None]) -> None:
        """Make `present` (all keys and times) and `current` (whole rows)."""
        columns, name = self.columns, table_name(table)
        self.source.fetch("current", selected, f"FROM {name} {self._window(table)}")
        if self.since:
            self.source.fetch("pairs", [columns.key_name, columns.updated_name], f"FROM {name}")
            pairs = "SELECT c0 AS k, c1 AS u FROM pairs"
        else:
            pairs = f"SELECT c{columns.key} AS k, c{columns.updated} AS u FROM current"
        self.work.execute(f"CREATE TEMP TABLE present AS {pairs}")

    def _fetch_former(self, history: str) -> None:
        """Create `changes` with the former versions to land."""
        if history:
            former = self.source.selected(history, self.columns.names)
            self.source.fetch(
                "former", former, f"FROM {table_name(history)} {self._window(history)}"
            )
        else:
            self.work.execute("CREATE TEMP TABLE former AS FROM current LIMIT 0")
        self.work.execute(
            f"""CREATE TEMP TABLE changes AS SELECT *, 0 AS turn, {self.columns.time} AS time FROM (
                SELECT DISTINCT * FROM former
            ) WHERE {self._is_closed("time")} {"" if self.since else "OR time IS NULL"}"""
        )
        if self.since:
            self.work.execute(
                f"""DELETE FROM changes
                WHERE NOT {self.in_window} OR {self.columns.body} IN (SELECT body FROM recent)"""
            )

    def _find_pending(self) -> None:
        """Make `pending`: keys and times of the table that differ from those landed last.

        It includes the keys with a former version to land: the current row must come after it. For
        a key that the table has twice, it includes each time that was never landed with that key.
        """
        self.work.execute(
            """CREATE TEMP TABLE latest AS
            SELECT k, last.u, last.op, last.place FROM (
                SELECT k, arg_max(struct_pack(u, op, place), place) AS last FROM known GROUP BY k
            )"""
        )
        self.work.execute(
            "CREATE TEMP TABLE duplicates AS SELECT k FROM present GROUP BY k HAVING count(*) > 1"
        )
        # two spellings of a time are equal; comparing texts first avoids parsing most times
        self.work.execute(
            f"""CREATE TEMP TABLE pending AS
            WITH others AS (
                SELECT DISTINCT p.k, p.u, {time_of("p.u")} AS time, {canonical("p.u")} AS canon,
                    l.op, l.u AS before
                FROM present AS p LEFT JOIN latest AS l ON p.k IS NOT DISTINCT FROM l.k
                WHERE l.place IS NULL OR l.op = 'delete' OR p.u IS DISTINCT FROM l.u
            ), landed AS (
                SELECT DISTINCT k, {canonical("u")} AS canon, true AS found FROM known
                SEMI JOIN duplicates AS d ON known.k IS NOT DISTINCT FROM d.k WHERE op <> 'delete'
            )
            SELECT DISTINCT o.k, o.u FROM others AS o
            LEFT JOIN landed AS s
                ON o.k IS NOT DISTINCT FROM s.k AND o.canon IS NOT DISTINCT FROM s.canon
            LEFT JOIN (SELECT k, true AS found FROM duplicates) AS d ON o.k IS NOT DISTINCT FROM d.k
            WHERE (time IS NULL OR {self._is_closed("time")})
                AND (op IS NULL OR op = 'delete' OR
                CASE WHEN d.found THEN s.found IS NULL
                ELSE {canonical("before")} IS DISTINCT FROM o.canon END)
            UNION SELECT p.k, p.u FROM present AS p SEMI JOIN changes ON p.k = c{self.columns.key}
            WHERE {time_of("p.u")} IS NULL OR {self._is_closed(time_of("p.u"))}"""
        )

    def _fetch_pending(self, table: str, selected: Sequence[str | None]) -> None:
        """Add pending rows from before the start of `current`, by their keys."""
        work, name = self.work, table_name(table)
        missing = f"pending ANTI JOIN current ON {self._is_pending}"
        keys = [row[0] for row in work.execute(f"SELECT DISTINCT k FROM {missing}").fetchall()]
        plain = [text for text in keys if text is not None and "\0" not in text]
        key = quote(self.columns.key_name)
        for start in range(0, len(plain) if len(plain) < _MAX_SINGLE_KEYS else 0, _IN_LIST):
            listed = ", ".join(map(literal, plain[start : start + _IN_LIST]))
            self.source.fetch("more", selected, f"FROM {name} WHERE {key} IN ({listed})")
            work.execute(
                f"""INSERT INTO current SELECT more.* FROM more
                SEMI JOIN (FROM {missing}) AS m ON {self._is_pending}"""
            )
        if query_one(work, f"SELECT count(*) FROM {missing}"):
            # too many, or keys that an IN list misses: NULL, or of several types in SQLite
            self.source.fetch("current", selected, f"FROM {name}")

    def _add_current(self) -> None:
        """Add pending rows, and rows since `since` of which only the contents have changed."""
        columns = self.columns
        self.work.execute(
            f"""INSERT INTO changes SELECT current.*, 1, {columns.time} FROM current
            SEMI JOIN pending ON {self._is_pending}"""
        )
        if self.since:
            self.work.execute(
                f"""INSERT INTO changes
                WITH others AS (SELECT *, {columns.time} AS time, {columns.body} AS body FROM (
                    SELECT current.* FROM current ANTI JOIN pending ON {self._is_pending}))
                SELECT o.* EXCLUDE (time, body), 1, time FROM others AS o
                LEFT JOIN latest AS l ON o.c{columns.key} IS NOT DISTINCT FROM l.k
                LEFT JOIN recent AS r ON r.place = l.place
                LEFT JOIN (SELECT k, true AS found FROM duplicates) AS d
                    ON o.c{columns.key} IS NOT DISTINCT FROM d.k
                LEFT JOIN (SELECT DISTINCT body, true AS found FROM recent) AS s ON s.body = o.body
                WHERE {self.in_window} AND {self._is_closed("time")} AND
                    CASE WHEN d.found THEN s.found IS NULL ELSE r.body <> o.body END"""
            )

    def _add_deleted(self) -> None:
        """Add a delete for each key that was landed and is gone from the table."""
        key = self.columns.key
        nothing = ", ".join(
            f"k AS c{n}" if n == key else f"NULL AS c{n}" for n in range(len(self.columns.names))
        )
        self.work.execute(
            f"""INSERT INTO changes SELECT {nothing}, NULL, 2, NULL FROM (
                SELECT k FROM latest WHERE op <> 'delete' UNION SELECT c{key} FROM changes
            ) AS live ANTI JOIN present USING (k) WHERE k IS NOT NULL"""
        )

    @property
    def _is_pending(self) -> str:
        return (
            f"k IS NOT DISTINCT FROM c{self.columns.key} "
            f"AND u IS NOT DISTINCT FROM c{self.columns.updated}"
        )

    def _window(self, table: str) -> str:
        """A WHERE clause for the rows whose contents are compared."""
        return self.source.since(table, self.columns.updated_name, self.since) if self.since else ""

    def _is_closed(self, at: str) -> str:
        return f"{at} <= {_timestamp(self.seal)}" if self.seal else f"{at} IS NOT NULL"


def _timestamp(moment: datetime) -> str:
    return f"TIMESTAMP {literal(moment.isoformat(sep=' '))}"
