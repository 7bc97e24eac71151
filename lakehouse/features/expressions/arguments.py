"""Which arguments a form takes: their number and kinds, and how they are converted.

Each function returns `Arguments`, whose `fit` converts terms or raises `Misfit`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lakehouse.features.expressions.terms import NUMBERS, FeatureError, Kind, Term


class Misfit(FeatureError):
    """An argument of the wrong kind; `index` is None if their number is wrong."""

    def __init__(self, message: str, index: int | None = None) -> None:
        super().__init__(message)
        self.index = index


@dataclass(frozen=True)
class Arguments:
    """What a form takes, described for the documentation, and the conversion of terms to it."""

    description: str
    fit: Callable[[Sequence[Term]], list[Term]]


def numbers(count: int) -> Arguments:
    """`count` numbers, as DOUBLE."""

    def fit(terms: Sequence[Term]) -> list[Term]:
        _check_count(terms, count)
        return [_number(term, index) for index, term in enumerate(terms)]

    return Arguments(_of(count, "number"), fit)


def conditions(count: int) -> Arguments:
    """`count` conditions."""

    def fit(terms: Sequence[Term]) -> list[Term]:
        return [_condition(term, index) for index, term in enumerate(terms)]

    return Arguments(_of(count, "condition"), fit)


def anything() -> Arguments:
    """One value of any kind."""
    return Arguments("any value", lambda terms: list(terms))


def same(count: int, *, more: bool = False) -> Arguments:
    """`count` values of one kind, or `more`; integers become DOUBLE next to one."""

    def fit(terms: Sequence[Term]) -> list[Term]:
        if not more or len(terms) < count:
            _check_count(terms, count)
        return _same_kind(terms, range(len(terms)))

    return Arguments("values of one kind", fit)


def branches(*, has_operand: bool = False) -> Arguments:
    """Of `case`: [operand,] condition, value, ..., value of ELSE."""

    def fit(terms: Sequence[Term]) -> list[Term]:
        first = int(has_operand)
        tests = range(first, len(terms) - 1, 2)
        values = [*range(first + 1, len(terms) - 1, 2), len(terms) - 1]
        fitted = list(terms)
        if has_operand:
            compared = [0, *tests]
            for index, term in zip(compared, _same_kind(terms, compared), strict=True):
                fitted[index] = term
        else:
            for index in tests:
                fitted[index] = _condition(terms[index], index)
        for index, term in zip(values, _same_kind(terms, values), strict=True):
            fitted[index] = term
        return fitted

    what = "`x` and each `v` of one kind" if has_operand else "conditions"
    return Arguments(f"{what}; results of one kind", fit)


def fixed(name: str, *kinds: Kind) -> Arguments:
    """Exactly these kinds."""

    def fit(terms: Sequence[Term]) -> list[Term]:
        if len(terms) != len(kinds):
            raise Misfit(f"{name}() takes {', '.join(kinds)}")
        for index, (term, kind) in enumerate(zip(terms, kinds, strict=True)):
            if term.kind not in (kind, Kind.NULL) or kind == Kind.WIDE != term.kind:
                raise Misfit(f"{name}() takes {', '.join(kinds)}, not {term.kind}", index)
        return [convert(term, kind) for term, kind in zip(terms, kinds, strict=True)]

    return Arguments(", ".join(kinds), fit)


def convert(term: Term, kind: Kind) -> Term:
    """`term` as `kind`: NULL becomes any kind, an integer DOUBLE."""
    if term.kind == kind:
        return term
    if term.kind == Kind.NULL:
        return Term(kind, f"CAST(NULL AS {kind})", term.run)
    assert kind == Kind.DOUBLE

    def run(values: object) -> float | None:
        value = term.run(values)  # type: ignore[arg-type]
        return None if value is None else float(value)

    return Term(kind, f"(CAST({term.sql} AS DOUBLE))", run, term.uses)


def _number(term: Term, index: int) -> Term:
    if term.kind not in NUMBERS and term.kind != Kind.NULL:
        hint = {
            Kind.BOOLEAN: "; write `case when x then 1 else 0 end`",
            Kind.WIDE: "; sums of squares are for std(squares, total, n)",
            Kind.TIMESTAMP: "; `t - x` gives the microseconds between two times",
        }.get(term.kind, "")
        raise Misfit(f"{term.kind} is not a number{hint}", index)
    return convert(term, Kind.DOUBLE)


def _condition(term: Term, index: int) -> Term:
    if term.kind not in (Kind.BOOLEAN, Kind.NULL):
        raise Misfit(f"a condition must be true or false, not {term.kind}", index)
    return convert(term, Kind.BOOLEAN)


def _same_kind(terms: Sequence[Term], indices: Sequence[int]) -> list[Term]:
    """The terms at `indices`, of one kind."""
    chosen = [terms[index] for index in indices]
    kinds = {term.kind for term in chosen} - {Kind.NULL}
    if kinds == NUMBERS:
        kinds = {Kind.DOUBLE}
    if not kinds:
        raise Misfit("NULL alone has no kind; one value must be a name or a constant", indices[0])
    if len(kinds) != 1 or kinds == {Kind.WIDE}:
        first = next(term.kind for term in chosen if term.kind != Kind.NULL)
        group = NUMBERS if first in NUMBERS else {first}
        odd = next(
            (i for i, term in zip(indices, chosen, strict=True)
             if term.kind not in group and term.kind != Kind.NULL),
            indices[0],
        )  # fmt: skip
        if len(kinds) == 1:
            raise Misfit("sums of squares are for std(squares, total, n)", odd)
        hint = ""
        if kinds == {Kind.TIMESTAMP, Kind.TEXT}:
            hint = "; write `timestamp '2026-05-31'` for a time"
        listed = ", ".join(sorted(kinds))
        raise Misfit(f"values of different kinds cannot be combined: {listed}{hint}", odd)
    return [convert(term, next(iter(kinds))) for term in chosen]


def _check_count(terms: Sequence[Term], count: int) -> None:
    if len(terms) != count:
        raise Misfit(f"{count} argument{'s' * (count != 1)} expected, not {len(terms)}")


def _of(count: int, what: str) -> str:
    return what if count == 1 else f"{what}s"
