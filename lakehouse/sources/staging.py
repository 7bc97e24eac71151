"""Reads and checks one batch of landed files, and holds it in DuckDB's memory (which may spill).

It holds no lock and does not touch the lake: `loading.py` commits the result.
"""

import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from lakehouse.lake import connect, quote, spill_folder
from lakehouse.sources.checking import check_sql, plain_column
from lakehouse.sources.landing import LandedFile, Landing, printable, seal_name, sha256
from lakehouse.sources.pii import token_key, token_parameters
from lakehouse.sources.reading import Block, Reading, Shape, Unreadable, file_format, read_file
from lakehouse.sources.spec import SourceSpec
from lakehouse.sources.staged import Staged, StagedFile

BATCH_BYTES = 256 << 20
"""Decoded bytes after which a batch is committed; a bigger file is its own batch."""
_CHUNK_BYTES = 32 << 20
_ENVIRONMENT_ERRORS = (
    *(duckdb.IOException, duckdb.OutOfMemoryException, duckdb.InterruptException),
    *(duckdb.FatalException, duckdb.InternalException, duckdb.ConnectionException),
)
"""DuckDB errors that are not caused by a file."""


@contextmanager
def stage(
    cursor: duckdb.DuckDBPyConnection,
    spec: SourceSpec,
    landing: Landing,
    files: list[LandedFile],
    known_extras: list[str],
) -> Iterator[Staged]:
    """Read and check as many of `files`, in order, as fit in a batch; dropped after the block."""
    table = f'memory.main."staged_{spec.name}_{uuid.uuid4().hex}"'
    settings = landing.settings
    staged = Staged(table, extras=list(known_extras))
    scratch = connect(threads=1, temp_directory=str(spill_folder(settings)))
    stager = _Stager(cursor, spec, staged, settings.longest_row_bytes, scratch)
    if spec.contract.personal:
        stager.parameters = token_parameters(token_key(settings))
    try:
        stager.create()
        size = 0
        for file in files:
            size += stager.add(landing, file)
            if size >= BATCH_BYTES:
                break
        stager.finish()
        yield staged
    finally:
        scratch.close()
        cursor.execute(f"DROP TABLE IF EXISTS {table}")


def reading_of(spec: SourceSpec, name: str, max_row_bytes: int) -> Reading:
    """How the file called `name` of a source is read. Raises `Unreadable` for an unknown format."""
    return Reading(
        spec.format or file_format(name),
        tuple(dict.fromkeys(column.origin for column in spec.contract.read)),
        all_columns=spec.contract.on_change == "evolve",
        delimiter=spec.delimiter,
        encoding=spec.encoding,
        max_row_bytes=max_row_bytes,
    )


