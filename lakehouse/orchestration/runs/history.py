"""Dagster's history in SQLite, with connections that stay open.

Dagster opens and closes a database for every event; each close checkpoints the write-ahead log and
waits for the disk, and a run with nothing to do spent most of its time there. The storage format
and location are Dagster's own (`DagsterSqliteStorage`): the two are interchangeable in
`dagster.yaml` at any time.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.schedules import SqliteScheduleStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from sqlalchemy.pool import StaticPool

from lakehouse.redacted_output import guard_process
from lakehouse.redaction import redact_document

MAX_OPEN = 8
"""Databases kept open: the index, and those of the last runs accessed (each run has its own)."""
_WAIT_SECONDS = 30
_LAST_RUNS = """
SELECT last_run_id FROM asset_keys
UNION SELECT run_id FROM event_logs WHERE id IN (
  SELECT max(id) FROM event_logs WHERE asset_key IS NOT NULL
  GROUP BY asset_key, dagster_event_type, partition)
UNION SELECT run_id FROM asset_check_executions WHERE id IN (
  SELECT max(id) FROM asset_check_executions
  GROUP BY asset_key, check_name, execution_status, partition)
"""
_DELETE_CHECKS = "DELETE FROM asset_check_executions WHERE run_id = :run_id"


def _redact(_: Any, __: Any, statement: str, parameters: Any, ___: Any, ____: Any) -> Any:
    """Redact everything that Dagster stores: all events, ticks and heartbeats pass through here."""
    return statement, _redacted(parameters)


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redact_document(value)
    if isinstance(value, dict):
        return {name: _redacted(one) for name, one in value.items()}
    return type(value)(map(_redacted, value)) if isinstance(value, list | tuple) else value


class RunStorage(SqliteRunStorage):
    """Dagster's runs and its daemon's heartbeats, without secrets."""

    @contextmanager
    def connect(self) -> Iterator[sqlalchemy.Connection]:
        """A connection that redacts stored values."""
        with super().connect() as connection:
            sqlalchemy.event.listen(connection, "before_cursor_execute", _redact, retval=True)
            yield connection


class ScheduleStorage(SqliteScheduleStorage):
    """Dagster's sensors and schedules with their ticks, without secrets."""

    @contextmanager
    def connect(self) -> Iterator[sqlalchemy.Connection]:
        """A connection that redacts stored values."""
        with super().connect() as connection:
            sqlalchemy.event.listen(connection, "before_cursor_execute", _redact, retval=True)
            yield connection


class EventLog(SqliteEventLogStorage):
    """Dagster's event log with one open connection per database; one thread uses it at a time."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        self._engines: OrderedDict[str, sqlalchemy.Engine] = OrderedDict()
        self._tables: set[str] = set()
        super().__init__(base_dir, inst_data)
        self._db_lock = threading.Lock()

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sqlalchemy.Connection]:
        with self._db_lock, self._engine(shard).connect() as connection, connection.begin():
            yield connection

    def _engine(self, shard: str) -> sqlalchemy.Engine:
        engine = self._engines.pop(shard, None)
        if engine is None:
            engine = sqlalchemy.create_engine(
                self.conn_string_for_shard(shard),
                poolclass=StaticPool,
                connect_args={"timeout": _WAIT_SECONDS, "check_same_thread": False},
            )
            sqlalchemy.event.listen(engine, "before_cursor_execute", _redact, retval=True)
            sqlalchemy.event.listen(engine, "connect", _relax_synchronous)
            self._initdb(engine)
        self._engines[shard] = engine
        while len(self._engines) > MAX_OPEN:
            self._engines.popitem(last=False)[1].dispose()
        return engine

    def has_table(self, table_name: str) -> bool:
        """Whether the index has this table. Dagster asks for each event, and never drops one."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    @property
    def index_file(self) -> Path:
        """The index database: the status of assets and checks across all runs."""
        return Path(self.path_for_shard(INDEX_SHARD_NAME))

    def last_runs(self) -> set[str]:
        """The runs that an asset or check references as its last one, for any kind of event."""
        with self.index_connection() as connection:
            rows = connection.execute(sqlalchemy.text(_LAST_RUNS)).fetchall()
        return {run_id for (run_id,) in rows if run_id}

    def delete_events(self, run_id: str) -> None:
        """Delete all data of a run, with its database and check executions, which Dagster keeps."""
        super().delete_events(run_id)
        with self.index_connection() as connection:
            connection.execute(sqlalchemy.text(_DELETE_CHECKS), {"run_id": run_id})
        with self._db_lock:
            if engine := self._engines.pop(run_id, None):
                engine.dispose()
            for suffix in ("", "-wal", "-shm"):
                Path(self.path_for_shard(run_id) + suffix).unlink(missing_ok=True)

    def dispose(self) -> None:
        """Close every database."""
        with self._db_lock:
            while self._engines:
                self._engines.popitem()[1].dispose()
        super().dispose()


class SqliteHistory(DagsterSqliteStorage):
    """Dagster's SQLite storage with this event log; named in `dagster.yaml`."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        guard_process()  # the daemon and the UI load no other code of ours
        super().__init__(base_dir, inst_data)
        self._run_storage = RunStorage(self._run_storage._conn_string)
        self._event_log_storage = EventLog(self._event_log_storage._base_dir)
        self._schedule_storage = ScheduleStorage(self._schedule_storage._conn_string)

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> "SqliteHistory":
        """Create it from `dagster.yaml`."""
        return cls.from_local(inst_data=inst_data, **config_value)


def _relax_synchronous(connection: Any, _: Any) -> None:
    # with a write-ahead log, only a crash of the machine can lose a commit, not one of the process
    connection.execute("PRAGMA synchronous=NORMAL")
