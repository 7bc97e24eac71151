"""SHA-256 of the lake's files, taken right after the commit and kept outside its catalog.

A JSON-lines file in the lake's prefix, with one line for each file. Each line has its own checksum,
so that a flipped bit in it does not mark a sound file as damaged. This module stores the expected
hashes; `verify.py` compares.

In an object store each file would have to be read back to be hashed, and nothing can be appended:
there, maintenance and `lakehouse verify --full` hash each file once.
"""

import hashlib
import json
import logging
import os
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

from lakehouse.lake.files import LakeFile, list_files, list_scheduled
from lakehouse.lake.ownership import lake_id
from lakehouse.lake.storage import Storage

FOOTER_END_BYTES = 8
"""Bytes after a Parquet footer: its length and the magic bytes."""
TAIL_BYTES = 65_536
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FileHash:
    """A file as it was when it was hashed.

    `footer` is the SHA-256 of its end, where known; for the other fields see `LakeFile`.
    """

    id: int
    name: str
    bytes: int
    sha256: str
    footer: str | None
    record: str
    snapshot: int


@dataclass(frozen=True)
class Hashes:
    """The content of the ledger, by file name; `damaged` are the unreadable lines."""

    by_name: dict[str, FileHash]
    damaged: tuple[int, ...] = ()


class Ledger:
    """The hashes of one lake. Written under the lake's write lock, read at any time."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, storage: Storage) -> None:
        self._cursor = cursor
        self._storage = storage
        self.name = f"hashes-{lake_id(cursor)}.jsonl"

    def read(self) -> Hashes:
        """Read the hashes taken so far."""
        text = self._storage.read(self.name) or ""
        found: dict[str, FileHash] = {}
        damaged = []
        lines = text.split("\n")[:-1]  # an unfinished last line is a killed or running writer's
        for number, line in enumerate(lines, 1):
            entry = _parse(line)
            if entry is None:
                damaged.append(number)
            else:
                found[entry.name] = entry
        return Hashes(found, tuple(damaged))

    def add_committed(self) -> int:
        """Hash the files of the last commit; return how many.

        Includes files of earlier commits that are newer than all hashed ones: the files that dbt
        commits are hashed at the end of its run.
        """
        if not self._storage.is_local:
            return 0
        path = Path(self._storage.path(self.name))
        tail = _tail(path)
        last = _last_entry(tail)
        files = list_files(self._cursor, after=-1 if last is None else last.id)
        if last is None and files:
            # a lake of an older release: hash what is new, and leave the rest to maintenance
            newest = max(file.snapshot for file in files)
            files = [file for file in files if file.snapshot == newest]
        lines = "".join(_line(hash_file(self._storage, file)) for file in files)
        if lines:
            _append(path, tail, lines)
        return len(files)

    def add_missing(self) -> dict[str, str]:
        """Hash every file without a hash, and drop the entries of deleted files.

        Returns the unreadable files, with the error. A file that is missing or has the wrong size
        gets no hash. Damaged lines stay: they are evidence.
        """
        known, files = self.read(), list_files(self._cursor)
        needed = {file.name for file in files} | list_scheduled(self._cursor)
        kept = [entry for name, entry in known.by_name.items() if name in needed]
        new = [file for file in files if file.name and file.name not in known.by_name]
        sizes = self._storage.sizes([file.name for file in new])
        added, unreadable = [], {}
        for file in new:
            if sizes.get(file.name) == file.bytes:
                try:
                    added.append(hash_file(self._storage, file))
                except (OSError, duckdb.Error) as error:
                    unreadable[file.name] = str(error)
        if added or len(kept) < len(known.by_name):
            self._rewrite([*kept, *added], known.damaged)
        return unreadable

    def _rewrite(self, entries: Iterable[FileHash], damaged: Collection[int]) -> None:
        lines = (self._storage.read(self.name) or "").split("\n")
        evidence = [lines[number - 1] + "\n" for number in damaged]
        in_order = sorted(entries, key=lambda entry: entry.id)
        self._storage.write(self.name, "".join([*evidence, *map(_line, in_order)]))


def hash_file(storage: Storage, file: LakeFile) -> FileHash:
    """Hash `file` as it is now. Raises OSError or duckdb.Error when it cannot be read."""
    return FileHash(
        file.id,
        file.name,
        file.bytes,
        storage.sha256(file.name),
        storage.tail_sha256(file.name, file.footer + FOOTER_END_BYTES),
        file.record,
        file.snapshot,
    )


def hash_commit(cursor: duckdb.DuckDBPyConnection, storage: Storage) -> None:
    """Hash the files of the last commit. Failures are logged: the commit stands.

    `lakehouse verify` lists a file without a hash as not verified.
    """
    try:
        cursor.execute("BEGIN")  # one transaction for all queries halves their cost
        try:
            Ledger(cursor, storage).add_committed()
        finally:
            cursor.execute("ROLLBACK")
    except (OSError, duckdb.Error) as error:
        _log.warning("the files of the last commit have no hash yet: %s", error)


def _checksum(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:8]


def _line(entry: FileHash) -> str:
    body = json.dumps(asdict(entry))
    return f'{body[:-1]}, "check": "{_checksum(body)}"}}\n'


def _parse(line: str) -> FileHash | None:
    """The entry of a line; None if the line was altered."""
    try:
        values = json.loads(line)
        check = values.pop("check")
        entry = FileHash(**values)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return entry if _line(entry) == line + "\n" and check == _checksum(json.dumps(values)) else None


def _tail(path: Path) -> bytes:
    """The end of the ledger, some dozens of lines; empty if there is no ledger."""
    try:
        with path.open("rb") as stream:
            stream.seek(-min(TAIL_BYTES, os.fstat(stream.fileno()).st_size), os.SEEK_END)
            return stream.read()
    except FileNotFoundError:
        return b""


def _last_entry(tail: bytes) -> FileHash | None:
    """The entry with the highest id, which is the last readable one."""
    lines = tail.decode(errors="replace").split("\n")[:-1]
    entries = map(_parse, reversed(lines))
    return next((entry for entry in entries if entry is not None), None)


def _append(path: Path, tail: bytes, lines: str) -> None:
    # a killed process may have left an unfinished line; its file is hashed again
    unfinished = len(tail.rpartition(b"\n")[2])
    with path.open("a+b") as stream:
        if unfinished:
            stream.truncate(stream.seek(0, os.SEEK_END) - unfinished)
        stream.write(lines.encode())
