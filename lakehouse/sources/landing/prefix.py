"""Landed files below a prefix of an object store, through DuckDB's own client."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import duckdb

from lakehouse import private
from lakehouse.lake import connect, literal, spill_folder, use_object_storage
from lakehouse.settings import Settings
from lakehouse.sources.landing.files import LandedFile


class Prefix:
    """The objects below `root`. An object exists as a whole or not at all."""

    def __init__(self, root: str, settings: Settings) -> None:
        self.root = root
        self.settings = settings

    def files(self) -> Iterator[LandedFile]:
        """Every object."""
        pattern = f"{self.root}/**"
        if self._storage.execute("SELECT count(*) FROM glob(?)", [pattern]).fetchone() == (0,):
            return
        found = self._storage.execute(
            "SELECT filename, size, last_modified AT TIME ZONE 'UTC' FROM read_blob(?)", [pattern]
        )
        for path, size, modified in found.fetchall():
            name = path.removeprefix(self.root + "/")
            if not any(part.startswith(".") for part in name.split("/")):
                yield LandedFile(name, path, size, modified, landed=modified)

    def has_changed(self, file: LandedFile) -> bool:
        """Always false: a read returns one whole object."""
        return False

    def open_to_others(self) -> list[str]:
        """Always empty: the store's policies control access."""
        return []

    @contextmanager
    def local(self, file: LandedFile) -> Iterator[Path]:
        """A copy, deleted after the block."""
        with self._scratch(Path(file.name).name) as copy:
            self._copy(file.path, str(copy))
            yield copy

    def put(self, name: str, write: Callable[[Path], object]) -> None:
        """Let `write` fill a local file, then upload it."""
        with self._scratch(Path(name).name) as scratch:
            write(scratch)
            self._copy(str(scratch), f"{self.root}/{name}")

    def replace(self, name: str, content: bytes) -> None:
        """Store `content`, overwriting any object of that name."""
        self.put(name, lambda path: path.write_bytes(content))

    def claim(self, name: str, content: bytes) -> bool:
        """Check, then store: two processes that check at the same moment could both succeed."""
        folder, _, file = name.rpartition("/")
        if file in self.hidden(folder):
            return False
        self.replace(name, content)
        return True

    def hidden(self, folder: str) -> Iterator[str]:
        """Every object below `folder`."""
        where = f"{self.root}/{folder}"
        found = self._storage.execute("SELECT file FROM glob(?)", [f"{where}/**"])
        return (path.removeprefix(f"{where}/") for (path,) in found.fetchall())

    def read(self, name: str) -> bytes:
        """All bytes of an object."""
        query, path = "SELECT content FROM read_blob(?)", f"{self.root}/{name}"
        row = self._storage.execute(query, [path]).fetchone()
        if row is None:
            raise FileNotFoundError("it no longer exists")
        return bytes(row[0])

    @contextmanager
    def _scratch(self, name: str) -> Iterator[Path]:
        spill = private.make_private(self.settings.data_dir / "spill")
        with tempfile.TemporaryDirectory(dir=spill) as folder:
            yield Path(folder) / name

    def _copy(self, source: str, target: str) -> None:
        self._storage.execute(
            f"COPY (SELECT content FROM read_blob({literal(source)})) "
            f"TO {literal(target)} (FORMAT blob)"
        )

    @cached_property
    def _storage(self) -> duckdb.DuckDBPyConnection:
        connection = connect(temp_directory=str(spill_folder(self.settings)))
        use_object_storage(connection, self.settings)
        return connection
