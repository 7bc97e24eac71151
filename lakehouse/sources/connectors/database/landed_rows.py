"""The rows of a table that were landed before, read from the landed files, the only record of them.

It makes two tables. `known` has every landed row's key and time: `k`, `u`, `op`, `place` (in order
of landing). `recent` has whole rows since a given time: `body`, `k`, `op`, `place`.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import duckdb

from lakehouse.lake import literal, quote
from lakehouse.sources.connectors.database.columns import Columns
from lakehouse.sources.errors import LandingError
from lakehouse.sources.landing import LandedFile, Landing, seal_name

UPSERT = b', "op": "upsert"}'
"""The end of a JSON line with text that is not UTF-8, in place of the closing brace."""
_BATCH = 1 << 16
_ROWS_A_FILE = 1 << 36


def read_landed(
    work: duckdb.DuckDBPyConnection,
    landing: Landing,
    columns: Columns,
    since: datetime | None,
    *,
    all_keys: bool = True,
) -> None:
    """Make `known` and `recent` (see above) in `work`; both are empty before the first landing.

    `recent` begins at `since`; without `all_keys`, `known` covers only the same files.

    Raises:
        LandingError: with the name of the file that cannot be read.
    """
    work.execute(
        "CREATE OR REPLACE TEMP TABLE known (k VARCHAR, u VARCHAR, op VARCHAR, place BIGINT)"
    )
    work.execute(
        "CREATE OR REPLACE TEMP TABLE recent (body VARCHAR[], k VARCHAR, op VARCHAR, place BIGINT)"
    )
    first = seal_name(since, "") if since else ""
    files = [file for file in landing.files() if file.name.endswith((".parquet", ".jsonl"))]
    numbered = list(enumerate(files))
    late = [(number, file) for number, file in numbered if since and file.name >= first]
    _read_keys(work, landing, numbered if all_keys else late, columns)
    for number, file in late:
        _read_rows(work, landing, file, number, columns, since)


def _read_keys(
    work: duckdb.DuckDBPyConnection,
    landing: Landing,
    files: list[tuple[int, LandedFile]],
    columns: Columns,
) -> None:
    key, updated = columns.key_name, columns.updated_name
    parquet = {file.path: number for number, file in files if file.name.endswith(".parquet")}
    if parquet:
        paths = ", ".join(map(literal, parquet))
        # by name: files from older versions have the column types of their database
        options = "union_by_name=true, filename='landed file', file_row_number=true"
        read = f"read_parquet([{paths}], {options})"
        try:
            work.execute(
                f"""INSERT INTO known
                SELECT CAST(r.{quote(key)} AS VARCHAR), CAST(r.{quote(updated)} AS VARCHAR), r.op,
                    f.number * {_ROWS_A_FILE} + r.file_row_number
                FROM {read} AS r JOIN (SELECT unnest(CAST(? AS VARCHAR[])) AS path,
                    unnest(CAST(? AS BIGINT[])) AS number) AS f ON r."landed file" = f.path""",
                [list(parquet), list(parquet.values())],
            )
        except duckdb.Error as error:
            raise LandingError(
                f"cannot read the landed files in {landing.root}: {error}"
            ) from error
    for number, file in files:
        if file.name.endswith(".jsonl"):
            for batch in _tables(landing, file, [key, updated]):
                work.register("landed", batch)
                work.execute(
                    f"INSERT INTO known SELECT c0, c1, op, {number} * {_ROWS_A_FILE} + _row "
                    "FROM landed"
                )
                work.unregister("landed")


def _read_rows(
    work: duckdb.DuckDBPyConnection,
    landing: Landing,
    file: LandedFile,
    number: int,
    columns: Columns,
    since: datetime | None,
) -> None:
    texts = ", ".join(f"CAST(c{n} AS VARCHAR) AS c{n}" for n in range(len(columns.names)))
    for batch in _tables(landing, file, columns.names, columns.updated, since):
        work.register("landed", batch)
        work.execute(
            f"""INSERT INTO recent
            SELECT {columns.body}, c{columns.key}, op,
                {number} * {_ROWS_A_FILE} + _row
            FROM (SELECT {texts}, _bytes, op, _row FROM landed)
            WHERE {columns.time} >= ?""",
            [since],
        )
        work.unregister("landed")


def _tables(
    landing: Landing,
    file: LandedFile,
    columns: Sequence[str],
    updated: int = 0,
    since: datetime | None = None,
) -> Iterator[Any]:
    """A landed file's rows: `c0`, `c1`, ... as named by `columns`, `op`, `_bytes`, `_row`.

    With `since`, row groups whose times (column `updated`) are all older may be left out.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = [f"c{index}" for index in range(len(columns))] + ["op"]
    first = 0
    try:
        with landing.local(file) as path:
            if file.name.endswith(".jsonl"):
                yield _json_table(path.read_bytes(), columns)
                return
            with pq.ParquetFile(path) as parquet:
                for group in range(parquet.num_row_groups):
                    metadata = parquet.metadata.row_group(group)
                    if since and _is_older(metadata, columns[updated], since):
                        first += metadata.num_rows
                        continue
                    for batch in parquet.iter_batches(_BATCH, row_groups=[group]):
                        arrays = [
                            batch.column(name)
                            if name in batch.schema.names
                            else pa.nulls(len(batch))
                            for name in [*columns, "op"]
                        ]
                        arrays += [pa.nulls(len(batch), pa.binary())]
                        arrays += [pa.array(range(first, first + len(batch)), pa.int64())]
                        yield pa.table(arrays, names=[*names, "_bytes", "_row"])
                        first += len(batch)
    except (pa.ArrowException, duckdb.Error, OSError, ValueError) as error:
        raise LandingError(f"cannot read the landed file {file.path}: {error}") from error


def _is_older(group: Any, updated: str, since: datetime) -> bool:
    """Whether all times of a row group, in any zone, are before `since`."""
    for number in range(group.num_columns):
        column = group.column(number)
        if column.path_in_schema == updated and column.is_stats_set:
            latest = column.statistics.max if column.statistics.has_min_max else None
            return isinstance(latest, str) and latest < f"{since - timedelta(days=1):%Y-%m-%d}"
    return False


def _json_table(content: bytes, columns: Sequence[str]) -> Any:
    import pyarrow as pa

    rows: list[tuple[Any, ...]] = []
    for line in content.removesuffix(b"\n").split(b"\n"):
        text = line.decode(errors="replace")
        record = json.loads(text)
        original = None if text.encode() == line else line.removesuffix(UPSERT) + b"}"
        rows.append((*(record.get(name) for name in columns), record["op"], original, len(rows)))
    types = [pa.string()] * (len(columns) + 1) + [pa.binary(), pa.int64()]
    names = [*(f"c{index}" for index in range(len(columns))), "op", "_bytes", "_row"]
    values = list(zip(*rows, strict=True)) or [()] * len(names)
    return pa.table([pa.array(*pair) for pair in zip(values, types, strict=True)], names=names)
