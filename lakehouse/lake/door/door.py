"""User queries against the lake: what is allowed, and on which connection.

Three barriers, each for what passes the one before: the checked statement (`statement.py`), a lake
attached read-only, and a DuckDB that opens only the lake's files and rejects other settings.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any, Self

import duckdb

from lakehouse.lake.door.functions import scalar_functions
from lakehouse.lake.door.statement import Allowed, read_only_statement
from lakehouse.lake.lake import Lake, LakeError, fetch_value
from lakehouse.lake.names import CATALOG, literal
from lakehouse.settings import Settings

_INNER_SCHEMAS = frozenset({"main", "information_schema", "pg_catalog"})


_FETCH_ROWS = 10_000


class Answer:
    """The columns of an answer, and its rows, fetched on demand."""

    def __init__(self, result: duckdb.DuckDBPyConnection) -> None:
        self._result = result
        self.columns = tuple(column[0] for column in result.description or ())

    def first(self, count: int) -> list[tuple[Any, ...]]:
        """The next `count` rows, or fewer at the end. Raises `LakeError`."""
        with _translated_errors():
            return self._result.fetchmany(count)

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """All rows not fetched yet. Raises `LakeError`."""
        while rows := self.first(_FETCH_ROWS):
            yield from rows


class Door:
    """A context manager; each query reads the newest snapshot of the lake.

    Its settings apply to its own DuckDB instance, which it shares with nothing.
    """

    def __init__(self, settings: Settings) -> None:
        self._lake = Lake(settings, read_only=True)
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            opening.enter_context(self._lake)
            self._cursor = opening.enter_context(self._lake.cursor())
            self._cursor.execute(f"USE {CATALOG}")
            restrict(self._cursor)
            self._functions = scalar_functions(self._cursor)
            self._open = opening.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open.close()

    def ask(self, text: str) -> Answer:
        """Run one SELECT or EXPLAIN; fetch its answer before the next query.

        Raises:
            Refused: when `text` is anything else.
            LakeError: when the lake cannot answer it.
        """
        with _translated_errors():
            allowed = Allowed(_schemas(self._cursor), self._functions)
            statement = read_only_statement(self._cursor, text, allowed)
            return Answer(self._cursor.execute(statement))


def restrict(connection: duckdb.DuckDBPyConnection) -> None:
    """Permanently restrict the DuckDB of `connection`, with the lake attached, to the lake's files.

    The catalog gives their location: it may have been created with other settings.
    """
    query = f"SELECT data_path FROM ducklake_settings({literal(CATALOG)})"
    folder = literal(str(fetch_value(connection, query)).rstrip("/") + "/")
    for setting in (
        "python_enable_replacements = false",
        "python_scan_all_frames = false",
        "autoload_known_extensions = false",
        "allow_community_extensions = false",
        f"allowed_directories = [{folder}]",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        connection.execute(f"SET {setting}")


def _schemas(cursor: duckdb.DuckDBPyConnection) -> frozenset[str]:
    query = "SELECT lower(schema_name) FROM duckdb_schemas() WHERE database_name = ?"
    found = {name for (name,) in cursor.execute(query, [CATALOG]).fetchall()}
    return frozenset(found - _INNER_SCHEMAS)


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise LakeError(str(error)) from error
