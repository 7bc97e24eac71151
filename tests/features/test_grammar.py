"""What an expression means is what it means in SQL: DuckDB is the judge."""

from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lakehouse.features import FeatureError
from lakehouse.features.expressions import Kind, Name, compile_expression
from tests.features.expressions import expressions
from tests.features.test_expressions import BOOLEANS, INTEGERS, TIMES, bits

NAMES = {
    Kind.INTEGER: ["a", "b"], Kind.DOUBLE: ["x", "y"], Kind.BOOLEAN: ["p", "q"],
    Kind.TEXT: ["s", "r"], Kind.TIMESTAMP: ["t", "u"],
}  # fmt: skip
SCOPE = {name: Name(kind, name) for kind, names in NAMES.items() for name in names}
DOUBLES = st.none() | st.sampled_from([0.0, 1.5, -2.0]) | st.floats(allow_nan=False)
TEXTS = st.none() | st.sampled_from(["", "a", "it's", "Ö{}", "z", "😀"])
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            name: {
                Kind.INTEGER: INTEGERS, Kind.DOUBLE: DOUBLES.map(lambda v: v and v + 0.0),
                Kind.BOOLEAN: BOOLEANS, Kind.TEXT: TEXTS, Kind.TIMESTAMP: TIMES,
            }[kind]
            for kind, names in NAMES.items() for name in names
        }
    ),
    min_size=1,
    max_size=5,
)  # fmt: skip
ARROW = {
    Kind.INTEGER: pa.int64(), Kind.DOUBLE: pa.float64(), Kind.BOOLEAN: pa.bool_(),
    Kind.TEXT: pa.string(), Kind.TIMESTAMP: pa.timestamp("us"),
}  # fmt: skip
KINDS = st.sampled_from(list(NAMES))


@pytest.fixture(scope="module")
def cursor() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def fill(cursor: duckdb.DuckDBPyConnection, rows: list[dict[str, Any]]) -> None:
    columns = {
        name: pa.array([row[name] for row in rows], ARROW[known.kind])
        for name, known in SCOPE.items()
    }
    cursor.register("incoming", pa.table(columns))
    listed = ", ".join(f"{name} {known.kind}" for name, known in SCOPE.items())
    cursor.execute(f"CREATE OR REPLACE TABLE v (number INTEGER, {listed})")
    cursor.execute(f"INSERT INTO v SELECT row_number() OVER (), {', '.join(SCOPE)} FROM incoming")


def values(cursor: duckdb.DuckDBPyConnection, sql: str) -> list[Any]:
    return [v for (v,) in cursor.execute(f"SELECT {sql} FROM v ORDER BY number").fetchall()]


@pytest.mark.slow
@given(text=KINDS.flatmap(lambda kind: expressions(kind, NAMES)), rows=ROWS)
@settings(max_examples=250)
def test_whatever_compiles_has_the_value_of_the_same_text_in_duckdb(
    cursor: duckdb.DuckDBPyConnection, text: str, rows: list[dict[str, Any]]
) -> None:
    try:
        term = compile_expression(text, SCOPE)
    except FeatureError:
        assume(False)
    fill(cursor, rows)
    online = [bits(term.run(row)) for row in rows]
    assert [bits(value) for value in values(cursor, term.sql)] == online
    assert [bits(value) for value in values(cursor, text)] == online


