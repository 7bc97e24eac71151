"""The landing zone: complete, immutable files, one folder (or object-store prefix) a source.

Names, listing and atomic writes. What is inside the files is for `reading.py`.
"""

import errno
import hashlib
import os
import shutil
import stat
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import duckdb

from lakehouse import private
from lakehouse.lake import literal
from lakehouse.lake.connection import connect, spill_folder, use_object_storage
from lakehouse.settings import Settings
from lakehouse.sources.errors import LandingError

_KINDS = {
    stat.S_IFDIR: "a link to a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFLNK: "a link",
}
SEAL_FORMAT = "%Y%m%dT%H%M%S%fZ"
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
"""What a file system without hard links says."""


@dataclass(frozen=True)
class LandedFile:
    """`name`: path below the source's folder; `modified`: UTC, naive, as the storage says.

    `problem` is why it cannot be read at all: a link to nothing, a pipe, a folder that is closed.
    """

    name: str
    path: str
    bytes: int
    modified: datetime
    problem: str | None = None


def seal_name(seal: datetime, suffix: str) -> str:
    """The name of a file that completes a source up to `seal` (UTC, naive)."""
    return seal.strftime(SEAL_FORMAT) + suffix


def shown(name: str) -> str:
    """A name from outside as a message shows it: as it is, or escaped where that cannot be seen."""
    return name if name.isprintable() and name.strip() == name and name else repr(name)


def sha256(path: Path) -> str:
    """The hash of a file's bytes, as hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _local_file(name: str, path: str) -> LandedFile:
    # a name is bytes, which need not be text
    name = os.fsencode(name).decode(errors="backslashreplace")
    status, problem = os.lstat(path), None
    if stat.S_ISLNK(status.st_mode):
        try:
            status = os.stat(path)
        except OSError as error:
            problem = f"a link that leads nowhere ({error.strerror})"
    if not problem and not stat.S_ISREG(status.st_mode):
        problem = f"not a regular file but {_KINDS.get(stat.S_IFMT(status.st_mode), 'a device')}"
    modified = datetime.fromtimestamp(status.st_mtime, UTC).replace(tzinfo=None)
    return LandedFile(name, path, status.st_size, modified, problem)


class Landing:
    """The landed files of one source."""

    def __init__(self, settings: Settings, source: str) -> None:
        self.settings = settings
        self.source = source
        self.root = f"{settings.landing.rstrip('/')}/{source}"
        self.remote = "://" in self.root

    def files(self) -> list[LandedFile]:
        """Every complete file, by name. A name with a part that starts with a dot is none yet."""
        try:
            found = list(self._remote_files() if self.remote else self._local_files())
        except (OSError, duckdb.Error) as error:
            raise LandingError(f"cannot list the landing zone {self.root}: {error}") from error
        return sorted(found, key=lambda file: file.name)

    def has_changed(self, file: LandedFile) -> bool:
        """Whether `file` is another one than when it was listed. An object is never half there."""
        return not self.remote and _local_file(file.name, file.path) != file

    def _local_files(self) -> Iterator[LandedFile]:
        closed: list[OSError] = []
        for folder, folders, names in os.walk(self.root, onerror=closed.append):
            folders[:] = [name for name in folders if not name.startswith(".")]
            links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
            for name in (*names, *links):
                if not name.startswith("."):
                    path = os.path.join(folder, name)
                    yield _local_file(os.path.relpath(path, self.root), path)
        for error in closed:
            if error.filename == self.root:
                if isinstance(error, FileNotFoundError):
                    continue  # nothing was landed yet
                raise error
            name = os.path.relpath(error.filename, self.root)
            yield replace(_local_file(name, error.filename), problem=f"{error.strerror}: {name}")

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

    def put(self, name: str, write: Callable[[Path], object]) -> str:
        """Land what `write` puts into the path it is given: all of it under `name`, or nothing.

        Raises:
            LandingError: when there is such a file already, or no room for it.
        """
        try:
            if self.remote:
                with self._scratch(Path(name).name) as scratch:
                    write(scratch)
                    self._copy(str(scratch), f"{self.root}/{name}")
            else:
                path = Path(self.root) / name
                self._put_locally(path.parent, path.name, write)
        except (OSError, duckdb.IOException) as error:
            raise LandingError(
                f"cannot land {name} in {self.root}: {error}; nothing was landed. Free space or "
                "rights there, then run again"
            ) from error
        return name

    def put_again(self, name: str, content: bytes) -> None:
        """Write a note of our own, which is no landed file, in place of one that is there."""
        if not self.remote:
            (Path(self.root) / name).unlink(missing_ok=True)

        def write(path: Path) -> None:
            path.write_bytes(content)

        self.put(name, write)

    def hidden(self, folder: str) -> list[str]:
        """Names of files below a folder of our own, by name; the folder's has a dot."""
        where = f"{self.root}/{folder}"
        try:
            if self.remote:
                found = self._storage.execute("SELECT file FROM glob(?)", [f"{where}/**"])
                return sorted(path.removeprefix(f"{where}/") for (path,) in found.fetchall())
            files = (path for path in Path(where).rglob("*") if path.is_file())
            return sorted(path.relative_to(where).as_posix() for path in files)
        except (OSError, duckdb.Error) as error:
            raise LandingError(f"cannot list {where}: {error}") from error

    def read_hidden(self, name: str) -> bytes:
        """All bytes of `<folder>/<file>` below a folder of our own."""
        path = f"{self.root}/{name}"
        try:
            if not self.remote:
                return Path(path).read_bytes()
            row = self._storage.execute("SELECT content FROM read_blob(?)", [path]).fetchone()
        except (OSError, duckdb.Error) as error:
            raise LandingError(f"cannot read {path}: {error}") from error
        if row is None:
            raise LandingError(f"cannot read {path}: it is not there any more")
        return bytes(row[0])

    def claim_hidden(self, name: str, content: bytes) -> bool:
        """Write `<folder>/<file>`, all of it or nothing; False if there is one of that name.

        It is on the disk when this returns. Of several processes one wins, on a local file system
        with hard links; elsewhere two that look at the same moment could both.

        Raises:
            LandingError: when it cannot be written.
        """
        try:
            if self.remote:
                return self._claim_remotely(name, content)
            return _claim_locally(Path(self.root) / name, content)
        except (OSError, duckdb.Error) as error:
            raise LandingError(
                f"cannot write {self.root}/{name}: {error}; nothing was loaded. Free space or "
                "rights there, then run again"
            ) from error

    def _claim_remotely(self, name: str, content: bytes) -> bool:
        folder, _, file = name.rpartition("/")
        if file in self.hidden(folder):
            return False
        with self._scratch(file) as scratch:
            scratch.write_bytes(content)
            self._copy(str(scratch), f"{self.root}/{name}")
        return True

    @staticmethod
    def _put_locally(folder: Path, name: str, write: Callable[[Path], object]) -> None:
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
        _sync(folder)

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


def _claim_locally(path: Path, content: bytes) -> bool:
    path.parent.mkdir(mode=private.FOLDER, parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
    try:
        with partial.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(partial, path)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            if path.exists():
                return False
            partial.rename(path)
    finally:
        with suppress(FileNotFoundError):
            partial.unlink()
    _sync(path.parent)
    return True


def _sync(folder: Path) -> None:
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
