"""Writes rejected rows to the landing zone again, for the ordinary loader to retry.

The rows are copied from the landed file, since quarantine keeps only the permitted part of a text.
They go into a new file of the same format and the same seal next to it, so they are known from then
on, like the rows of any late file. A hidden note next to the new file lists the rows it contains,
so that a new lake or a full refresh, which loads both files, gets each row once.
"""

import csv
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb

from lakehouse.sources.errors import LandingError
from lakehouse.sources.landing import LandedFile, Landing
from lakehouse.sources.reading import Reading, Unreadable, is_original, read_file
from lakehouse.sources.spec import SourceSpec
from lakehouse.sources.staged import Staged
from lakehouse.sources.staging import reading_of
from lakehouse.sources.undecided import RELEASED

NOTES = ".released"
"""The hidden folder in a source's landing zone with a note for each released file."""
_SUFFIX = re.compile(r"((?:\.(?:jsonl|csv|parquet))?(?:\.(?:gz|zst))?)$")


def land_rows(
    spec: SourceSpec, landing: Landing, file: LandedFile, rows: set[int]
) -> tuple[str, set[int]]:
    """Land `rows` (numbers as in `_row`) of `file` again; return the new file's name and its rows.

    Rows whose bytes are not text in today's encoding, or that are too long, are left out; a file
    without any row is not landed, and its name is empty.

    Raises:
        LandingError: when the file cannot be read, or there is no room.
    """
    name = _free_name(spec, landing, file.name)
    copied: set[int] = set()

    def write(target: Path) -> None:
        with landing.local(file) as path:
            try:
                reading = reading_of(spec, file.name, landing.settings.longest_row_bytes)
                if reading.format == "parquet":
                    copied.update(_copy_parquet(path, target, rows))
                else:
                    copied.update(_copy_text(spec, path, target, reading, rows))
            except Unreadable as error:
                raise LandingError(f"{file.name} cannot be read again: {error}") from error
        if not copied:
            raise _NothingToCopy
        if spec.contract.personal:
            target.chmod(0o600)
        # the note comes first: without its file it is ignored
        note = json.dumps({"file": file.name, "rows": sorted(copied)})
        landing.put_note(f"{NOTES}/{name}.json", note.encode())

    try:
        landing.put(name, write)
    except _NothingToCopy:
        return "", copied
    return name, copied


class _NothingToCopy(Exception):
    """None of the rows can be copied."""


def read_notes(landing: Landing) -> dict[str, dict[int, str]]:
    """The released rows of each file, and the file that has them now; only for files that exist."""
    notes = [name for name in landing.hidden(NOTES) if name.endswith(".json")]
    if not notes:
        return {}
    present = {file.name for file in landing.files()}
    found: dict[str, dict[int, str]] = {}
    for name in notes:
        into = name.removesuffix(".json")
        if into in present:
            note = json.loads(landing.read_hidden(f"{NOTES}/{name}"))
            found.setdefault(note["file"], {}).update(dict.fromkeys(note["rows"], into))
    return found


def released_names(landing: Landing) -> set[str]:
    """The files that `land_rows` has made, by their notes."""
    notes = landing.hidden(NOTES)
    return {name.removesuffix(".json") for name in notes if name.endswith(".json")}


def mark_released(cursor: duckdb.DuckDBPyConnection, landing: Landing, staged: Staged) -> None:
    """Set aside the staged rows that another landing file contains, with the name of that file."""
    notes = read_notes(landing)
    marked = [
        (entry.number, row, RELEASED + into)
        for entry in staged.files
        for row, into in notes.get(entry.file.name, {}).items()
    ]
    if not marked:
        return
    numbers, rows, reasons = (list(values) for values in zip(*marked, strict=True))
    cursor.execute(
        f"UPDATE {staged.table} AS s SET _reason = m.reason, _column = NULL FROM ("
        "SELECT unnest(CAST(? AS INTEGER[])) AS no, unnest(CAST(? AS BIGINT[])) AS row, "
        "unnest(CAST(? AS VARCHAR[])) AS reason) AS m WHERE s._no = m.no AND s._row = m.row",
        [numbers, rows, reasons],
    )
    counts = cursor.execute(
        f"SELECT _no, count(*), count(_reason) FROM {staged.table} GROUP BY _no"
    )
    for number, count, rejected in counts.fetchall():
        entry = staged.files[number]
        entry.rows, entry.rejected = count - rejected, rejected


def _free_name(spec: SourceSpec, landing: Landing, name: str) -> str:
    """A name for released rows of the file `name`: sorted after it, with the same seal."""
    present = {file.name for file in landing.files()}
    ending = _SUFFIX.search(name)
    suffix = ending[1] if ending else ""
    stem, suffix = name.removesuffix(suffix), suffix.removesuffix(".gz").removesuffix(".zst")
    for number in itertools.count(1):
        # in a folder, if the pattern allows nothing after the time
        candidates = [f"{stem}_released_{number}{suffix}", f"released_{number}/{stem}{suffix}"]
        if not present.intersection(candidates):
            break
    seal = spec.named_seal(name)
    for candidate in candidates:
        if spec.named_seal(candidate) == seal:
            return candidate
    raise LandingError(
        f"no new name next to {name} gives the same seal by the pattern "
        f"{spec.seal_pattern.regex!r}: let the pattern allow a suffix after the time, such as "
        "`_released_1`"
    )


def _copy_text(
    spec: SourceSpec, path: Path, target: Path, reading: Reading, rows: set[int]
) -> Iterator[int]:
    import pyarrow as pa

    with target.open("w", encoding=spec.encoding, newline="") as stream:
        has_header = reading.format != "csv"
        for block in read_file(path, reading):
            if not has_header:
                writer = csv.writer(stream, delimiter=spec.delimiter, lineterminator="\n")
                writer.writerow(block.found)
                has_header = True
            numbers = block.table.column("_row").to_pylist()
            indexes = [index for index, number in enumerate(numbers) if number in rows]
            chosen = block.table.select(["_row", "_text", "_broken"]).take(
                pa.array(indexes, pa.int64())
            )
            for record in chosen.to_pylist():
                if is_original(record["_broken"]):
                    stream.write(record["_text"] + "\n")
                    yield record["_row"]


def _copy_parquet(path: Path, target: Path, rows: set[int]) -> Iterator[int]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with (
            pq.ParquetFile(path) as file,
            pq.ParquetWriter(target, file.schema_arrow) as writer,
        ):
            first = 1
            for batch in file.iter_batches():
                numbers = range(first, first + len(batch))
                indexes = [index for index, number in enumerate(numbers) if number in rows]
                if indexes:
                    # row by row, as `take` does not support every type
                    rows_of = [batch.slice(index, 1) for index in indexes]
                    writer.write_table(pa.Table.from_batches(rows_of))
                yield from (numbers[index] for index in indexes)
                first += len(batch)
    except (pa.ArrowException, OSError) as error:
        raise Unreadable(str(error).splitlines()[0]) from error
