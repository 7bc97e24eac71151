"""Feature sets and models of declared tables: they load, or a sentence says what is missing."""

import dataclasses
import re
from datetime import datetime, timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
import yaml
from hypothesis import given

from lakehouse.features.compile import plan
from lakehouse.features.spec import FeatureSetSpec
from lakehouse.lake import Author, Lake
from lakehouse.models.spec import ModelSpec
from lakehouse.project import Project
from lakehouse.scaffolding.declared_tables import (
    DeclaredColumn,
    DeclaredTable,
    find_table,
    read_tables,
)
from lakehouse.scaffolding.errors import ScaffoldingError
from lakehouse.scaffolding.feature_set import propose_feature_set
from lakehouse.scaffolding.model import Seen, Wanted, propose_model
from lakehouse.scaffolding.proposal import write
from lakehouse.scaffolding.seen import look
from tests.project import PROJECT

SYSTEM = {"event_time": "TIMESTAMP", "known_at": "TIMESTAMP", "_load_id": "BIGINT"}


def table(name: str = "core.fct_orders", **types: str) -> DeclaredTable:
    every = {"order_id": "BIGINT", "customer_id": "VARCHAR"} | types | SYSTEM
    columns = tuple(DeclaredColumn(column, kind) for column, kind in every.items())
    return DeclaredTable(name, "shop", columns, ("order_id",))


ORDERS = table(
    amount="DECIMAL(18,2)", amount_cents="BIGINT", weight="DOUBLE", paid="BOOLEAN",
    channel="VARCHAR", shop_id="BIGINT", label="BIGINT", rows="BIGINT", late="BIGINT", untyped="",
)  # fmt: skip


def feature_set(of: DeclaredTable) -> dict[str, Any]:
    proposal = propose_feature_set(PROJECT, "shop", "orders", of, "customer_id", "order_id")
    values: dict[str, Any] = yaml.safe_load(proposal.files[0].text)["attributes"]
    return values


def test_a_set_has_windows_of_each_kind_of_column_and_none_of_identifiers_summed() -> None:
    values = feature_set(ORDERS)
    assert {"n", "idle", "amount_cents_mean", "weight_median", "paid_share"} <= {
        *values["features"]
    }
    assert values["aggregates"]["shop_id_kinds"]["op"] == "distinct"
    assert not any("_load_id" in name or "order_id" in name for name in values["aggregates"])


def test_values_of_the_row_itself_are_features_only_if_a_person_names_them() -> None:
    assert not any("row." in one["expression"] for one in feature_set(ORDERS)["features"].values())
    own = ("channel", "amount_cents", "label")
    text = (
        propose_feature_set(PROJECT, "shop", "x", ORDERS, "customer_id", "order_id", own)
        .files[0]
        .text
    )
    features = yaml.safe_load(text)["attributes"]["features"]
    assert features["channel"]["expression"] == "row.channel"
    assert features["amount_cents"]["expression"] == "row.amount_cents"
    assert features["row_label"]["expression"] == "row.label"


def test_means_divide_by_the_rows_that_have_a_value_and_parts_of_a_date_are_left_out() -> None:
    columns = [
        DeclaredColumn("price", "BIGINT", is_required=True),
        DeclaredColumn("delay", "BIGINT"),
        DeclaredColumn("late", "BOOLEAN"),
        DeclaredColumn("month", "BIGINT"),
    ]
    of = dataclasses.replace(ORDERS, columns=(*table().columns, *columns))
    values = feature_set(of)
    assert values["aggregates"]["delay_given"]["where"] == "delay is not null"
    expressions = {name: one["expression"] for name, one in values["features"].items()}
    assert expressions["price_mean"] == "price_sum / n"
    assert expressions["delay_mean"] == "delay_sum / delay_given"
    assert expressions["late_share"] == "late_n / late_given"
    assert not any(name.startswith("month") for name in values["aggregates"])


def test_a_person_chooses_the_columns_of_windows() -> None:
    proposal = propose_feature_set(
        PROJECT, "shop", "x", ORDERS, "customer_id", "order_id", values=("amount_cents",)
    )
    aggregates = yaml.safe_load(proposal.files[0].text)["attributes"]["aggregates"]
    assert {*aggregates} == {"n", "idle", "amount_cents_sum", "amount_cents_given"}
    proposal = propose_feature_set(
        PROJECT, "shop", "x", ORDERS, "customer_id", "order_id", values=("event_time", "paid")
    )
    left_out = "left out, as no window is made of it: event_time is no value of a row here"
    assert left_out in proposal.assumptions
    with pytest.raises(ScaffoldingError, match="has no column amount_cent; did you mean amount_"):
        propose_feature_set(
            PROJECT, "shop", "x", ORDERS, "customer_id", "order_id", values=("amount_cent",)
        )


