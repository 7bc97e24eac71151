"""One batch of landed files, read and checked, waiting in DuckDB's memory (which may spill).

No lock is held meanwhile and nothing of the lake is touched: `loading.py` commits the result.
"""

import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import duckdb

from lakehouse.lake import quote
from lakehouse.sources.checking import VALID_OBJECT, check_sql
from lakehouse.sources.landing import LandedFile, Landing, sha256
from lakehouse.sources.pii import token_key, token_parameters
from lakehouse.sources.reading import Shape, Unreadable, file_format, read_file
from lakehouse.sources.spec import SourceSpec

BATCH_BYTES = 256 << 20
"""Decoded bytes after which a batch is committed; a bigger file is a batch of its own."""
_CHUNK_BYTES = 32 << 20


@dataclass
class StagedFile:
    """What became of one file. `refused` is why none of its rows may be loaded."""

    file: LandedFile
    number: int
    sha256: str
    refused: str | None = None
    rows: int = 0
    rejected: int = 0


@dataclass
class Staged:
    """A batch. `table` has `_no` (in `files`), `_row`, `_reason`, `_column`, `_text` and data.

    `extras` are undeclared columns in it, `discarded` the rows that had one and lost it.
    """

    table: str
    files: list[StagedFile] = field(default_factory=list)
    extras: list[str] = field(default_factory=list)
    discarded: Counter[str] = field(default_factory=Counter)


@contextmanager
def stage(
    cursor: duckdb.DuckDBPyConnection,
    spec: SourceSpec,
    landing: Landing,
    files: list[LandedFile],
    known_extras: list[str],
) -> Iterator[Staged]:
    """Read and check as many of `files`, in order, as a batch may hold; gone after the block."""
    table = f'memory.main."staged_{spec.name}_{uuid.uuid4().hex}"'
    stager = _Stager(cursor, spec, Staged(table, extras=list(known_extras)))
    if spec.contract.personal:
        stager.parameters = token_parameters(token_key(landing.settings))
    try:
        stager.create()
        size = 0
        for file in files:
            size += stager.add(landing, file)
            if size >= BATCH_BYTES:
                break
        stager.finish()
        yield stager.staged
    finally:
        cursor.execute(f"DROP TABLE IF EXISTS {table}")


class _Stager:
    """Gathers tables of one shape, so that many small files are checked in one statement."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, spec: SourceSpec, staged: Staged) -> None:
        self.cursor = cursor
        self.spec = spec
        self.staged = staged
        self.parameters: dict[str, bytes] = {}
        self.shape = Shape("")
        self.chunk: list[Any] = []
        self.size = 0

    def create(self) -> None:
        columns = ["_no INTEGER", "_row BIGINT", "_reason VARCHAR", "_column VARCHAR"]
        columns += ["_text VARCHAR"]
        columns += [f"{quote(c.name)} {c.raw_type}" for c in self.spec.contract.stored]
        columns += [f"{quote(name)} VARCHAR" for name in self.staged.extras]
        self.cursor.execute(f"CREATE TABLE {self.staged.table} ({', '.join(columns)})")

    def add(self, landing: Landing, file: LandedFile) -> int:
        """Read one file; how many decoded bytes it had."""
        import pyarrow as pa

        size = 0
        with landing.local(file) as path:
            entry = StagedFile(file, len(self.staged.files), sha256(path))
            self.staged.files.append(entry)
            try:
                if self.spec.seal_pattern.read(file.name) is None:
                    raise Unreadable(f"no seal in its name ({self.spec.seal_pattern.regex})")
                format = self.spec.format or file_format(file.name)
                for shape, table in read_file(path, format, self.spec.delimiter):
                    size += table.nbytes
                    numbers = pa.repeat(pa.scalar(entry.number, pa.int32()), len(table))
                    self._gather(shape, table.append_column("_no", numbers))
            except Unreadable as error:
                entry.refused = str(error)
        return size

    def finish(self) -> None:
        """Check what is left, take out refused files and count the rows of the others."""
        self._check()
        table = self.staged.table
        refused = [entry.number for entry in self.staged.files if entry.refused]
        if refused:
            self.cursor.execute(f"DELETE FROM {table} WHERE _no IN (SELECT unnest(?))", [refused])
        counts = self.cursor.execute(
            f"SELECT _no, count(*), count(_reason) FROM {table} GROUP BY _no"
        )
        for number, rows, rejected in counts.fetchall():
            entry = self.staged.files[number]
            entry.rows, entry.rejected = rows - rejected, rejected

    def _gather(self, shape: Shape, table: Any) -> None:
        if shape != self.shape or self.size > _CHUNK_BYTES:
            self._check()
        self.shape = shape
        self.chunk.append(table)
        self.size += table.nbytes

    def _check(self) -> None:
        import pyarrow as pa

        if not self.chunk:
            return
        self.cursor.register("chunk", pa.concat_tables(self.chunk))
        try:
            self._meet_undeclared()
            described = self.cursor.execute("DESCRIBE chunk").fetchall()
            types = {row[0]: row[1] for row in described}
            check = check_sql(self.spec.contract, self.shape, tuple(self.staged.extras), types)
            self.cursor.execute(
                f"INSERT INTO {self.staged.table} BY NAME {check}", self.parameters or None
            )
        finally:
            self.cursor.unregister("chunk")
            self.chunk, self.size = [], 0

    def _meet_undeclared(self) -> None:
        """Do with columns that nobody declared what the contract says."""
        declared = {column.origin for column in self.spec.contract.read}
        for number, columns, rows in self._columns():
            undeclared = [name for name in columns if name not in declared]
            if undeclared and self.spec.contract.on_change == "freeze":
                names = ", ".join(undeclared)
                self.staged.files[number].refused = f"columns not in the contract: {names}"
                continue
            for name in undeclared:
                if name in self.staged.extras:
                    continue
                if self.spec.contract.on_change == "evolve" and self._is_free(name):
                    self.staged.extras.append(name)
                    self.cursor.execute(
                        f"ALTER TABLE {self.staged.table} ADD COLUMN {quote(name)} VARCHAR"
                    )
                else:
                    self.staged.discarded[name] += rows

    def _columns(self) -> list[tuple[int, list[str], int]]:
        """Number of the file, its columns, rows that have them."""
        keys = "[]::VARCHAR[]"
        if self.shape.format == "jsonl":
            keys = f"CASE WHEN {VALID_OBJECT} THEN json_keys(_text) ELSE {keys} END"
        found = self.cursor.execute(
            f"SELECT _no, {keys} AS keys, count(*) FROM chunk GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        return [(number, keys or list(self.shape.columns), rows) for number, keys, rows in found]

    def _is_free(self, name: str) -> bool:
        taken = ["known_at", *self.staged.extras]
        taken += [column.name for column in self.spec.contract.columns]
        taken += [column.origin for column in self.spec.contract.read]
        reserved = not name or name.startswith("_")
        return not reserved and name.lower() not in map(str.lower, taken)
