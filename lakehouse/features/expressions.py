"""The expression language of features and conditions: Python syntax, compiled to SQL and Python.

Both give bit-identical values. Arithmetic is on doubles (integers are cast first), every operation
is defined exactly by IEEE 754, and all of them propagate NULL (`None`); a division by zero is NULL.
Logarithms and powers are left out: their last bit depends on the library, and a tree splits the
same with or without them.
"""

import ast
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lakehouse.declarations.part import FieldError
from lakehouse.errors import LakehouseError
from lakehouse.lake import literal


class FeatureError(LakehouseError, FieldError):
    """A feature set that does not compile, or rows that do not fit it."""


class Kind(StrEnum):
    """The kind of a value; each is one SQL type. WIDE is only for sums of squares."""

    INTEGER = "BIGINT"
    DOUBLE = "DOUBLE"
    BOOLEAN = "BOOLEAN"
    TEXT = "VARCHAR"
    TIMESTAMP = "TIMESTAMP"
    WIDE = "HUGEINT"
    NULL = "NULL"


NUMBERS = frozenset({Kind.INTEGER, Kind.DOUBLE})
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Term:
    """A compiled expression: its kind, its SQL, its Python function of named values, its names."""

    kind: Kind
    sql: str
    run: Callable[[Values], Any]
    uses: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Name:
    """A name that expressions may use: its kind and its SQL."""

    kind: Kind
    sql: str


def names_in(text: str) -> list[str]:
    """The names that an expression mentions, `row.x` as one name; in order, without repeats."""
    found: dict[str, None] = {}

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.Call):
            children: Sequence[ast.AST] = node.args
        elif isinstance(node, ast.Name | ast.Attribute):
            found[ast.unparse(node)] = None
            children = ()
        else:
            children = list(ast.iter_child_nodes(node))
        for child in children:
            visit(child)

    visit(_parse(text))
    return list(found)


def compile_expression(text: str, scope: Mapping[str, Name]) -> Term:
    """Compile the expression `text` over the names of `scope`.

    Raises:
        FeatureError: for anything outside the language, with what to write instead.
    """
    try:
        return _Compiler(scope).term(_parse(text))
    except FeatureError as error:
        raise FeatureError(f"expression {text!r}: {error}") from None


def _parse(text: str) -> ast.expr:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise FeatureError(
            f"{text!r} is not a valid expression: {getattr(error, 'msg', error)}"
        ) from None


