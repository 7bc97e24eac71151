"""An expression has bit-identical values in DuckDB and in Python."""

import statistics
import struct
from datetime import datetime
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.features.expressions import Kind, Name, compile_expression, names_in

KINDS = {
    "a": Kind.INTEGER, "b": Kind.INTEGER, "x": Kind.DOUBLE, "p": Kind.BOOLEAN, "q": Kind.BOOLEAN,
    "s": Kind.TEXT, "t": Kind.TIMESTAMP, "u": Kind.TIMESTAMP,
    "n": Kind.INTEGER, "total": Kind.INTEGER, "squares": Kind.WIDE,
}  # fmt: skip
SCOPE = {name: Name(kind, name) for name, kind in KINDS.items()}
EXPRESSIONS = [
    "a / b", "a + b * x - 0.1", "-a / (b - 1)", "a * b", "abs(x)", "sqrt(x)", "sqrt(a) / 3",
    "a < b", "a <= x", "a == b", "a != b and p", "not p or q", "p and not q", "p == q",
    "s == 'Ö{}'", "s > 'a'", "s is None", "x is not None",
    "a if p else b", "a if p else x", "a if p else None", "None if p else s",
    "x if x > 0 and p else -x", "coalesce(a, b, 7)", "coalesce(a, x)", "least(a, b)",
    "greatest(a, b, x)", "hour(t)", "weekday(t)", "day(t)", "t - u", "(t - u) / 3",
    "std(squares, total, n)", "total / n",
]  # fmt: skip
INTEGERS = st.none() | st.integers(-3, 3) | st.integers(-(2**62), 2**62)
DOUBLES = st.none() | st.floats(-1e100, 1e100).map(lambda value: value + 0.0)
BOOLEANS = st.none() | st.booleans()
TIMES = st.none() | st.datetimes(datetime(1965, 1, 1), datetime(2100, 1, 1))
VALUES = st.fixed_dictionaries(
    {
        "a": INTEGERS, "b": INTEGERS, "x": DOUBLES, "p": BOOLEANS, "q": BOOLEANS,
        "s": st.none() | st.sampled_from(["", "a", "Ö{}", "z", "😀"]), "t": TIMES, "u": TIMES,
        "amounts": st.lists(st.integers(-5, 5) | st.integers(0, 10**9), max_size=30),
    }
)  # fmt: skip


def bits(value: Any) -> Any:
    return struct.pack("d", value) if isinstance(value, float) else (type(value), value)


@pytest.fixture(scope="module")
def cursor() -> duckdb.DuckDBPyConnection:
    cursor = duckdb.connect()
    columns = ", ".join(f"{name} {known.kind}" for name, known in SCOPE.items())
    cursor.execute(f"CREATE TABLE v ({columns})")
    return cursor


@given(values=VALUES)
@settings(max_examples=150)
def test_every_construct_gives_the_same_bits(
    cursor: duckdb.DuckDBPyConnection, values: dict[str, Any]
) -> None:
    amounts = values.pop("amounts")
    values |= {"n": len(amounts), "total": sum(amounts), "squares": sum(v * v for v in amounts)}
    terms = [compile_expression(text, SCOPE) for text in EXPRESSIONS]
    cursor.execute("DELETE FROM v")
    cursor.execute(
        f"INSERT INTO v VALUES ({', '.join('?' for _ in SCOPE)})", [values[n] for n in SCOPE]
    )
    row = cursor.execute(f"SELECT {', '.join(term.sql for term in terms)} FROM v").fetchall()[0]
    for text, term, computed in zip(EXPRESSIONS, terms, row, strict=True):
        assert bits(computed) == bits(term.run(values)), text


def test_std_is_the_exact_sample_deviation_for_numbers_of_any_size() -> None:
    for amounts in ([1, 2, 4], [10**9 + 1, 10**9 + 2, 10**9 + 4], [7, 7]):
        values = {"n": len(amounts), "total": sum(amounts), "squares": sum(v * v for v in amounts)}
        deviation = compile_expression("std(squares, total, n)", SCOPE).run(values)
        assert deviation == pytest.approx(statistics.stdev(amounts), rel=1e-15)
    assert (
        compile_expression("std(squares, total, n)", SCOPE).run({"n": 1, "total": 5, "squares": 25})
        is None
    )


def test_the_names_of_an_expression_are_found_without_its_functions() -> None:
    assert names_in("least(row.x, n_7d) / hour(t)") == ["row.x", "n_7d", "t"]
