"""A feature set that cannot be computed exactly is refused, with what to write instead."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

import lakehouse
from lakehouse.features import FeatureError, FeatureSetSpec, plan

SCHEMA = {
    "core.fct_transactions": {
        "transaction_id": "BIGINT", "customer_id": "BIGINT", "event_time": "TIMESTAMP",
        "known_at": "TIMESTAMP", "amount_cents": "BIGINT", "amount": "DECIMAL(18,2)",
        "channel": "VARCHAR", "is_fraud": "BOOLEAN", "zoned": "TIMESTAMP WITH TIME ZONE",
    },
    "core.dim_customers": {
        "customer_id": "BIGINT", "valid_from": "TIMESTAMP", "segment": "VARCHAR",
    },
}  # fmt: skip


def declared(**changes: Any) -> dict[str, Any]:
    return {
        "name": "spending",
        "description": "Spending",
        "entity": "customer_id",
        "spines": [
            {"name": "transactions", "table": "core.fct_transactions", "key": "transaction_id"}
        ],
        "streams": {"payments": "core.fct_transactions"},
        "aggregates": {
            "n": {"of": "payments", "op": "count", "window": ["1d", "7d"]},
            "spend": {
                "of": "payments", "op": "sum", "value": "amount_cents", "window": ["1d", "7d"],
            },
            "month": {"of": "payments", "op": "count", "window": ["30d"]},
        },
        "features": {"mean": "spend / n"},
        **changes,
    }  # fmt: skip


def aggregate(**part: Any) -> dict[str, Any]:
    full = {"of": "payments", "op": "count", "window": "1d", **part}
    return declared(aggregates={"x": {k: v for k, v in full.items() if v}}, features={"f": "x"})


def feature(text: str) -> dict[str, Any]:
    return declared(features={"f": text})


@pytest.mark.parametrize(
    ("wrong", "remedy"),
    [
        (aggregate(op="avg", value="amount_cents"), r"avg is refused.*total / n"),
        (aggregate(op="stddev", value="amount_cents"), r"std\(squares, total, n\)"),
        (aggregate(op="median", value="amount_cents"), r"op: quantile"),
        (aggregate(window=None), r"windows are bounded: write `window: 30d`"),
        (aggregate(window="0s"), r"longer than zero"),
        (aggregate(window=["1d", "24h"]), r"without repetition"),
        (
            aggregate(of="nothing"),
            r"aggregate x is of 'nothing', which is not a declared stream; known: payments",
        ),
        (aggregate(op="sum"), r"op sum needs `value`: write `value: amount_cents`"),
        (aggregate(value="amount_cents"), r"op count takes no `value`"),
        (aggregate(op="quantile", value="amount_cents"), r"op quantile needs `q`: write `q: 0.5`"),
        (aggregate(q=0.5), r"op count takes no `q`"),
        (aggregate(op="count_since"), r"op count_since needs `where`"),
        (aggregate(op="total"), r"unknown op 'total'; known: count, sum, sumsq, min"),
        (feature("n / month"), r"different windows.*name one window of each, such as n_1d"),
        (feature("n +"), r"character 4: the expression ends too early; a value, a name"),
        (feature("n ** 2"), r"character 4, `\*`: a value, a name or a function is expected here"),
        (feature("n % 2"), r"character 3, `%`: this is not expected; operators are \+ - "),
        (
            aggregate(where="is_fraud and"),
            r"aggregate x: expression .*character 13: the expression ends too early",
        ),
        (declared(features={"event_time": "1"}), r"name of a column of feature tables"),
        (declared(features={"customer_id": "1"}), r"name of another column"),
        (declared(surprise=1), r"surprise"),
    ],
)
def test_an_invalid_declaration_is_refused_with_a_remedy(
    wrong: dict[str, Any], remedy: str
) -> None:
    with pytest.raises((ValidationError, FeatureError), match=f"(?s){remedy}"):
        FeatureSetSpec.model_validate(wrong)


@pytest.mark.parametrize(
    ("wrong", "remedy"),
    [
        (feature("spent / n"), r"unknown name 'spent'; known: "),
        (feature("row.amuont"), r"core.fct_transactions has no column amuont"),
        (feature("row.amount"), r"amount is a DECIMAL\(18,2\).*minor units"),
        (feature("row.zoned"), r"zoned is a TIMESTAMP WITH TIME ZONE"),
        (feature("row.event_time"), r"feature f is TIMESTAMP"),
        (feature("log1p(n)"), r"character 1, `log1p\(n\)`: unknown function log1p\(\); known: "),
        (feature("row.is_fraud + 1"), r"write `case when x then 1 else 0 end`"),
        (feature("1 + row.channel"), r"character 5, `row.channel`: VARCHAR is not a number"),
        (feature("1 if n_1d else 0"), r"true or false, not BIGINT"),
        (feature("row.channel == 1"), r"different kinds cannot be combined: BIGINT, VARCHAR"),
        (feature("n_1d.real"), r"unknown name 'n_1d.real'"),
        (feature("hour(n_1d)"), r"hour\(\) takes TIMESTAMP"),
        (aggregate(op="sum", value="amount"), r"DECIMAL"),
        (aggregate(op="sum", value="is_fraud"), r"exact over integers only"),
        (aggregate(op="quantile", q=0.5, value="channel"), r"needs numbers"),
        (aggregate(where="amount_cents"), r"not a condition"),
        (aggregate(where="fraud"), r"no column fraud"),
    ],
)
def test_a_declaration_that_does_not_fit_the_tables_is_refused_with_the_reason(
    wrong: dict[str, Any], remedy: str
) -> None:
    with pytest.raises(FeatureError, match=f"(?s)feature set spending: .*{remedy}"):
        plan(FeatureSetSpec.model_validate(wrong), SCHEMA)


def test_a_feature_over_lists_of_windows_is_repeated_for_each_window() -> None:
    spec = FeatureSetSpec.model_validate(
        declared(
            features={
                "mean": "spend / n",
                "week": "spend_7d / n_7d",
                "to_month": "n_7d / month_30d",
            }
        )
    )
    features = plan(spec, SCHEMA).features
    assert [f.name for f in features] == ["mean_1d", "mean_7d", "week", "to_month"]
    assert {f.type for f in features} == {"DOUBLE"}
    assert features[1].inputs == (
        ("core.fct_transactions", "amount_cents"), ("core.fct_transactions", "known_at"),
    )  # fmt: skip
    assert features[1].description == "`spend / n` over 7d"


def test_the_version_depends_on_the_computation_and_its_input_types_alone() -> None:
    def version(schema: dict[str, Any] = SCHEMA, **changes: Any) -> str:
        return plan(FeatureSetSpec.model_validate(declared(**changes)), schema).version

    table = SCHEMA["core.fct_transactions"]
    assert version() == version(description="Another description", owners=["team:x"])
    assert version() == version(SCHEMA | {"core.fct_transactions": table | {"more": "BIGINT"}})
    others = [
        version(features={"mean": "n / spend"}),
        version(SCHEMA | {"core.fct_transactions": table | {"amount_cents": "INTEGER"}}),
        version(
            aggregates={
                **declared()["aggregates"],
                "n": aggregate(window=["1d", "7d"], where="is_fraud")["aggregates"]["x"],
            }
        ),
    ]
    assert len({version(), *others}) == 4


def test_an_assumed_first_version_is_in_the_feature_description() -> None:
    attribute = {"of": "core.dim_customers", "column": "segment", "first_version": "assumed"}
    spec = FeatureSetSpec.model_validate(
        declared(attributes={"segment": attribute}, features={"s": "segment"})
    )
    compiled = plan(spec, SCHEMA).features[0]
    assert (compiled.type, compiled.inputs) == ("VARCHAR", (("core.dim_customers", "segment"),))
    assert "assumed for earlier times" in compiled.description


def test_every_set_of_payments_is_valid_and_describes_its_features() -> None:
    folder = Path(lakehouse.__file__).parent / "defs" / "payments" / "feature_sets"
    names = set()
    for file in sorted(folder.glob("*/defs.yaml")):
        spec = FeatureSetSpec.model_validate(yaml.safe_load(file.read_text())["attributes"])
        assert spec.name == file.parent.name
        assert all(feature.description for feature in spec.features.values())
        names.add(spec.name)
    assert names >= {"customer_spending", "terminal_risk", "transaction_context"}
