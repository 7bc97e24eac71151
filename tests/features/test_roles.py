"""One dimension in several roles: each by another column of the spine."""

from typing import Any

import duckdb
import pytest
from hypothesis import given, settings

from lakehouse.features import FeatureError, FeatureSetSpec, compute_online, load_plan, plan
from tests.features.test_rules import batch, load
from tests.features.test_spec import SCHEMA
from tests.features.worlds import COLUMNS, DIMENSION, START, Row, fill, memory_lake, rows, versions

CHANNELS = {"channel": "VARCHAR", "valid_from": "TIMESTAMP", "is_remote": "BOOLEAN"}
SEGMENT = {"of": "core.dim_customers", "column": "segment"}


@pytest.fixture(scope="module")
def cursor() -> duckdb.DuckDBPyConnection:
    return memory_lake()


def declare(**attributes: dict[str, Any]) -> FeatureSetSpec:
    return FeatureSetSpec.model_validate(
        {
            "name": "roles",
            "description": "Roles",
            "entity": "customer_id",
            "spines": [
                {"name": "transactions", "table": "core.fct_transactions", "key": "transaction_id"},
                {"name": "days", "table": "core.customer_days", "key": "day_id"},
            ],
            "attributes": attributes,
            "features": {f"f_{name}": name for name in attributes},
        }
    )


ROLES = declare(
    home=SEGMENT,
    shop={**SEGMENT, "by": "terminal_id", "key": "customer_id"},
    first={**SEGMENT, "by": "terminal_id", "key": "customer_id", "first_version": "assumed"},
    remote={"of": "core.dim_channels", "column": "is_remote", "by": "channel"},
)


def latest(dim: list[Row], key: Any, t: Any, *, assumed: bool = False) -> Any:
    """The reference: the largest value of the latest version before t."""
    known = [row for row in dim if row["customer_id"] == key]
    before = [row for row in known if row["valid_from"] < t]
    if before:
        time = max(row["valid_from"] for row in before)
    elif known and assumed:
        time = min(row["valid_from"] for row in known)
    else:
        return None
    found = [row["segment"] for row in known if row["valid_from"] == time and row["segment"]]
    return max(found, default=None)


@given(own=rows(max_size=15), dim=versions())
@settings(max_examples=25)
def test_batch_and_online_look_up_each_role_by_its_own_column(
    cursor: duckdb.DuckDBPyConnection, own: list[Row], dim: list[Row]
) -> None:
    channels = [
        {"channel": name, "valid_from": START, "is_remote": name == "online"}
        for name in ("chip", "online")
    ]
    load(cursor, own, [], dim)
    fill(cursor, "core.dim_channels", CHANNELS, channels)
    compiled = load_plan(ROLES, cursor)
    tables = {"core.dim_customers": dim, "core.dim_channels": channels}
    computed = batch(cursor, ROLES, 7)
    for row in own:
        t = row["event_time"]
        is_known = row["channel"] in ("chip", "online") and t > START
        expected = {
            "f_home": latest(dim, row["customer_id"], t) if row["customer_id"] else None,
            "f_shop": latest(dim, row["terminal_id"], t) if row["terminal_id"] else None,
            "f_first": latest(dim, row["terminal_id"], t, assumed=True),
            "f_remote": row["channel"] == "online" if is_known else None,
        }
        assert compute_online(compiled, row, tables) == expected
        assert computed[row["transaction_id"]] == expected


def schema(**columns: str) -> dict[str, dict[str, str]]:
    return {**SCHEMA, "core.fct_transactions": {**COLUMNS, **columns}}


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ({"by": "shop_id"}, r"core.fct_transactions has no column shop_id"),
        ({"by": "terminal_id"}, r"core.dim_customers has no column terminal_id; write `key: `"),
        ({"by": "channel", "key": "customer_id"}, r"core.dim_customers.customer_id and core.fct_"
         r"transactions.channel have different types; cast one of them"),
    ],
)  # fmt: skip
def test_a_role_that_does_not_fit_the_tables_is_refused(
    attribute: dict[str, str], message: str
) -> None:
    with pytest.raises(FeatureError, match=message):
        plan(declare(home={**SEGMENT, **attribute}), schema())


def test_a_spine_without_the_column_of_a_role_has_the_other_features() -> None:
    tables = {
        "core.fct_transactions": COLUMNS,
        "core.dim_customers": DIMENSION,
        "core.dim_channels": CHANNELS,
        "core.customer_days": {
            "day_id": "BIGINT", "customer_id": "BIGINT", "event_time": "TIMESTAMP",
        },
    }  # fmt: skip
    assert [feature.name for feature in plan(ROLES, tables, "days").features] == ["f_home"]


def test_the_version_depends_on_the_role_and_the_lineage_names_its_column() -> None:
    role = {**SEGMENT, "by": "terminal_id", "key": "customer_id"}
    home, shop = (plan(declare(x=one), schema()) for one in (SEGMENT, role))
    assert home.version != shop.version
    assert shop.features[0].inputs == (
        ("core.dim_customers", "segment"), ("core.fct_transactions", "terminal_id"),
    )  # fmt: skip
