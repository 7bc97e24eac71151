"""Writes the changes of a table as a landed file: every value as text, Parquet or JSON Lines."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from lakehouse.sources.connectors.database.columns import Columns
from lakehouse.sources.connectors.database.database import query_one
from lakehouse.sources.connectors.database.landed_rows import UPSERT
from lakehouse.sources.landing import Landing, seal_name

_BATCH = 1 << 16


def put_changes(
    work: duckdb.DuckDBPyConnection,
    landing: Landing,
    columns: Columns,
    seal: datetime,
) -> str:
    """Land `changes`, as text: Parquet, or JSON Lines if some text is not UTF-8."""
    names = [*columns.names, "op"]
    suffix, write = ".parquet", _write_parquet
    if query_one(work, "SELECT count(_bytes) FROM changes"):
        suffix, write = ".jsonl", _write_lines
    deleted = f"CASE WHEN turn = 2 THEN '{seal}' ELSE c{columns.updated} END"
    numbers = range(len(columns.names))
    texts = [deleted if n == columns.updated else f"c{n}" for n in numbers]
    selected = ", ".join(f"{text} AS c{n}" for n, text in enumerate(texts))
    rows = work.execute(
        f"SELECT {selected}, CASE WHEN turn = 2 THEN 'delete' ELSE 'upsert' END AS op, _bytes "
        f"FROM changes ORDER BY turn, time, c{columns.key}, {', '.join(f'c{n}' for n in numbers)}"
    ).to_arrow_reader(_BATCH)
    return landing.put(seal_name(seal, suffix), lambda path: write(path, rows, names))


def _write_parquet(path: Path, rows: Any, names: list[str]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.string()) for name in names])
    with pq.ParquetWriter(path, schema) as writer:
        for batch in rows:
            columns = [batch.column(n).cast(pa.string()) for n in range(len(names))]
            writer.write_batch(pa.record_batch(columns, schema=schema))


def _write_lines(path: Path, rows: Any, names: list[str]) -> None:
    with path.open("wb") as file:
        for batch in rows:
            for *values, original in zip(*(c.to_pylist() for c in batch.columns), strict=True):
                if original is None:
                    line = json.dumps(dict(zip(names, values, strict=True))).encode()
                else:
                    line = original.removesuffix(b"}") + UPSERT
                file.write(line + b"\n")
