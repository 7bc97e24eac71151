"""The landed files of one source in any storage, and our own notes next to them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import duckdb

from lakehouse.settings import Settings
from lakehouse.sources.errors import LandingError
from lakehouse.sources.landing.files import LandedFile
from lakehouse.sources.landing.folder import Folder
from lakehouse.sources.landing.prefix import Prefix

_REMEDY = "Free space or grant access there, then run again"


class Landing:
    """The landed files of one source."""

    def __init__(self, settings: Settings, source: str) -> None:
        self.settings = settings
        self.source = source
        self.root = f"{settings.landing.rstrip('/')}/{source}"
        self.remote = "://" in self.root
        # names are paths below the root; errors are those of the storage
        self._store = Prefix(self.root, settings) if self.remote else Folder(self.root)

    def files(self) -> list[LandedFile]:
        """Every complete file, by name. Paths with a part that starts with a dot are incomplete."""
        with self._translating_errors(f"cannot list the landing zone {self.root}"):
            return sorted(self._store.files(), key=lambda file: file.name)

    def has_changed(self, file: LandedFile) -> bool:
        """Whether `file` differs from when it was listed. An object is never partial."""
        return self._store.has_changed(file)

    def open_to_others(self) -> list[str]:
        """Folders and files that others than their owner may read or change, relative to the root.

        Includes unfinished files. Empty for an object store, where policies control access.
        """
        return self._store.open_to_others()

    def local(self, file: LandedFile) -> AbstractContextManager[Path]:
        """The file on this machine; one from an object store exists only inside the block."""
        return self._store.local(file)

    def put(self, name: str, write: Callable[[Path], object]) -> str:
        """Land what `write` puts into the given path: all of it under `name`, or nothing.

        Raises:
            LandingError: when the file exists already, or there is no room for it.
        """
        failure = f"cannot land {name} in {self.root}"
        with self._translating_errors(
            failure, f"nothing was landed. {_REMEDY}", duckdb.IOException
        ):
            self._store.put(name, write)
        return name

    def put_note(self, name: str, content: bytes) -> None:
        """Write one of our own notes, which is not a landed file; an existing one is replaced."""
        failure = f"cannot land {name} in {self.root}"
        with self._translating_errors(
            failure, f"nothing was landed. {_REMEDY}", duckdb.IOException
        ):
            self._store.replace(name, content)

    def claim_hidden(self, name: str, content: bytes) -> bool:
        """Write `<folder>/<file>`, all of it or nothing; False if that name is taken.

        It is on the disk when this returns. Of several processes one succeeds, on a local file
        system with hard links; elsewhere two that check at the same moment could both succeed.

        Raises:
            LandingError: when it cannot be written.
        """
        with self._translating_errors(
            f"cannot write {self.root}/{name}", f"nothing was loaded. {_REMEDY}"
        ):
            return self._store.claim(name, content)

    def hidden(self, folder: str) -> list[str]:
        """Names of files in one of our own folders, sorted; the folder's name starts with a dot."""
        with self._translating_errors(f"cannot list {self.root}/{folder}"):
            return sorted(self._store.hidden(folder))

    def read_hidden(self, name: str) -> bytes:
        """All bytes of `<folder>/<file>` in one of our own folders."""
        with self._translating_errors(f"cannot read {self.root}/{name}"):
            return self._store.read(name)

    @contextmanager
    def _translating_errors(
        self, failure: str, remedy: str = "", error_of_duckdb: type[duckdb.Error] = duckdb.Error
    ) -> Iterator[None]:
        try:
            yield
        except (OSError, error_of_duckdb) as error:
            raise LandingError(f"{failure}: {error}{remedy and '; '}{remedy}") from error
