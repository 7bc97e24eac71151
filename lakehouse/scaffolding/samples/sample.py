"""Reads a bounded number of rows of one or several files into Arrow columns.

The loader's own reader does it, so that a value here is the text that the contract will judge.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lakehouse.lake import connect
from lakehouse.scaffolding.errors import ScaffoldingError
from lakehouse.scaffolding.samples.form import Form, find_form
from lakehouse.sources.reading import Reading, Unreadable, read_file
from lakehouse.sources.reading.tables import names

MOST_ROWS = 500_000
"""Rows that a proposal rests on; of several files, each gives an equal share."""


@dataclass(frozen=True)
class SampleFile:
    """A file: its path, its name below the folder that was given, and how many rows were read."""

    path: Path
    name: str
    rows: int = 0


@dataclass(frozen=True)
class Broken:
    """A row that is not a row of its file's format."""

    file: str
    row: int
    why: str


@dataclass(frozen=True, eq=False)
class Sample:
    """The rows read: Arrow columns by their name in the source, each `rows` long.

    Texts are as the file has them, and None where a value is missing. Columns of Parquet keep
    their type. `file_of` is the index of each row's file. `lacking` counts, for a column that not
    every file has, the files without it.
    """

    files: tuple[SampleFile, ...]
    form: Form
    columns: dict[str, Any]
    file_of: Any
    rows: int
    lacking: dict[str, int]
    broken: tuple[Broken, ...]
    is_whole: bool

    def texts(self, column: str) -> Any:
        """A column as texts."""
        import pyarrow as pa

        return self.columns[column].cast(pa.string())


def read_sample(paths: Sequence[tuple[Path, str]], longest: int, rows: int = MOST_ROWS) -> Sample:
    """Read files, each a path and a name. `longest` is the most bytes of one row.

    Raises:
        ScaffoldingError: when one of them cannot be read, or there is no row in all of them.
    """
    form = find_form([path for path, _ in paths])
    share = max(rows // len(paths), 1)
    with connect(threads=1) as scratch:
        read = [_read_one(path, name, form, longest, share, scratch) for path, name in paths]
    return _together(form, read)


@dataclass(frozen=True, eq=False)
class _Part:
    """The rows of one file."""

    file: SampleFile
    columns: dict[str, Any]
    broken: list[Broken]
    is_whole: bool


def _read_one(path: Path, name: str, form: Form, longest: int, rows: int, scratch: Any) -> _Part:
    import pyarrow as pa
    import pyarrow.compute as pc

    reading = Reading(form.format, (), True, form.delimiter, form.encoding, longest)
    tables: list[Any] = []
    broken: list[Broken] = []
    left, is_whole = rows, True
    try:
        for block in read_file(path, reading, scratch):
            table = block.table.slice(0, left)
            fine = pc.is_null(table["_broken"])
            bad = table.filter(pc.invert(fine)).select(["_row", "_broken"]).to_pylist()
            broken += [Broken(name, row["_row"], row["_broken"]) for row in bad]
            columns = names(len(block.shape.columns))[3:]
            tables.append(
                table.filter(fine).select(columns).rename_columns(list(block.shape.columns))
            )
            left -= len(table)
            if left <= 0:
                is_whole = False  # whether more follows is not worth reading it
                break
    except Unreadable as error:
        raise ScaffoldingError(f"cannot read {path}: {error}") from None
    try:
        whole = pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowInvalid as error:
        raise ScaffoldingError(f"{path}: a column changes its type: {error}") from None
    columns_of = {column: whole[column] for column in whole.column_names}
    return _Part(SampleFile(path, name, len(whole)), columns_of, broken, is_whole)


def _together(form: Form, parts: Sequence[_Part]) -> Sample:
    import numpy as np
    import pyarrow as pa

    rows = sum(part.file.rows for part in parts)
    if rows == 0:
        shown = ", ".join(part.file.name for part in parts[:3])
        why = next((f" ({one.why} in row {one.row})" for p in parts for one in p.broken), "")
        raise ScaffoldingError(
            f"there is no row in {shown} that fits its header{why}; give a file with rows"
        )
    found = dict.fromkeys(name for part in parts for name in part.columns)
    if not found:
        raise ScaffoldingError(f"there is no column in {parts[0].file.name}; give one with columns")
    columns = {name: _column([part.columns.get(name) for part in parts], parts) for name in found}
    lacking = {name: sum(name not in part.columns for part in parts) for name in found}
    return Sample(
        tuple(part.file for part in parts),
        form,
        columns,
        pa.array(np.repeat(np.arange(len(parts)), [part.file.rows for part in parts])),
        rows,
        {name: count for name, count in lacking.items() if count},
        tuple(one for part in parts for one in part.broken),
        all(part.is_whole for part in parts),
    )


def _column(arrays: Sequence[Any], parts: Sequence[_Part]) -> Any:
    """One column of all files; as text where their types differ."""
    import pyarrow as pa

    types = {array.type for array in arrays if array is not None and array.null_count < len(array)}
    kind = types.pop() if len(types) == 1 else pa.string()
    chunks: Iterator[Any] = (
        pa.chunked_array([pa.nulls(part.file.rows, kind)]) if array is None else array.cast(kind)
        for array, part in zip(arrays, parts, strict=True)
    )
    return pa.chunked_array([chunk for array in chunks for chunk in array.chunks], type=kind)
