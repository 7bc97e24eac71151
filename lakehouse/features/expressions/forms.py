"""Every form of the expression language: how it is written, its kinds, its SQL and its Python.

The compiler looks forms up here, and `docs/reference/expressions.md` is made from this table.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lakehouse.features.expressions import arguments
from lakehouse.features.expressions.arguments import Arguments
from lakehouse.features.expressions.terms import FeatureError, Kind

_STRICT = "NULL if an argument is NULL"


EXAMPLE: Mapping[str, tuple[Kind, Any]] = {
    "t": (Kind.TIMESTAMP, datetime(2026, 5, 31, 14, 30)),
    "u": (Kind.TIMESTAMP, datetime(2026, 5, 31, 14, 29)),
    "n": (Kind.INTEGER, 3),
    "total": (Kind.INTEGER, 6),
    "squares": (Kind.WIDE, 14),
}
"""Names that the examples of forms use: kinds and values."""


@dataclass(frozen=True)
class Form:
    """An operator or a function.

    `sql` has one `{}` per argument (or makes such a text from their number). `run` has one
    parameter per argument; if `lazy`, they are functions without parameters, and only what they
    are called for is computed, as in SQL.
    """

    spelling: str
    takes: Arguments
    gives: Kind | None
    """The kind of the result; None: that of the argument number `like`."""
    sql: str | Callable[[int], str]
    run: Callable[..., Any]
    example: str
    """An expression over constants and `EXAMPLE`."""
    null: str = _STRICT
    """What happens to NULL. Unless this is the default, `run` receives NULL as None."""
    note: str = ""
    like: int = 0
    lazy: bool = False

    @property
    def is_strict(self) -> bool:
        """Whether the result is NULL as soon as one argument is."""
        return self.null == _STRICT


def _and(a: bool | None, b: bool | None) -> bool | None:
    return False if a is False or b is False else None if a is None or b is None else True


def _or(a: bool | None, b: bool | None) -> bool | None:
    return True if a is True or b is True else None if a is None or b is None else False


def _not(a: bool | None) -> bool | None:
    return None if a is None else not a


def _compare(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """As SQL compares: NaN, the result of inf - inf, equals itself and is the largest number."""
    return lambda a, b: compare(a, b) if a == a and b == b else compare(a != a, b != b)


_equal = _compare(lambda a, b: a == b)
_at_least = _compare(lambda a, b: a >= b)
_at_most = _compare(lambda a, b: a <= b)


def _in(x: Any, *values: Any) -> bool | None:
    if x is None:
        return None
    if any(value is not None and _equal(x, value) for value in values):
        return True
    return None if None in values else False


def _between(x: Any, low: Any, high: Any) -> bool | None:
    if x is None:
        return None
    above = None if low is None else _at_least(x, low)
    return _and(above, None if high is None else _at_most(x, high))


def _case(*parts: Callable[[], Any]) -> Any:
    for condition, value in zip(parts[:-1:2], parts[1::2], strict=True):
        if condition() is True:
            return value()
    return parts[-1]()


def _case_of(operand: Callable[[], Any], *parts: Callable[[], Any]) -> Any:
    x = operand()
    for candidate, value in zip(parts[:-1:2], parts[1::2], strict=True):
        if x is not None and (other := candidate()) is not None and _equal(x, other):
            return value()
    return parts[-1]()


def _case_sql(operand: str) -> Callable[[int], str]:
    def sql(count: int) -> str:
        return f"CASE{operand}{' WHEN {} THEN {}' * ((count - 1) // 2)} ELSE {{}} END"

    return sql


def _coalesce(*parts: Callable[[], Any]) -> Any:
    return next((value for part in parts if (value := part()) is not None), None)


def _order(x: Any) -> Any:
    return (True, 0.0) if x != x else (False, x)


def _extreme(choose: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *xs: choose((x for x in xs if x is not None), key=_order, default=None)


def _listed(before: str, after: str = ")") -> Callable[[int], str]:
    return lambda count: before + ", ".join(["{}"] * count) + after


def _microseconds_between(later: Any, earlier: Any) -> int:
    difference = later - earlier
    return int(
        (difference.days * 86_400 + difference.seconds) * 1_000_000 + difference.microseconds
    )


_BITS = 53
_MASK = 2**_BITS


def _std(squares: int, total: int, n: int) -> float | None:
    moment = n * squares - total * total
    if n < 2 or moment < 0:
        return None
    if n * squares >= 2**127 or moment >= _MASK * 2**63:
        raise FeatureError("std() of such large numbers does not fit in 128 bits")
    exact = float(moment // _MASK) * float(_MASK) + float(moment % _MASK)
    return math.sqrt(exact / (float(n) * float(n - 1)))


# The sample standard deviation sqrt((n * sum(x^2) - sum(x)^2) / (n (n - 1))): integers until one
# final conversion, which is written out because engines round a HUGEINT differently.
_UPPER, _LOWER = f" >> {_BITS}", f" & {_MASK - 1}"
_MOMENT = "(CAST({2} AS HUGEINT) * {0} - CAST({1} AS HUGEINT) * {1})"
_STD_SQL = (
    f"CASE WHEN {{2}} >= 2 AND {_MOMENT} >= 0 THEN sqrt("
    f"(CAST(CAST({_MOMENT}{_UPPER} AS BIGINT) AS DOUBLE) * CAST({_MASK} AS DOUBLE)"
    f" + CAST(CAST({_MOMENT}{_LOWER} AS BIGINT) AS DOUBLE))"
    " / (CAST({2} AS DOUBLE) * CAST({2} - 1 AS DOUBLE))) END"
)


def version_text(sql: str) -> str:
    """The text of a compiled expression that versions are hashed from.

    It is the SQL, but as it was first written: `std` divided where it now shifts, which gives the
    same values in an eighth of the time.
    """
    return sql.replace(_UPPER, f" // {_MASK}").replace(_LOWER, f" % {_MASK}")


def _arithmetic(
    symbol: str, run: Callable[[float, float], float | None], example: str, note: str = ""
) -> Form:
    sql = "{} / nullif({}, 0)" if symbol == "/" else f"{{}} {symbol} {{}}"
    spelling = f"x {symbol} y"
    return Form(spelling, arguments.numbers(2), Kind.DOUBLE, sql, run, example, note=note)


def _comparison(symbol: str, run: Callable[[Any, Any], bool], example: str, note: str = "") -> Form:
    sql, spelling = f"{{}} {symbol} {{}}", f"x {symbol} y"
    return Form(spelling, arguments.same(2), Kind.BOOLEAN, sql, _compare(run), example, note=note)


def _part_of_time(name: str, sql: str, run: Callable[[Any], int], note: str) -> Form:
    takes, text = arguments.fixed(name, Kind.TIMESTAMP), f"{name}(t)"
    return Form(text, takes, Kind.INTEGER, f"{sql}({{}})", run, text, note=note)


_LOGIC = "three-valued: NULL unless the other argument decides"
_IN_NULL = "NULL if `x` is NULL, or if no value matches and one is NULL"

FORMS: dict[str, tuple[Form, ...]] = {
    "or": (
        Form("p or q", arguments.conditions(2), Kind.BOOLEAN, "{} OR {}", _or,
             "null or true", _LOGIC),
    ),
    "and": (
        Form("p and q", arguments.conditions(2), Kind.BOOLEAN, "{} AND {}", _and,
             "null and false", _LOGIC),
    ),
    "not": (
        Form("not p", arguments.conditions(1), Kind.BOOLEAN, "NOT {}", lambda x: not x,
             "not 1 < 2"),
    ),
    "is null": (
        Form("x is null", arguments.anything(), Kind.BOOLEAN, "{} IS NULL",
             lambda x: x is None, "null is null", "never NULL"),
    ),
    "is not null": (
        Form("x is not null", arguments.anything(), Kind.BOOLEAN, "{} IS NOT NULL",
             lambda x: x is not None, "'' is not null", "never NULL"),
    ),
    "=": (
        _comparison("=", lambda a, b: a == b, "1 = 1.0", "also `==`"),
    ),
    "<>": (
        _comparison("<>", lambda a, b: a != b, "'a' <> 'A'", "also `!=`"),
    ),
    "<": (_comparison("<", lambda a, b: a < b, "2 < 10", "texts by their code points"),),
    "<=": (_comparison("<=", lambda a, b: a <= b, "2 <= null"),),
    ">": (_comparison(">", lambda a, b: a > b, "'b' > 'a'"),),
    ">=": (_comparison(">=", lambda a, b: a >= b, "2 >= 2"),),
    "in": (
        Form("x in (a, b, ...)", arguments.same(2, more=True), Kind.BOOLEAN,
             lambda n: _listed("{} IN (")(n - 1), _in, "2 in (1, 2)", _IN_NULL),
    ),
    "not in": (
        Form("x not in (a, b, ...)", arguments.same(2, more=True), Kind.BOOLEAN,
             lambda n: _listed("{} NOT IN (")(n - 1), lambda *xs: _not(_in(*xs)),
             "2 not in (1, null)", _IN_NULL),
    ),
    "between": (
        Form("x between a and b", arguments.same(3), Kind.BOOLEAN, "{} BETWEEN {} AND {}",
             _between, "2 between 1 and 2", "as `x >= a and x <= b`",
             note="both bounds count"),
    ),
    "not between": (
        Form("x not between a and b", arguments.same(3), Kind.BOOLEAN,
             "{} NOT BETWEEN {} AND {}", lambda *xs: _not(_between(*xs)),
             "0 not between 1 and null", "as `x < a or x > b`"),
    ),
    "+": (_arithmetic("+", lambda a, b: a + b, "1 + 2"),),
    "-": (
        Form("t - u", arguments.fixed("-", Kind.TIMESTAMP, Kind.TIMESTAMP), Kind.INTEGER,
             "epoch_us({}) - epoch_us({})", _microseconds_between,
             "t - u", note="microseconds from `u` to `t`"),
        _arithmetic("-", lambda a, b: a - b, "1 - 0.5"),
    ),
    "*": (_arithmetic("*", lambda a, b: a * b, "2 * 3"),),
    "/": (
        _arithmetic("/", lambda a, b: a / b if b else None, "7 / 2",
                    "NULL if `y` is zero"),
    ),
    "negative": (
        Form("-x", arguments.numbers(1), Kind.DOUBLE, "-{}", lambda x: -x, "-(1 + 1)",
             note="before a number it is a part of it: `-1` is a BIGINT"),
    ),
    "case": (
        Form("case when p then a ... else b end", arguments.branches(), None,
             _case_sql(""), _case,
             "case when 1 > 2 then 'a' else 'b' end",
             "a condition that is NULL is not met; without `else` NULL", like=1, lazy=True),
    ),
    "case x": (
        Form("case x when v then a ... else b end", arguments.branches(has_operand=True), None,
             _case_sql(" {}"), _case_of, "case 2 when 1 then 'a' when 2 then 'b' end",
             "NULL equals nothing; without `else` NULL", like=2, lazy=True),
    ),
    "coalesce()": (
        Form("coalesce(x, y, ...)", arguments.same(1, more=True), None, _listed("coalesce("),
             _coalesce, "coalesce(null, 7)", "the first value that is not NULL", lazy=True),
    ),
    "least()": (
        Form("least(x, y, ...)", arguments.same(1, more=True), None, _listed("least("),
             _extreme(min), "least(3, null, 2)", "NULLs are skipped"),
    ),
    "greatest()": (
        Form("greatest(x, y, ...)", arguments.same(1, more=True), None, _listed("greatest("),
             _extreme(max), "greatest(3, null, 2)", "NULLs are skipped"),
    ),
    "abs()": (
        Form("abs(x)", arguments.numbers(1), Kind.DOUBLE, "abs({})", abs, "abs(-2)"),
    ),
    "sqrt()": (
        Form("sqrt(x)", arguments.numbers(1), Kind.DOUBLE,
             "CASE WHEN {0} >= 0 THEN sqrt({0}) END",
             lambda x: math.sqrt(x) if _at_least(x, 0) else None, "sqrt(2)",
             note="NULL if `x` is negative"),
    ),
    "hour()": (_part_of_time("hour", "hour", lambda t: t.hour, "0 to 23, UTC"),),
    "weekday()": (
        _part_of_time("weekday", "isodow", lambda t: t.isoweekday(),
                      "1 (Monday) to 7, UTC"),
    ),
    "day()": (_part_of_time("day", "day", lambda t: t.day, "day of the month, UTC"),),
    "std()": (
        Form("std(squares, total, n)",
             arguments.fixed("std", Kind.WIDE, Kind.INTEGER, Kind.INTEGER), Kind.DOUBLE,
             _STD_SQL, _std, "std(squares, total, n)",
             note="sample standard deviation, from a `sumsq`, a `sum` and a `count` over the "
             "same window; NULL for fewer than two rows"),
    ),
}  # fmt: skip
"""By key: alternatives, of which the first that fits is used. Functions end with `()`."""

FUNCTIONS = tuple(key.removesuffix("()") for key in FORMS if key.endswith("()"))
