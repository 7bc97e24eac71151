"""Conditions and features of the whole grammar: batch and online agree to the bit."""

from typing import Any

import duckdb
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lakehouse.features import FeatureError, FeatureSetSpec, compute_online, load_plan
from lakehouse.features.expressions import Kind
from tests.features.expressions import expressions
from tests.features.test_rules import BUCKETS, batch, bits, load
from tests.features.worlds import Row, memory_lake, rows

STREAM = {
    Kind.INTEGER: ["amount_cents", "customer_id"], Kind.DOUBLE: ["score"], Kind.TEXT: ["channel"],
    Kind.BOOLEAN: ["is_fraud"], Kind.TIMESTAMP: ["event_time", "known_at"],
}  # fmt: skip
OWN = {
    Kind.INTEGER: ["row.amount_cents", "n", "idle"], Kind.DOUBLE: ["row.score", "lowest"],
    Kind.TEXT: ["row.channel", "last"], Kind.BOOLEAN: ["row.is_fraud"],
    Kind.TIMESTAMP: ["row.event_time", "t"],
}  # fmt: skip


@pytest.fixture(scope="module")
def cursor() -> duckdb.DuckDBPyConnection:
    return memory_lake()


def declare(where: str, features: dict[str, str]) -> FeatureSetSpec:
    part: dict[str, Any] = {"of": "payments", "window": "5m", "where": where}
    return FeatureSetSpec.model_validate(
        {
            "name": "conditions",
            "description": "Conditions",
            "entity": "customer_id",
            "spines": [
                {"name": "transactions", "table": "core.fct_transactions", "key": "transaction_id"}
            ],
            "streams": {"payments": "core.fct_labels"},
            "aggregates": {
                "n": {**part, "op": "count"},
                "idle": {**part, "op": "since_last"},
                "lowest": {**part, "op": "min", "value": "score"},
                "last": {**part, "op": "last", "value": "channel"},
                "after": {**part, "op": "count_since"},
            },
            "features": {"n": "n", "idle": "idle", "after": "after", **features},
        }
    )


@pytest.mark.slow
@given(
    own=rows(max_size=12),
    other=rows(max_size=25),
    where=expressions(Kind.BOOLEAN, STREAM, depth=2),
    features=st.fixed_dictionaries(
        {
            f"f_{kind.name.lower()}": expressions(kind, OWN, depth=2)
            for kind in OWN
            if kind != Kind.TIMESTAMP
        }
    ),
)
@settings(max_examples=25)
def test_batch_in_buckets_of_any_size_and_online_agree(
    cursor: duckdb.DuckDBPyConnection,
    own: list[Row],
    other: list[Row],
    where: str,
    features: dict[str, str],
) -> None:
    load(cursor, own, other, [])
    try:
        spec = declare(where, features)
        plan = load_plan(spec, cursor)
    except (FeatureError, ValidationError):
        assume(False)
    served = {r["transaction_id"]: compute_online(plan, r, {"core.fct_labels": other}) for r in own}
    for bucket in BUCKETS:
        computed = batch(cursor, spec, bucket)
        assert computed.keys() == served.keys()
        for key, values in served.items():
            for name, value in values.items():
                assert bits(computed[key][name]) == bits(value), (bucket, name)
