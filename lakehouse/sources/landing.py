"""The landing zone: complete, immutable files, one folder (or object-store prefix) a source.

Names, listing and atomic writes. What is inside the files is for `reading.py`.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import duckdb

from lakehouse import private
from lakehouse.lake import literal
from lakehouse.lake.connection import connect, spill_folder, use_object_storage
from lakehouse.settings import Settings
from lakehouse.sources.errors import LandingError

SEAL_FORMAT = "%Y%m%dT%H%M%S%fZ"


@dataclass(frozen=True)
class LandedFile:
    """`name`: path below the source's folder; `modified`: UTC, naive, as the storage says."""

    name: str
    path: str
    bytes: int
    modified: datetime


def seal_name(seal: datetime, suffix: str) -> str:
    """The name of a file that completes a source up to `seal` (UTC, naive)."""
    return seal.strftime(SEAL_FORMAT) + suffix


def sha256(path: Path) -> str:
    """The hash of a file's bytes, as hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class Landing:
    """The landed files of one source."""

    def __init__(self, settings: Settings, source: str) -> None:
        self.settings = settings
        self.root = f"{settings.landing.rstrip('/')}/{source}"
        self.remote = "://" in self.root

    def files(self) -> list[LandedFile]:
        """Every complete file, by name. A name with a part that starts with a dot is none yet."""
        try:
            found = list(self._remote_files() if self.remote else self._local_files())
        except (OSError, duckdb.Error) as error:
            raise LandingError(f"cannot list the landing zone {self.root}: {error}") from error
        return sorted(found, key=lambda file: file.name)

    def _local_files(self) -> Iterator[LandedFile]:
        for folder, folders, names in os.walk(self.root):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                if name.startswith("."):
                    continue
                path = os.path.join(folder, name)
                status = os.stat(path)
                modified = datetime.fromtimestamp(status.st_mtime, UTC).replace(tzinfo=None)
                yield LandedFile(os.path.relpath(path, self.root), path, status.st_size, modified)

    def _remote_files(self) -> Iterator[LandedFile]:
        pattern = f"{self.root}/**"
        if self._storage.execute("SELECT count(*) FROM glob(?)", [pattern]).fetchone() == (0,):
            return
        found = self._storage.execute(
            "SELECT filename, size, last_modified AT TIME ZONE 'UTC' FROM read_blob(?)", [pattern]
        )
        for path, size, modified in found.fetchall():
            name = path.removeprefix(self.root + "/")
            if not any(part.startswith(".") for part in name.split("/")):
                yield LandedFile(name, path, size, modified)

    def open_to_others(self) -> list[str]:
        """Folders and files that others than their owner may read or change, relative to the root.

        Files in the making included. In an object store the store's policies decide; none then.
        """
        if self.remote:
            return []
        root = Path(self.root)
        found = [root, *root.rglob("*")] if root.exists() else []
        return [
            path.relative_to(root).as_posix()
            for path in found
            if not path.is_symlink() and path.stat().st_mode & private.OTHERS
        ]

    @contextmanager
    def local(self, file: LandedFile) -> Iterator[Path]:
        """The file on this machine; one from an object store is there only inside the block."""
        if not self.remote:
            yield Path(file.path)
            return
        with self._scratch(Path(file.name).name) as copy:
            self._copy(file.path, str(copy))
            yield copy

    def put(self, name: str, write: Callable[[Path], None]) -> str:
        """Land what `write` puts into the path it is given: all of it under `name`, or nothing.

        Raises:
            LandingError: when there is such a file already, or no room for it.
        """
        try:
            if self.remote:
                with self._scratch(name) as scratch:
                    write(scratch)
                    self._copy(str(scratch), f"{self.root}/{name}")
            else:
                self._put_locally(Path(self.root), name, write)
        except (OSError, duckdb.IOException) as error:
            raise LandingError(
                f"cannot land {name} in {self.root}: {error}; nothing was landed. Free space or "
                "rights there, then run again"
            ) from error
        return name

    @staticmethod
    def _put_locally(folder: Path, name: str, write: Callable[[Path], None]) -> None:
        folder.mkdir(mode=private.FOLDER, parents=True, exist_ok=True)
        if (folder / name).exists():
            raise FileExistsError(f"{folder / name} is landed already, and landed files stay")
        # in a folder of its own: what DuckDB makes may be read by all until it is narrowed
        partial = private.make_private(folder / f".{name}.landing") / name
        try:
            write(partial)
            partial.chmod(private.FILE)
            with partial.open("rb") as stream:
                os.fsync(stream.fileno())
            partial.rename(folder / name)
        finally:
            shutil.rmtree(partial.parent)
        directory = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

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