class _Stager:
    """Collects tables of one shape, so that many small files are checked in one statement."""

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        spec: SourceSpec,
        staged: Staged,
        max_row_bytes: int,
        scratch: duckdb.DuckDBPyConnection,
    ) -> None:
        self.cursor = cursor
        self.scratch = scratch
        self.spec = spec
        self.staged = staged
        self.max_row_bytes = max_row_bytes
        self.parameters: dict[str, bytes] = {}
        self.shape = Shape("")
        self.chunk: list[Any] = []
        self.size = 0
        self.declared = dict.fromkeys(column.origin for column in spec.contract.read)

    def create(self) -> None:
        columns = ["_no INTEGER", "_row BIGINT", "_reason VARCHAR", "_column VARCHAR"]
        columns += ["_text VARCHAR"]
        columns += [f"{quote(c.name)} {c.raw_type}" for c in self.spec.contract.stored]
        columns += [f"{quote(name)} VARCHAR" for name in self.staged.extras]
        self.cursor.execute(f"CREATE TABLE {self.staged.table} ({', '.join(columns)})")

    def add(self, landing: Landing, file: LandedFile) -> int:
        """Read one file; return its number of decoded bytes."""
        entry = StagedFile(file, len(self.staged.files), refused=file.problem)
        self.staged.files.append(entry)
        if entry.refused:
            return 0
        try:
            with landing.local(file) as path:
                entry.sha256 = sha256(path)
                size = self._read(entry, path)
                if landing.has_changed(file):
                    raise Unreadable(
                        "it changed while it was being read: land only complete files, for "
                        "instance by writing them under a name that starts with a dot and "
                        "renaming them"
                    )
        except (Unreadable, OSError) as error:
            entry.refused = str(error)
            return 0
        self._handle_missing(entry)
        return size

    def _read(self, entry: StagedFile, path: Path) -> int:
        import pyarrow as pa

        spec, size = self.spec, 0
        if spec.seal_of(entry.file) is None:
            pattern = spec.seal_pattern.regex or seal_name(datetime(2026, 5, 25), "")
            raise Unreadable(
                f"its name contains no seal ({pattern}): correct the name, or `seal_pattern`"
            )
        reading = reading_of(spec, entry.file.name, self.max_row_bytes)
        for block in read_file(path, reading, self.scratch):
            size += block.table.nbytes
            self._handle_undeclared(entry, block)
            numbers = pa.repeat(pa.scalar(entry.number, pa.int32()), len(block.table))
            self._gather(block.shape, block.table.append_column("_no", numbers))
        return size

    def finish(self) -> None:
        """Check the remaining tables, remove refused files and count the rows of the others."""
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
        for entry in self.staged.files:
            if not entry.refused:
                lost = entry.found.keys() - self.declared.keys() - set(self.staged.extras)
                self.staged.discarded += Counter({name: entry.found[name] for name in lost})
                entry.drift = self._drift(entry, sorted(lost))

    def _gather(self, shape: Shape, table: Any) -> None:
        if shape != self.shape or self.size > _CHUNK_BYTES:
            self._check()
        self.shape = shape
        self.chunk.append(table)
        self.size += table.nbytes

    def _check(self) -> None:
        chunk, self.chunk, self.size = self.chunk, [], 0
        try:
            self._check_tables(chunk)
        except _ENVIRONMENT_ERRORS:
            raise
        except duckdb.Error:
            # an unforeseen problem in one of these files must not stop the others
            for table in chunk:
                self._check_alone(table)

    def _check_alone(self, table: Any) -> None:
        try:
            self._check_tables([table])
        except _ENVIRONMENT_ERRORS:
            raise
        except duckdb.Error as error:
            entry = self.staged.files[table["_no"][0].as_py()]
            # DuckDB's message may contain a value
            detail = "" if self.spec.contract.personal else f": {str(error).splitlines()[0]}"
            entry.refused = f"its rows cannot be checked ({type(error).__name__}){detail}"

    def _check_tables(self, tables: list[Any]) -> None:
        import pyarrow as pa

        if not any(map(len, tables)):
            return
        chunk = pa.concat_tables(tables).combine_chunks()
        types = self._register(chunk)
        if odd := self._plain_columns(chunk, types):
            types = self._register(pa.table([*chunk.columns, *odd.values()], [*types, *odd]))
        try:
            check = check_sql(
                self.spec.contract,
                self.shape,
                tuple(self.staged.extras),
                types,
                self.spec.local_times,
            )
            self.cursor.execute(
                f"INSERT INTO {self.staged.table} BY NAME {check}", self.parameters or None
            )
        finally:
            self.cursor.unregister("chunk")

    def _register(self, chunk: Any) -> dict[str, str]:
        """Register `chunk` with the cursor; return DuckDB's types of its columns."""
        self.cursor.register("chunk", chunk)
        return {row[0]: row[1] for row in self.cursor.execute("DESCRIBE chunk").fetchall()}

    def _plain_columns(self, chunk: Any, types: dict[str, str]) -> dict[str, Any]:
        """Columns that DuckDB would not cast exactly, in plain form."""
        odd = {}
        for column in self.spec.contract.read:
            if column.origin in self.shape.columns:
                name = f"_c{self.shape.columns.index(column.origin)}"
                values = chunk[name]
                written = column.kind.plain(values, types[name], self.spec.local_times)
                if written is not values:
                    odd[plain_column(name, column.name)] = written
        return odd

    def _handle_undeclared(self, entry: StagedFile, block: Block) -> None:
        """Handle undeclared columns by the contract."""
        entry.found.update(block.found)
        undeclared = [name for name in block.found if name not in self.declared]
        if undeclared and self.spec.contract.on_change == "freeze":
            raise Unreadable(
                f"columns not in the contract: {', '.join(map(printable, undeclared))}; declare "
                "them, or set `on_change` to `discard` or `evolve`, then release the file"
            )
        if self.spec.contract.on_change != "evolve":
            return
        for name in undeclared:
            is_read = name in block.shape.columns
            if is_read and name not in self.staged.extras and self._is_free(name):
                # tables collected so far are checked without the new column
                self._check()
                self.staged.extras.append(name)
                self.cursor.execute(
                    f"ALTER TABLE {self.staged.table} ADD COLUMN {quote(name)} VARCHAR"
                )

    def _handle_missing(self, entry: StagedFile) -> None:
        """Refuse or report declared columns that a file with rows lacks, by the contract."""
        contract = self.spec.contract
        missing = [
            column.origin
            for column in contract.read
            if entry.found and not column.optional and column.origin not in entry.found
        ]
        if missing and contract.on_change == "freeze":
            entry.refused = f"columns of the contract are missing: {', '.join(missing)}"
        elif missing and contract.on_change == "discard":
            self.staged.missing[entry.file.name] = missing

    def _drift(self, entry: StagedFile, lost: list[str]) -> str | None:
        changes = []
        if lost and self.spec.contract.on_change == "evolve":
            names = ", ".join(map(printable, lost))
            changes.append(f"columns that raw cannot have were left out: {names}")
        if missing := self.staged.missing.get(entry.file.name):
            changes.append(
                f"columns of the contract are missing: {', '.join(map(printable, missing))}"
            )
        return "; ".join(changes) or None

    def _is_free(self, name: str) -> bool:
        """Whether raw can have a column of this name: its names must not differ in case alone."""
        taken = ["known_at", *self.staged.extras]
        taken += [column.name for column in self.spec.contract.columns]
        taken += [column.origin for column in self.spec.contract.read]
        reserved = not name.isprintable() or not name.strip() or name.startswith("_")
        return not reserved and name.lower() not in map(str.lower, taken)
