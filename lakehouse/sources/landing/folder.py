"""Landed files in a local folder, accessible to their owner only."""

import errno
import os
import shutil
import stat
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from lakehouse import private
from lakehouse.sources.landing.files import LandedFile

_KINDS = {
    stat.S_IFDIR: "a link to a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFLNK: "a link",
}
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
"""The error codes of file systems without hard links."""


class Folder:
    """The files below `root`."""

    def __init__(self, root: str) -> None:
        self.root = Path(root)

    def files(self) -> Iterator[LandedFile]:
        """Every file; a folder that we may not read is listed as a file with a problem."""
        errors: list[OSError] = []
        for folder, folders, names in os.walk(self.root, onerror=errors.append):
            folders[:] = [name for name in folders if not name.startswith(".")]
            links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
            for name in (*names, *links):
                if not name.startswith("."):
                    path = os.path.join(folder, name)
                    yield _inspect(os.path.relpath(path, self.root), path)
        for error in errors:
            if error.filename == str(self.root):
                if isinstance(error, FileNotFoundError):
                    continue  # nothing has been landed yet
                raise error
            name = os.path.relpath(error.filename, self.root)
            yield replace(_inspect(name, error.filename), problem=f"{error.strerror}: {name}")

    def has_changed(self, file: LandedFile) -> bool:
        """Whether size, time or type differ from when the file was listed."""
        return _inspect(file.name, file.path) != file

    def open_to_others(self) -> list[str]:
        """Folders and files that give rights to others than their owner."""
        found = [self.root, *self.root.rglob("*")] if self.root.exists() else []
        return [
            path.relative_to(self.root).as_posix()
            for path in found
            if not path.is_symlink() and path.stat().st_mode & private.OTHERS_MASK
        ]

    @contextmanager
    def local(self, file: LandedFile) -> Iterator[Path]:
        """The file itself."""
        yield Path(file.path)

    def put(self, name: str, write: Callable[[Path], object]) -> None:
        """Let `write` fill a temporary file, then rename it. Landed files are never overwritten.

        The temporary file has its own folder: DuckDB creates files that everyone may read at first.
        """
        path = self.root / name
        path.parent.mkdir(mode=private.FOLDER_MODE, parents=True, exist_ok=True)
        if path.exists():
            raise FileExistsError(f"{path} has already landed, and is never overwritten")
        partial = private.make_private(path.with_name(f".{path.name}.landing")) / path.name
        try:
            write(partial)
            partial.chmod(private.FILE_MODE)
            with partial.open("rb") as stream:
                os.fsync(stream.fileno())
            partial.rename(path)
        finally:
            shutil.rmtree(partial.parent)
        _sync(path.parent)

    def replace(self, name: str, content: bytes) -> None:
        """Replace the file by one with `content`."""
        (self.root / name).unlink(missing_ok=True)
        self.put(name, lambda path: path.write_bytes(content))

    def claim(self, name: str, content: bytes) -> bool:
        """Write a file and link it: only one of several processes succeeds."""
        path = self.root / name
        path.parent.mkdir(mode=private.FOLDER_MODE, parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
        try:
            with partial.open("wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            if not _link(partial, path):
                return False
        finally:
            with suppress(FileNotFoundError):
                partial.unlink()
        _sync(path.parent)
        return True

    def hidden(self, folder: str) -> Iterator[str]:
        """Every file below `folder`."""
        where = self.root / folder
        return (path.relative_to(where).as_posix() for path in where.rglob("*") if path.is_file())

    def read(self, name: str) -> bytes:
        """All bytes of a file."""
        return (self.root / name).read_bytes()


def _inspect(name: str, path: str) -> LandedFile:
    # a file name is bytes, and not always valid text
    name = os.fsencode(name).decode(errors="backslashreplace")
    status, problem = os.lstat(path), None
    if stat.S_ISLNK(status.st_mode):
        try:
            status = os.stat(path)
        except OSError as error:
            problem = f"a broken link ({error.strerror})"
    if not problem and not stat.S_ISREG(status.st_mode):
        problem = f"not a regular file but {_KINDS.get(stat.S_IFMT(status.st_mode), 'a device')}"
    modified, landed = (
        datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
        for seconds in (status.st_mtime, status.st_ctime)
    )
    return LandedFile(name, path, status.st_size, modified, problem, landed)


def _link(partial: Path, path: Path) -> bool:
    """Give the file at `partial` its final name; False if that name is taken."""
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
    return True


def _sync(folder: Path) -> None:
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
