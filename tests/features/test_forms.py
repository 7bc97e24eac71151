"""Every form of the expression language has an example, which DuckDB computes as Python does."""

import re
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

import lakehouse
from lakehouse.features import FeatureSetSpec, plan
from lakehouse.features.expressions import (
    EXAMPLE,
    FORMS,
    Form,
    Kind,
    Name,
    compile_expression,
    names_in,
)
from tests.features.test_expressions import bits

LISTED = [(key, form) for key, forms in FORMS.items() for form in forms]


@pytest.mark.parametrize(("key", "form"), LISTED, ids=[form.spelling for _, form in LISTED])
def test_the_example_of_a_form_has_the_documented_kind_and_value(key: str, form: Form) -> None:
    scope = {name: Name(kind, name) for name, (kind, _) in EXAMPLE.items()}
    term = compile_expression(form.example, scope)
    names = ", ".join(f"?::{kind} AS {name}" for name, (kind, _) in EXAMPLE.items())
    values = {name: value for name, (_, value) in EXAMPLE.items()}
    query = f"SELECT v, typeof(v) FROM (SELECT {term.sql} AS v FROM (SELECT {names}))"
    value, sql_type = duckdb.connect().execute(query, list(values.values())).fetchall()[0]
    assert bits(value) == bits(term.run(values))
    assert sql_type == term.kind
    assert form.gives in (None, term.kind)
    assert key.strip("()").split()[0] in form.example.lower() or key == "negative"


@pytest.mark.parametrize("form", [f for _, f in LISTED if f.is_strict], ids=lambda f: f.spelling)
def test_a_form_described_as_null_for_any_null_is_so_in_duckdb_and_in_python(form: Form) -> None:
    """How a form is written is itself an expression."""
    kinds = {**dict.fromkeys("xyab", Kind.DOUBLE), "p": Kind.BOOLEAN, "q": Kind.BOOLEAN}
    kinds |= {name: kind for name, (kind, _) in EXAMPLE.items()}
    values: dict[str, Any] = {**dict.fromkeys("xyab", 4.0), "p": True, "q": True}
    values |= {name: value for name, (_, value) in EXAMPLE.items()}
    term = compile_expression(form.spelling, {n: Name(kind, n) for n, kind in kinds.items()})
    names = ", ".join(f"?::{kind} AS {name}" for name, kind in kinds.items())
    query = f"SELECT {term.sql} FROM (SELECT {names})"
    for absent in ("", *names_in(form.spelling)):
        row = {name: None if name == absent else values[name] for name in kinds}
        value = duckdb.connect().execute(query, list(row.values())).fetchall()[0][0]
        assert bits(value) == bits(term.run(row))
        assert (value is None) == bool(absent)


def test_the_example_on_the_page_compiles() -> None:
    page = Path(lakehouse.__file__).parents[1] / "docs" / "reference" / "expressions.md"
    found = re.search(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)
    assert found
    declared = {
        "name": "page", "description": "Page", "entity": "customer_id",
        "spines": [{"name": "rows", "table": "core.fct_payments", "key": "payment_id"}],
        "streams": {"payments": "core.fct_payments"}, **yaml.safe_load(found[1]),
    }  # fmt: skip
    columns = {
        "payment_id": "BIGINT", "customer_id": "BIGINT", "event_time": "TIMESTAMP",
        "known_at": "TIMESTAMP", "amount_cents": "BIGINT", "country": "VARCHAR",
    }  # fmt: skip
    compiled = plan(FeatureSetSpec.model_validate(declared), {"core.fct_payments": columns})
    assert {f.name: f.type for f in compiled.features} == {
        "size": "VARCHAR", "is_usual": "BOOLEAN", "share_abroad": "DOUBLE",
    }  # fmt: skip