def test_what_no_window_can_be_made_of_is_said() -> None:
    of = table(price="DECIMAL(9,3)", note="")
    said = propose_feature_set(PROJECT, "shop", "x", of, "customer_id", "order_id").assumptions
    assert any("price is DECIMAL(9,3) and left out" in sentence for sentence in said)
    assert any("no `data_type` is declared: note" in sentence for sentence in said)


def test_two_sets_of_the_same_rows_share_no_name_so_that_a_model_reads_both(
    project: Project,
) -> None:
    first = propose_feature_set(
        project, "shop", "customers", ORDERS, "customer_id", "order_id", ("amount_cents",)
    )
    write(first)
    own = ("amount_cents", "channel")
    second = propose_feature_set(project, "shop", "shops", ORDERS, "shop_id", "order_id", own)
    values = [
        yaml.safe_load(one.files[0].text)["attributes"]["features"] for one in (first, second)
    ]
    assert {"shops_n", "shops_idle", "channel"} <= {*values[1]}
    assert not {*values[0]} & {*values[1]}
    by_hand = project.defs_dir / "shop" / "feature_sets" / "customers" / "defs.yaml"
    by_hand.write_text(re.sub(r"features:\n    n:", "features:\n    sales:", by_hand.read_text()))
    window = by_hand.read_text().replace(
        "    idle: {expression: idle,", "    n_7d: {expression: n_7d,"
    )
    by_hand.write_text(window)
    third = propose_feature_set(project, "shop", "shops", ORDERS, "shop_id", "order_id")
    features = yaml.safe_load(third.files[0].text)["attributes"]["features"]
    assert {"shops_n", "idle"} <= {*features}, "n over seven days has the name of n_7d"
    left_out = "left out, as customers has a feature of that name: amount_cents"
    assert left_out in second.assumptions
    assert any(
        "of customers, for the same rows, begin with shops_" in a for a in second.assumptions
    )
    elsewhere = table("core.fct_refunds", shop_id="BIGINT")
    other = propose_feature_set(project, "shop", "refunds", elsewhere, "shop_id", "order_id")
    assert "idle" in yaml.safe_load(other.files[0].text)["attributes"]["features"]


TYPES = ["BIGINT", "INTEGER", "DOUBLE", "BOOLEAN", "VARCHAR", "DATE", "DECIMAL(18,2)", "JSON", ""]
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True) | st.sampled_from(
    ["n", "idle", "t", "row", "rows", "id", "e", "label", "key", "split", "naive_x", "n_1d", "late"]
)


@pytest.mark.slow
@given(st.dictionaries(NAMES, st.sampled_from(TYPES), max_size=12))
def test_a_set_of_any_table_compiles_against_it(types: dict[str, str]) -> None:
    of = table(**types)
    spec = FeatureSetSpec.model_validate(feature_set(of))
    assert plan(spec, {of.name: of.types}).features


@pytest.mark.parametrize(
    ("entity", "key", "sentence"),
    [
        ("custmer_id", "order_id", "has no column custmer_id; did you mean customer_id?"),
        ("order_id", "order_id", "each has one row, and no window holds more"),
        ("untyped", "order_id", "declares no type for untyped; add its `data_type`"),
        ("amount", "order_id", "features cannot read"),
    ],
)
def test_an_entity_that_cannot_be_one_is_refused(entity: str, key: str, sentence: str) -> None:
    with pytest.raises(ScaffoldingError, match=sentence):
        propose_feature_set(PROJECT, "shop", "orders", ORDERS, entity, key)


def model(seen: Seen | None = None, column: str = "paid", **wanted: Any) -> dict[str, Any]:
    sets = [FeatureSetSpec.model_validate(feature_set(ORDERS))]
    asked = Wanted(ORDERS, "order_id", ORDERS, column, seen=seen or Seen(), **wanted)
    proposal = propose_model(PROJECT, "shop", "payment", asked, sets)
    values: dict[str, Any] = yaml.safe_load(proposal.files[0].text)["attributes"]
    ModelSpec.model_validate(values)
    return values


@pytest.mark.parametrize(
    ("column", "task", "gate"),
    [
        ("paid", "binary", "auc_roc"),
        ("channel", "multiclass", "better_than_majority"),
        ("amount_cents", "regression", "better_than_naive"),
        ("weight", "regression", "better_than_naive"),
    ],
)
def test_the_type_of_the_label_decides_the_task_and_a_gate_that_only_chance_fails(
    column: str, task: str, gate: str
) -> None:
    values = model(column=column)
    assert values["task"] == task
    (bound,) = values["gates"]
    assert (bound["metric"], bound["lower_end"]) == (gate, True)
    assert ("capacity" in values) == (task == "binary")
    assert values["spine"]["entities"] == ["customer_id"]


