"""Files under one prefix, in a local folder or in an object store.

It does not interpret their content: see `ownership.py` and `hashes.py`.
"""

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from lakehouse.lake.names import literal


@dataclass(frozen=True)
class Storage:
    """`prefix` has no trailing slash. Names are relative to it, unless they are absolute."""

    connection: duckdb.DuckDBPyConnection
    prefix: str

    @property
    def is_local(self) -> bool:
        """Whether the files are in a local folder."""
        return "://" not in self.prefix

    def path(self, name: str) -> str:
        """The full path of `name`."""
        return name if name.startswith("/") or "://" in name else f"{self.prefix}/{name}"

    def read(self, name: str) -> str | None:
        """The text of a file, with damaged bytes as question marks; None if there is no file."""
        path = self.path(name)
        if self.is_local:
            with suppress(FileNotFoundError):
                return Path(path).read_text(errors="replace")
            return None
        # glob returns a path without a star unchecked
        listed = self.connection.execute("SELECT file FROM glob(?)", [path + "*"]).fetchall()
        if (path,) not in listed:
            return None
        content: bytes = self._blob(path, "content")
        return content.decode(errors="replace")

    def write(self, name: str, text: str) -> None:
        """Replace a file with `text` atomically."""
        path = self.path(name)
        if not self.is_local:
            self.connection.execute(
                f"COPY (SELECT encode({literal(text)})) TO {literal(path)} (FORMAT blob)"
            )
            return
        partial = Path(f"{path}.partial-{os.getpid()}")
        partial.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        partial.rename(path)

    def sizes(self, names: list[str]) -> dict[str, int]:
        """Sizes in bytes of the existing files among `names`."""
        found = {}
        if self.is_local:
            for name in names:
                with suppress(FileNotFoundError):
                    found[name] = os.stat(self.path(name)).st_size
            return found
        pattern = f"{self.prefix}/**"
        if not self.connection.execute("SELECT 1 FROM glob(?) LIMIT 1", [pattern]).fetchall():
            return {}
        rows = self.connection.execute("SELECT filename, size FROM read_blob(?)", [pattern])
        listed = dict(rows.fetchall())
        return {name: listed[self.path(name)] for name in names if self.path(name) in listed}

    def sha256(self, name: str) -> str:
        """SHA-256 of a file in hexadecimal digits; reads a file in an object store back whole."""
        if not self.is_local:
            return str(self._blob(self.path(name), "sha256(content)"))
        with open(self.path(name), "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def tail_sha256(self, name: str, length: int) -> str | None:
        """SHA-256 of the last `length` bytes; None in an object store, which reads whole files."""
        if not self.is_local:
            return None
        with open(self.path(name), "rb") as stream:
            stream.seek(-min(length, os.fstat(stream.fileno()).st_size), os.SEEK_END)
            return hashlib.sha256(stream.read()).hexdigest()

    def _blob(self, path: str, expression: str) -> Any:
        row = self.connection.execute(f"SELECT {expression} FROM read_blob(?)", [path]).fetchone()
        assert row  # read_blob raises for a missing path
        return row[0]
