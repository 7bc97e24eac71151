"""Batch, in buckets of any size and in jobs, and online follow the rules bit by bit."""

import math
import struct
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from multiprocessing import get_context
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings

from lakehouse.features import (
    FeatureJob,
    FeatureSetSpec,
    compute,
    compute_online,
    load_plan,
    run,
)
from tests.features.reference import reference
from tests.features.worlds import (
    COLUMNS,
    DIMENSION,
    START,
    Row,
    fill,
    full_spec,
    memory_lake,
    rows,
    versions,
)

BUCKETS = (1_000_000, 7, 1)
"""Rows that are computed at once: all, some, a single one."""
CONDITIONS = {
    "is_fraud or amount_cents > 5": lambda r: r["is_fraud"] or (r["amount_cents"] or 0) > 5,
    "channel == '{}'": lambda r: r["channel"] == "{}",
    "amount_cents < 5": lambda r: r["amount_cents"] is not None and r["amount_cents"] < 5,
}


@pytest.fixture(scope="module")
def cursor() -> duckdb.DuckDBPyConnection:
    return memory_lake()


def bits(value: Any) -> Any:
    """Equal only for the same type and the same bits."""
    return struct.pack("d", value) if isinstance(value, float) else (type(value), value)


def load(
    cursor: duckdb.DuckDBPyConnection, own: list[Row], other: list[Row], dim: list[Row]
) -> None:
    fill(cursor, "core.fct_transactions", COLUMNS, own)
    fill(cursor, "core.fct_labels", COLUMNS, other)
    fill(cursor, "core.dim_customers", DIMENSION, dim)


def batch(
    cursor: duckdb.DuckDBPyConnection, spec: FeatureSetSpec, bucket: int, **arguments: Any
) -> dict[int, dict[str, Any]]:
    cursor.execute("DROP TABLE IF EXISTS temp.main._features")
    plan = load_plan(spec, cursor)
    compute(plan, cursor, bucket=bucket, **arguments)
    result = cursor.execute("FROM temp.main._features").to_arrow_table().to_pylist()
    names = [feature.name for feature in plan.features]
    return {row["transaction_id"]: {name: row[name] for name in names} for row in result}


def in_jobs(
    cursor: duckdb.DuckDBPyConnection, spec: FeatureSetSpec, parts: int
) -> dict[int, dict[str, Any]]:
    """Like `batch`, by a job that went through JSON and was divided by entity into parts."""
    job = FeatureJob.model_validate_json(
        FeatureJob.of(load_plan(spec, cursor), cursor).model_dump_json()
    )
    rows = []
    for part in range(parts):
        batches = []
        for read in job.reads(cursor):
            where = (
                f"coalesce(hash(e) % {parts} = {part}, {part == 0})" if read.by_entity else "true"
            )
            found = cursor.execute(f"FROM ({read.sql}) WHERE {where}", read.parameters)
            batches += [(read.name, one) for one in found.to_arrow_table().to_batches(5)]
        for result in run(job, reversed(batches), bucket=9):
            rows += result.to_pylist()
    names = [feature.name for feature in job.plan().features]
    return {row["transaction_id"]: {name: row[name] for name in names} for row in rows}


def as_read(value: Any) -> Any:
    if isinstance(value, float):
        return None if math.isnan(value) else value + 0.0
    return value


def expected_features(
    spec: FeatureSetSpec, request: Row, tables: dict[str, list[Row]]
) -> dict[str, Any]:
    """The plain aggregates among the features, from the reference implementation."""
    result = {}
    for name, a in spec.aggregates.items():
        if a.op == "sumsq":
            continue
        for reference_name, window in spec.references(name).items():
            table = [{k: as_read(v) for k, v in r.items()} for r in tables[spec.streams[a.of]]]
            result[f"f_{reference_name}"] = reference(
                table, spec.entity, request[spec.entity], request["event_time"], a.op, window,
                a.value, CONDITIONS[a.where] if a.where else None,
                a.q.as_integer_ratio() if a.q else (1, 2),
            )  # fmt: skip
    return result


@pytest.mark.parametrize("entity", ["customer_id", "terminal_id"])
@given(own=rows(), other=rows(), dim=versions())
@settings(max_examples=5, derandomize=True)
def test_batch_of_any_size_and_jobs_and_online_follow_the_rules(
    cursor: duckdb.DuckDBPyConnection, entity: str, own: list[Row], other: list[Row], dim: list[Row]
) -> None:
    load(cursor, own, other, dim)
    spec = full_spec(entity)
    tables = {"core.fct_transactions": own, "core.fct_labels": other, "core.dim_customers": dim}
    plan = load_plan(spec, cursor)
    computed: dict[Any, Any] = {bucket: batch(cursor, spec, bucket) for bucket in BUCKETS}
    computed["in jobs"] = in_jobs(cursor, spec, 2)
    assert {len(result) for result in computed.values()} == {len(own)}
    for request in own:
        served = compute_online(plan, request, tables)
        expected = expected_features(spec, request, tables)
        for name, value in expected.items():
            assert bits(served[name]) == bits(value), name
        for bucket, result in computed.items():
            for name, value in served.items():
                assert bits(result[request["transaction_id"]][name]) == bits(value), (
                    bucket,
                    name,
                    request,
                )


@pytest.mark.slow
def test_parts_of_a_job_in_other_processes_give_the_same_rows() -> None:
    made = [
        {
            "transaction_id": number, "customer_id": number % 7, "terminal_id": number % 3,
            "event_time": START + timedelta(seconds=number * 7 % 600),
            "known_at": START + timedelta(seconds=number * 7 % 600),
            "amount_cents": number % 11, "score": number / 8, "channel": "chip",
            "is_fraud": number % 5 == 0, "_load_id": 1,
        }
        for number in range(300)
    ]  # fmt: skip
    cursor, spec = memory_lake(), full_spec("customer_id")
    load(cursor, made, made, [])
    job = FeatureJob.of(load_plan(spec, cursor), cursor)
    parts = []
    for part in range(2):
        reads = {}
        for read in job.reads(cursor):
            where = f"hash(e) % 2 = {part}" if read.by_entity else "true"
            rows = cursor.execute(f"FROM ({read.sql}) WHERE {where}", read.parameters)
            reads[read.name] = rows.to_arrow_table()
        parts.append(reads)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        found = pool.map(_run_part, [job.model_dump_json()] * 2, parts)
    rows = {row["transaction_id"]: row for table in found for row in table.to_pylist()}
    expected = batch(cursor, spec, 1_000_000)
    assert len(rows) == len(expected) == len(made)
    for key, row in expected.items():
        assert {name: bits(rows[key][name]) for name in row} == {n: bits(v) for n, v in row.items()}


def _run_part(job: str, reads: dict[str, pa.Table]) -> pa.Table:
    batches = [(name, one) for name, table in reads.items() for one in table.to_batches(100)]
    return pa.Table.from_batches(run(FeatureJob.model_validate_json(job), batches))