def test_a_number_that_is_only_0_and_1_in_the_lake_is_a_binary_label() -> None:
    assert model(Seen(values=("0", "1")), column="amount_cents")["task"] == "binary"
    assert model(Seen(values=("0", "2")), column="amount_cents")["task"] == "regression"
    assert model(column="amount_cents", task="binary")["task"] == "binary"


@pytest.mark.parametrize(("days", "period"), [(400, "14d"), (60, "10d"), (12, "2d"), (3, "1d")])
def test_periods_fit_the_history_in_the_lake(days: int, period: str) -> None:
    first = datetime(2026, 1, 1)
    values = model(Seen(first, first + timedelta(days=days), 1000))
    assert values["split"] == {"validation": period, "test": period}


def test_labels_of_another_table_are_settled_after_the_given_time() -> None:
    sets = [FeatureSetSpec.model_validate(feature_set(ORDERS))]
    labels = table("core.fct_returns", is_returned="BOOLEAN")
    asked = Wanted(ORDERS, "order_id", labels, "is_returned", timedelta(days=30))
    text = propose_model(PROJECT, "shop", "returns", asked, sets).files[0].text
    assert "label: {table: core.fct_returns, column: is_returned, maturity: 30d}" in text


def test_a_feature_with_the_name_of_an_entity_is_left_out_of_the_model() -> None:
    own = propose_feature_set(PROJECT, "shop", "x", ORDERS, "customer_id", "order_id", ("shop_id",))
    shops = propose_feature_set(PROJECT, "shop", "y", ORDERS, "shop_id", "order_id")
    sets = [
        FeatureSetSpec.model_validate(yaml.safe_load(one.files[0].text)["attributes"])
        for one in (own, shops)
    ]
    asked = Wanted(ORDERS, "order_id", ORDERS, "paid")
    proposal = propose_model(PROJECT, "shop", "payment", asked, sets)
    assert yaml.safe_load(proposal.files[0].text)["attributes"]["exclude"] == ["shop_id"]
    assert any("left out, as an entity or the key" in one for one in proposal.assumptions)


def test_a_table_built_before_it_had_the_label_shows_its_rows_alone(lake: Lake) -> None:
    with lake.writer(Author("test")) as writer:
        writer.execute(
            "CREATE TABLE core.fct_orders AS "
            "SELECT TIMESTAMP '2026-05-01' event_time, TIMESTAMP '2026-05-02' known_at"
        )
    first = datetime(2026, 5, 1)
    assert look(lake, ORDERS, ORDERS, "paid") == Seen(first, first, 1, delay=timedelta(days=1))


def test_a_label_that_arrives_with_its_row_is_settled_when_most_rows_have_arrived() -> None:
    values = model(Seen(delay=timedelta(hours=23, minutes=1)))
    assert values["label"]["maturity"] == "1d"
    assert model()["label"]["maturity"] == "0s"


def test_what_no_model_can_be_made_of_is_refused(project: Project) -> None:
    with pytest.raises(ScaffoldingError, match="no feature set is computed for the rows of core"):
        propose_model(PROJECT, "shop", "x", Wanted(ORDERS, "order_id", ORDERS, "paid"), [])
    with pytest.raises(
        ScaffoldingError, match=r"no feature set other is computed .* known are ord"
    ):
        model(feature_sets=("other",))
    with pytest.raises(ScaffoldingError, match="event_time is TIMESTAMP; a label is a number"):
        model(column="event_time")


SQL = """
with rows as (
    select id, a as b from {{ ref('x') }} as r
    left join {{ ref('y') }} as y
)
select
    id,
    b, id + id AS doubled, -- as is
    cast(
        a as bigint
    ),
    a > 15 as is_late
from (select 1) as t
"""


def test_tables_their_types_and_keys_come_from_the_manifest() -> None:
    manifest = {
        "nodes": {
            "model.x.fct_a": {
                "resource_type": "model",
                "schema": "core",
                "alias": "fct_a",
                "fqn": ["x", "shop", "core", "fct_a"],
                "columns": {
                    "id": {
                        "data_type": "int8",
                        "description": "The id",
                        "constraints": [{"type": "not_null"}],
                    },
                    "b": {},
                },
                "raw_code": SQL,
            },
            "test.x.t": {
                "resource_type": "test",
                "attached_node": "model.x.fct_a",
                "test_metadata": {"name": "unique_recently", "kwargs": {"columns": ["id"]}},
            },
        }
    }
    found = read_tables(manifest)
    assert find_table(found, "fct_a") == DeclaredTable(
        "core.fct_a",
        "shop",
        (DeclaredColumn("id", "BIGINT", "The id", is_required=True), DeclaredColumn("b", "")),
        ("id",),
        undeclared=("doubled", "is_late"),
    )
    with pytest.raises(ScaffoldingError, match=r"no dbt model makes core\.fct_b; did you mean"):
        find_table(found, "core.fct_b")