def _null_through(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *values: None if any(v is None for v in values) else function(*values)


def _apply(
    kind: Kind,
    sql: str,
    function: Callable[..., Any],
    terms: Sequence[Term],
    *,
    strict: bool = True,
) -> Term:
    """`sql` has one `{}` per term, and `function` one argument."""
    call = _null_through(function) if strict else function
    return Term(
        kind,
        "(" + sql.format(*(term.sql for term in terms)) + ")",
        lambda values: call(*(term.run(values) for term in terms)),
        frozenset[str]().union(*(term.uses for term in terms)),
    )


def _convert(term: Term, kind: Kind) -> Term:
    if term.kind == kind:
        return term
    if term.kind == Kind.NULL:
        return Term(kind, f"CAST(NULL AS {kind})", term.run)
    assert kind == Kind.DOUBLE
    return _apply(Kind.DOUBLE, "CAST({} AS DOUBLE)", float, [term])


def _number(term: Term) -> Term:
    if term.kind not in NUMBERS:
        hint = {
            Kind.BOOLEAN: "; write `1 if x else 0`",
            Kind.WIDE: "; sums of squares are for std(squares, total, n)",
        }.get(term.kind, "")
        raise FeatureError(f"{term.kind} is not a number{hint}")
    return _convert(term, Kind.DOUBLE)


def _boolean(term: Term) -> Term:
    if term.kind not in (Kind.BOOLEAN, Kind.NULL):
        raise FeatureError(f"a condition must be true or false, not {term.kind}")
    return _convert(term, Kind.BOOLEAN)


def _same_kind(terms: Sequence[Term]) -> list[Term]:
    kinds = {term.kind for term in terms} - {Kind.NULL}
    if kinds == NUMBERS:
        kinds = {Kind.DOUBLE}
    if len(kinds) != 1 or kinds == {Kind.WIDE}:
        raise FeatureError(
            f"values of different kinds cannot be combined: {', '.join(sorted(kinds))}"
        )
    return [_convert(term, next(iter(kinds))) for term in terms]


def _and(a: bool | None, b: bool | None) -> bool | None:
    return False if a is False or b is False else None if a is None or b is None else True


def _or(a: bool | None, b: bool | None) -> bool | None:
    return True if a is True or b is True else None if a is None or b is None else False


_ARITHMETIC: dict[type[ast.operator], tuple[str, Callable[[float, float], float | None]]] = {
    ast.Add: ("{} + {}", lambda a, b: a + b),
    ast.Sub: ("{} - {}", lambda a, b: a - b),
    ast.Mult: ("{} * {}", lambda a, b: a * b),
    ast.Div: ("{} / nullif({}, 0)", lambda a, b: a / b if b else None),
}
_COMPARISONS: dict[type[ast.cmpop], tuple[str, Callable[[Any, Any], bool]]] = {
    ast.Lt: ("{} < {}", lambda a, b: a < b),
    ast.LtE: ("{} <= {}", lambda a, b: a <= b),
    ast.Gt: ("{} > {}", lambda a, b: a > b),
    ast.GtE: ("{} >= {}", lambda a, b: a >= b),
    ast.Eq: ("{} = {}", lambda a, b: a == b),
    ast.NotEq: ("{} <> {}", lambda a, b: a != b),
}
_MASK = 2**53


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
_MOMENT = "(CAST({2} AS HUGEINT) * {0} - CAST({1} AS HUGEINT) * {1})"
_STD_SQL = (
    f"CASE WHEN {{2}} >= 2 AND {_MOMENT} >= 0 THEN sqrt("
    f"(CAST(CAST({_MOMENT} // {_MASK} AS BIGINT) AS DOUBLE) * CAST({_MASK} AS DOUBLE)"
    f" + CAST(CAST({_MOMENT} % {_MASK} AS BIGINT) AS DOUBLE))"
    " / (CAST({2} AS DOUBLE) * CAST({2} - 1 AS DOUBLE))) END"
)


@dataclass(frozen=True)
class _Function:
    argument_kinds: tuple[Kind, ...]
    result_kind: Kind
    sql: str
    run: Callable[..., Any]


_FUNCTIONS = {
    "abs": _Function((Kind.DOUBLE,), Kind.DOUBLE, "abs({})", abs),
    "sqrt": _Function(
        (Kind.DOUBLE,),
        Kind.DOUBLE,
        "CASE WHEN {0} >= 0 THEN sqrt({0}) END",
        lambda x: math.sqrt(x) if x >= 0 else None,
    ),
    "hour": _Function((Kind.TIMESTAMP,), Kind.INTEGER, "hour({})", lambda t: t.hour),
    "weekday": _Function((Kind.TIMESTAMP,), Kind.INTEGER, "isodow({})", lambda t: t.isoweekday()),
    "day": _Function((Kind.TIMESTAMP,), Kind.INTEGER, "day({})", lambda t: t.day),
    "std": _Function((Kind.WIDE, Kind.INTEGER, Kind.INTEGER), Kind.DOUBLE, _STD_SQL, _std),
}
_CHOICES: dict[str, Callable[..., Any]] = {
    "coalesce": lambda *xs: next((x for x in xs if x is not None), None),
    "least": lambda *xs: min((x for x in xs if x is not None), default=None),
    "greatest": lambda *xs: max((x for x in xs if x is not None), default=None),
}
FUNCTIONS = (*_FUNCTIONS, *_CHOICES)
"""All functions. `least` and `greatest` skip NULLs; `weekday` is 1 (Monday) to 7, UTC."""


class _Compiler:
    def __init__(self, scope: Mapping[str, Name]) -> None:
        self.scope = scope

    def term(self, node: ast.expr) -> Term:
        match node:
            case ast.Constant(value=value):
                return self.constant(value)
            case ast.Name() | ast.Attribute():
                return self.name(ast.unparse(node))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return self.arithmetic(type(op), self.term(left), self.term(right))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return _apply(Kind.DOUBLE, "-{}", lambda x: -x, [_number(self.term(operand))])
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return _apply(
                    Kind.BOOLEAN, "NOT {}", lambda x: not x, [_boolean(self.term(operand))]
                )
            case ast.BoolOp(op=op, values=values):
                sql, function = (
                    ("{} AND {}", _and) if isinstance(op, ast.And) else ("{} OR {}", _or)
                )
                result = _boolean(self.term(values[0]))
                for operand in values[1:]:
                    pair = [result, _boolean(self.term(operand))]
                    result = _apply(Kind.BOOLEAN, sql, function, pair, strict=False)
                return result
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return self.comparison(op, left, right)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                condition = _boolean(self.term(test))
                yes, no = _same_kind([self.term(body), self.term(orelse)])
                sql = "CASE WHEN {} THEN {} ELSE {} END"
                parts = [condition, yes, no]
                return _apply(yes.kind, sql, lambda c, a, b: a if c else b, parts, strict=False)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self.call(name, [self.term(argument) for argument in arguments])
        raise FeatureError(
            f"`{ast.unparse(node)}` is not supported; expressions have + - * /, comparisons, and, "
            f"or, not, `x is None`, `a if c else b` and the functions {', '.join(FUNCTIONS)}"
        )

    def constant(self, value: object) -> Term:
        match value:
            case None:
                return Term(Kind.NULL, "NULL", lambda _: None)
            case bool():
                return Term(Kind.BOOLEAN, str(value).upper(), lambda _: value)
            case int() if abs(value) < 2**63:
                return Term(Kind.INTEGER, f"CAST({value} AS BIGINT)", lambda _: value)
            case float() if math.isfinite(value):
                return Term(Kind.DOUBLE, f"CAST('{value!r}' AS DOUBLE)", lambda _: value)
            case str():
                return Term(Kind.TEXT, literal(value), lambda _: value)
        raise FeatureError(f"{value!r} is not a valid value in an expression")

    def name(self, name: str) -> Term:
        if name not in self.scope:
            raise FeatureError(f"unknown name {name!r}; known: {', '.join(sorted(self.scope))}")
        known = self.scope[name]
        return Term(known.kind, known.sql, lambda values: values[name], frozenset({name}))

    def arithmetic(self, op: type[ast.operator], left: Term, right: Term) -> Term:
        if op is ast.Sub and left.kind == right.kind == Kind.TIMESTAMP:
            difference = "epoch_us({}) - epoch_us({})"
            return _apply(Kind.INTEGER, difference, _microseconds_between, [left, right])
        sql, function = _ARITHMETIC[op]
        return _apply(Kind.DOUBLE, sql, function, [_number(left), _number(right)])

    def comparison(self, op: ast.cmpop, left: ast.expr, right: ast.expr) -> Term:
        a = self.term(left)
        if isinstance(op, ast.Is | ast.IsNot) and ast.unparse(right) == "None":
            expects_null = isinstance(op, ast.Is)
            sql = "{} IS NULL" if expects_null else "{} IS NOT NULL"
            return _apply(
                Kind.BOOLEAN, sql, lambda x: (x is None) == expects_null, [a], strict=False
            )
        if type(op) not in _COMPARISONS:
            raise FeatureError(
                f"`{ast.unparse(left)} ...` uses an unknown comparison; use < <= == != > >="
            )
        sql, function = _COMPARISONS[type(op)]
        return _apply(Kind.BOOLEAN, sql, function, _same_kind([a, self.term(right)]))

    def call(self, name: str, terms: list[Term]) -> Term:
        if name in _CHOICES and terms:
            terms = _same_kind(terms)
            sql = f"{name}({', '.join('{}' for _ in terms)})"
            return _apply(terms[0].kind, sql, _CHOICES[name], terms, strict=False)
        if name not in _FUNCTIONS:
            raise FeatureError(f"unknown function {name}(); known: {', '.join(FUNCTIONS)}")
        function = _FUNCTIONS[name]
        if len(terms) == len(function.argument_kinds):
            numbers = [
                _number(term) if kind == Kind.DOUBLE else term
                for term, kind in zip(terms, function.argument_kinds, strict=True)
            ]
            if all(
                t.kind == kind for t, kind in zip(numbers, function.argument_kinds, strict=True)
            ):
                return _apply(function.result_kind, function.sql, function.run, numbers)
        raise FeatureError(f"{name}() takes {', '.join(function.argument_kinds)}")


def _microseconds_between(later: Any, earlier: Any) -> int:
    difference = later - earlier
    return int(
        (difference.days * 86_400 + difference.seconds) * 1_000_000 + difference.microseconds
    )