@given(values=st.fixed_dictionaries({"a": INTEGERS, "b": INTEGERS, "p": BOOLEANS, "s": TEXTS}))
@pytest.mark.parametrize(
    ("sql", "older"),
    [
        ("case when p then a else b end", "a if p else b"),
        (
            "case when p then a else case when a > b then b end end",
            "a if p else b if a > b else None",
        ),
        ("a = 1 and s is not null", "a == 1 and s is not None"),
        ("a <> b", "a != b"),
    ],
)
def test_spellings_of_an_earlier_release_compile_to_the_same_plan(
    sql: str, older: str, values: dict[str, Any]
) -> None:
    new, old = compile_expression(sql, SCOPE), compile_expression(older, SCOPE)
    assert (new.kind, new.sql, new.uses) == (old.kind, old.sql, old.uses)
    assert bits(new.run(values)) == bits(old.run(values))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a + s", r"character 5, `s`: VARCHAR is not a number"),
        ("p and (x\n + a)", r"character 8, `x \+ a`: a condition must be true or false, not DOU"),
        ("a in (1, 'b', 2)", r"character 10, `'b'`: values of different kinds .*BIGINT, VARCHAR"),
        ("a between 1 and t", r"character 17, `t`: values of different kinds .*BIGINT, TIMESTAMP"),
        ("s not in (1)", r"character 11, `1`: values of different kinds"),
        ("case when a then 1 end", r"character 11, `a`: a condition must be true or false, not B"),
        ("case when p then 1 else s end", r"character 25, `s`: values of different kinds"),
        ("case s when 1 then 2 end", r"character 13, `1`: values of different kinds"),
        ("case when p then null end", r"character 18, `null`: NULL alone has no kind"),
        ("null = null", r"character 1, `null`: NULL alone has no kind"),
        ("hour(a)", r"character 6, `a`: hour\(\) takes TIMESTAMP, not BIGINT"),
        ("hour()", r"character 1, `hour\(\)`: hour\(\) takes TIMESTAMP"),
        ("hour(t, u)", r"hour\(\) takes TIMESTAMP"),
        ("abs(a, b)", r"character 1, `abs\(a, b\)`: 1 argument expected, not 2"),
        ("coalesce()", r"1 argument expected, not 0"),
        ("t + u", r"character 1, `t`: TIMESTAMP is not a number; `t - x` gives the micro"),
        ("t - a", r"`t`: TIMESTAMP is not a number"),
        ("amount > 1", r"character 1, `amount`: unknown name 'amount'; known: a, b, p"),
        ('s = "chip"', r"unknown name 'chip'.*; a text is written in single quotes"),
        ("s = 'chip", r"character 5, `'`: .* a text ends with a single quote"),
        ("log(x)", r"character 1, `log\(x\)`: unknown function log\(\); known: "),
        ("a < b < 3", r"character 7, `<`: comparisons are not chained"),
        ("a between 1", r"character 12: the expression ends too early; `and` is expected"),
        ("a in 1", r"character 6, `1`: `\(` is expected here \(`x in \(1, 2\)`\)"),
        ("a in ()", r"character 7, `\)`: a value, a name or a function is expected"),
        ("a is 1", r"character 6, `1`: `is` is followed by `null` or `not null`"),
        ("a not null", r"character 3, `not`: an operator or the end"),
        ("case else 1 end", r"character 6, `else`: a value"),
        ("case a end", r"character 8, `end`: `when` is expected here"),
        ("case when p 1 end", r"character 13, `1`: `then` is expected"),
        ("case when p then 1", r"ends too early; `end` is expected"),
        ("(a + b", r"ends too early; `\)` is expected"),
        ("end + 1", r"character 1, `end`: .* a name that is a keyword is written in double quotes"),
        ("", r"character 1: the expression ends too early"),
        ("12abc", r"character 1, `12a`: a number ends before a letter"),
        ("1e999", r"character 1, `1e999`: the number is too large"),
        ("9223372036854775808", r"the number is too large"),
        ("1__0", r"this is not a valid number"),
        ("a -- 1", r"character 3, `--`: SQL reads this as a comment; write `- -`"),
        ("t > timestamp 'noon'", r"character 15, `'noon'`: a time is written '2026-05-31'"),
        ("t > timestamp '2026-05-31 14:30+02:00'", r"in UTC without zone"),
        (
            "t > '2026-05-31'",
            r"character 5, .*different kinds .*TIMESTAMP, VARCHAR; write `timestamp",
        ),
        ("timestamp", r"unknown name 'timestamp'"),
        ("a ; b", r"character 3, `;`: this is not expected; operators are"),
        ("a.b.c", r"unknown name 'a.b.c'"),
        ("a.", r"a name is expected after the dot"),
        ("squares = 1", r"`1`: values of different kinds .* BIGINT, HUGEINT"),
        ("squares < squares", r"sums of squares are for std"),
    ],
)
def test_what_does_not_compile_is_refused_with_its_place(text: str, message: str) -> None:
    scope = {**SCOPE, "squares": Name(Kind.WIDE, "squares")}
    with pytest.raises(FeatureError, match=rf"(?s)^expression .*{message}"):
        compile_expression(text, scope)


@pytest.mark.parametrize("text", ["(" * 5000 + "1" + ")" * 5000, " or ".join(["p"] * 5000)])
def test_an_expression_that_is_nested_too_deeply_is_refused(text: str) -> None:
    with pytest.raises(FeatureError, match="is nested too deeply"):
        compile_expression(text, SCOPE)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("-1", Kind.INTEGER, -1),
        ("-9223372036854775808", Kind.INTEGER, -(2**63)),
        ("- a", Kind.DOUBLE, -5.0),
        ("'it''s'", Kind.TEXT, "it's"),
        ("NOT NULL", Kind.BOOLEAN, None),
        ("CASE WHEN TRUE THEN 1 END", Kind.INTEGER, 1),
        ('"order by" + 1', Kind.DOUBLE, 3.0),
        ('"case"', Kind.INTEGER, 7),
        ('row."Unit ""price"""', Kind.INTEGER, 8),
        ("row.end", Kind.INTEGER, 9),
        ("1_000", Kind.INTEGER, 1000),
        (".5", Kind.DOUBLE, 0.5),
        ("Hour(t)", Kind.INTEGER, 3),
        ("timestamp '2026-01-01 03:00:00.25' - t", Kind.INTEGER, 250_000),
    ],
)
def test_names_and_constants_are_written_as_in_sql(text: str, kind: Kind, value: Any) -> None:
    row = {
        "a": 5, "t": datetime(2026, 1, 1, 3), "order by": 2, "case": 7, 'row.Unit "price"': 8,
        "row.end": 9,
    }  # fmt: skip
    scope = {**SCOPE, **{name: Name(Kind.INTEGER, "x") for name in row if name not in SCOPE}}
    term = compile_expression(text, scope)
    assert (term.kind, term.run(row)) == (kind, value)


def test_the_value_of_a_branch_that_is_not_taken_is_not_computed() -> None:
    """As in DuckDB, where a total that does not fit is no error in such a branch."""
    scope = {"squares": Name(Kind.WIDE, "s"), "n": Name(Kind.INTEGER, "n")}
    row = {"squares": 2**126, "n": 4}
    for text in (
        "case when n > 9 then std(squares, n, n) end",
        "coalesce(1e0, std(squares, n, n))",
    ):
        term = compile_expression(text, scope)
        value = term.run(row)
        query = f"SELECT {term.sql} FROM (SELECT {row['squares']}::HUGEINT AS s, 4::BIGINT AS n)"
        assert duckdb.connect().execute(query).fetchall() == [(value,)]
    with pytest.raises(FeatureError, match="does not fit"):
        compile_expression("std(squares, n, n)", scope).run(row)
