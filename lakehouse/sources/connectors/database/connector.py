"""A table of a relational database, read when it has changed, and landed as its changed rows.

Reading a point in time does not close it: rows may still arrive with the newest `updated_at`, and a
long transaction may commit rows with an older one. So every extraction compares the table with the
landed files (`comparison.py`).
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import ClassVar, Literal

from pydantic import field_validator

from lakehouse.declarations.durations import Duration
from lakehouse.lake import quote
from lakehouse.settings import Settings
from lakehouse.sources.connectors.connector import Connector, Landed
from lakehouse.sources.connectors.database.columns import Columns, time_of
from lakehouse.sources.connectors.database.comparison import Comparison
from lakehouse.sources.connectors.database.database import Database, query_one, table_name
from lakehouse.sources.connectors.database.landed_rows import read_landed
from lakehouse.sources.connectors.database.opening import open_database
from lakehouse.sources.connectors.database.writing import put_changes
from lakehouse.sources.contract import Contract
from lakehouse.sources.errors import SourceDown, SpecError
from lakehouse.sources.landing import Landing
from lakehouse.sources.places import resolve

_TICK = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1)


class DatabaseConnector(Connector):
    """A table of a relational database, read when `updated_at` has moved.

    `url` is `sqlite:<path>` or `postgresql://...`, with placeholders. `seal` is a query, in the
    database's own SQL, for the time up to which it is complete; the default is the newest
    `updated_at`. `history_table` holds earlier versions, with the same columns. Deletes are
    detected by missing keys and landed as rows whose `op` is `delete`. `overlap`: how far before
    the last landed seal contents are compared again, for rows that were committed late.
    """

    kind: Literal["database"]
    has_utc_times: ClassVar[bool] = True
    url: str
    table: str
    updated_at: str = "updated_at"
    history_table: str = ""
    seal: str = ""
    overlap: Duration = timedelta(minutes=10)

    @field_validator("overlap")
    @classmethod
    def _long_enough(cls, overlap: timedelta) -> timedelta:
        if overlap < timedelta(seconds=1):
            raise ValueError("an overlap of less than 1s could miss rows of the newest time")
        return overlap

    def asks_a_server(self, settings: Settings) -> bool:
        """Whether the database is not a file."""
        return not resolve(self.url, settings).startswith("sqlite:")

    def check(self, contract: Contract) -> None:
        """Require a key of one column, and a column `op` that marks deletes."""
        if not contract.key:
            raise ValueError(
                "a database source needs a `key` of one column, by which it finds changed and "
                "deleted rows"
            )
        if not contract.has_deletes:
            raise ValueError(
                "a database source needs a column `op` (VARCHAR) in its contract, which marks "
                "each row as an `upsert` or a `delete`"
            )
        if len(contract.key) != 1:
            raise ValueError(
                "a database source needs a `key` of one column; set `table` to a view that "
                f"combines {', '.join(contract.key)} into one"
            )

    def land(self, contract: Contract, landing: Landing, last: datetime | None) -> Iterator[Landed]:
        """Land one file with deletes and every version that was not landed yet, up to the seal.

        Without a `seal` query the file is named after the newest time; a file with nothing newer
        than `last` is named a microsecond after it. Without changes nothing is landed, with one
        exception: a seal that has moved lands an empty file, which records that nothing changed.
        """
        with open_database(self.url, self.table, landing.settings) as source:
            seal = self._seal(source) if self.seal else None
            if self.seal and (seal is None or (last is not None and seal <= last)):
                return
            columns = self._columns(source, contract, landing.source)
            since = last - self.overlap if last else None
            read_landed(source.work, landing, columns, since)
            Comparison(source, columns, since, seal).run(self.table, self.history_table)
            rows = query_one(source.work, "SELECT count(*) FROM changes")
            if seal is None and not rows:
                return
            seal = seal or self._newest(source, columns, last)
            yield Landed(put_changes(source.work, landing, columns, seal), rows)

    def news(
        self, contract: Contract, landing: Landing, last: datetime | None, now: datetime
    ) -> str:
        """A seal that has moved; without a `seal` query, new rows of the newest time or later.

        Only an extraction finds older rows and deletes.
        """
        with open_database(self.url, self.table, landing.settings) as source:
            if self.seal:
                seal = self._seal(source)
                return f"complete up to {seal}" if seal and (not last or seal > last) else ""
            columns = self._columns(source, contract, landing.source)
            table, time = table_name(self.table), quote(self.updated_at)
            newest = f"SELECT max({time}) FROM {table} WHERE {time} < '9000-01-01'"
            selected = source.selected(self.table, columns.names)
            source.fetch("current", selected, f"FROM {table} WHERE {time} = ({newest})")
            moment = query_one(source.work, f"SELECT max({columns.time}) FROM current")
            if moment is None or last is None or moment > last:
                return f"complete up to {moment}" if moment else ""
            read_landed(source.work, landing, columns, moment, all_keys=False)
            late = query_one(
                source.work,
                f"""SELECT count(*) FROM current LEFT JOIN
                    (SELECT k, arg_max(body, place) AS body FROM recent GROUP BY k) AS latest
                ON c{columns.key} IS NOT DISTINCT FROM k
                WHERE body IS DISTINCT FROM {columns.body}""",
            )
            return f"{late} more rows of {moment}" if late else ""

    def _columns(self, source: Database, contract: Contract, name: str) -> Columns:
        """All columns of the table and its history."""
        columns = source.columns(self.table)
        key = contract.column(contract.key[0]).origin
        for needed in (key, self.updated_at):
            if needed not in columns:
                raise SourceDown(
                    f"cannot read {self.table}: it has no column {needed!r}, only "
                    f"{', '.join(columns)} (in this spelling). Correct `from` or `updated_at` in "
                    f"the source {name}"
                )
        if self.history_table:
            history = source.columns(self.history_table)
            columns += [column for column in history if column not in columns]
        if "op" in columns:
            raise SpecError(
                f"{self.table} has its own column `op`, the name that is reserved for marking "
                "deletes; set the source's `table` to a view that renames it"
            )
        return Columns(tuple(columns), columns.index(key), columns.index(self.updated_at))

    def _seal(self, source: Database) -> datetime | None:
        text = source.ask(self.seal.strip().rstrip(";"))
        if text is None:
            return None
        query = f"SELECT {time_of('t')} FROM (SELECT ? AS t)"
        seal: datetime | None = query_one(source.work, query, text)
        if seal is None:
            raise SourceDown(
                f"the seal query of {self.table} returned {text!r}, which is not a time such as "
                f"2026-05-01 23:59:59 (UTC): {self.seal}"
            )
        return seal

    def _newest(self, source: Database, columns: Columns, last: datetime | None) -> datetime:
        """The seal of a file if there is no query for it."""
        newest: datetime | None = query_one(source.work, "SELECT max(time) FROM changes")
        if newest is None and last is None:
            example = query_one(source.work, f"SELECT c{columns.updated} FROM changes LIMIT 1")
            raise SourceDown(
                f"no {self.updated_at} of {self.table} is a time such as 2026-05-01 23:59:59 "
                f"(the first is {example!r}). Set the source's `table` to a view that converts it, "
                "for instance with datetime(updated_at, 'unixepoch') in SQLite"
            )
        return max(newest or _EPOCH, last + _TICK if last else _EPOCH)
