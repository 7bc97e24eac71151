"""Each operation fulfils its class's contract, and every operation is tested."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.features import FeatureError
from lakehouse.features.expressions import Kind
from lakehouse.features.ops import (
    FIELDS,
    OPERATIONS,
    Aggregate,
    Operation,
    Total,
    Window,
    find_operation,
)
from lakehouse.features.ops.refusals import REFUSED
from tests.features.worlds import full_spec

T = 1000
VALUES = st.integers(-5, 5) | st.integers(-(2**30), 2**30)


def aggregate(op: Operation[Any]) -> Aggregate:
    q = Decimal("0.9")
    window = Window(timedelta(microseconds=T))
    return Aggregate("x", "core.t", op, "v", None, q, window, Kind.INTEGER, Kind.INTEGER)


def rows(op: Operation[Any]) -> Any:
    """Some rows of a window, in any order, with many ties."""
    value = st.booleans() if op.marks else VALUES if "value" in op.needs else st.none()
    return st.lists(st.tuples(st.integers(T - 9, T - 1), value), min_size=1, max_size=8)


@pytest.mark.parametrize("op", OPERATIONS.values(), ids=OPERATIONS)
@given(data=st.data())
@settings(max_examples=30, derandomize=True)
def test_merged_parts_of_a_window_equal_the_whole_for_any_division(
    op: Operation[Any], data: st.DataObject
) -> None:
    first, second, third = (data.draw(rows(op)) for _ in range(3))
    a, whole = aggregate(op), op.compute(first + second + third, aggregate(op), T)
    parts = [op.prepare(part) for part in (first, second, third)]
    assert op.finalize(op.merge(op.merge(parts[0], parts[1]), parts[2]), a, T) == whole
    assert op.finalize(op.merge(parts[2], op.merge(parts[1], parts[0])), a, T) == whole


@pytest.mark.parametrize("op", [op for op in OPERATIONS.values() if isinstance(op, Total)])
@given(data=st.data())
@settings(max_examples=30, derandomize=True)
def test_a_total_can_be_undone(op: Total, data: st.DataObject) -> None:
    old, new = data.draw(rows(op)), data.draw(rows(op))
    assert op.undo(op.prepare(old + new), op.prepare(old)) == op.prepare(new)


@pytest.mark.parametrize("op", OPERATIONS.values(), ids=OPERATIONS)
def test_an_operation_accepts_only_the_fields_that_it_needs_and_a_condition(
    op: Operation[Any],
) -> None:
    op.check({*op.needs, "where"})
    for missing in op.needs:
        with pytest.raises(ValueError, match=f"op {op.name} needs `{missing}`: write"):
            op.check({*op.needs} - {missing})
    for other in {"value", "q"} - {*op.needs}:
        with pytest.raises(ValueError, match=f"op {op.name} takes no `{other}`"):
            op.check({*op.needs, other})
    assert {*op.needs} <= {*FIELDS}


@pytest.mark.parametrize("name", REFUSED)
def test_the_refusal_of_an_operation_states_in_one_sentence_what_to_write(name: str) -> None:
    with pytest.raises(
        ValueError, match=f"^op {name} is refused: [^\\n]*; [^\\n]*write "
    ) as refusal:
        find_operation(name)
    assert name not in OPERATIONS
    assert ". " not in str(refusal.value)


def test_an_unknown_operation_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"unknown op .total.; known: count, sum, .*since"):
        find_operation("total")


@pytest.mark.parametrize(
    ("op", "kind", "result"),
    [
        ("count", None, Kind.INTEGER),
        ("sum", Kind.INTEGER, Kind.INTEGER),
        ("sumsq", Kind.INTEGER, Kind.WIDE),
        ("max", Kind.TEXT, Kind.TEXT),
        ("min", Kind.TIMESTAMP, Kind.TIMESTAMP),
        ("last", Kind.BOOLEAN, Kind.BOOLEAN),
        ("quantile", Kind.DOUBLE, Kind.DOUBLE),
        ("distinct", Kind.TEXT, Kind.INTEGER),
        ("since_first", None, Kind.INTEGER),
    ],
)
def test_an_operation_has_a_defined_result_kind(op: str, kind: Kind | None, result: Kind) -> None:
    assert OPERATIONS[op].result_kind("v", kind) == result


@pytest.mark.parametrize(
    ("op", "kind"),
    [("sum", Kind.DOUBLE), ("sumsq", Kind.BOOLEAN), ("quantile", Kind.TEXT)],
)
def test_an_operation_refuses_kinds_that_it_is_not_defined_for(op: str, kind: Kind) -> None:
    with pytest.raises(FeatureError, match=f"^op {op} .*; price is {kind}$"):
        OPERATIONS[op].result_kind("price", kind)


def test_every_operation_class_is_registered_and_tested() -> None:
    def leaves(kind: type) -> set[type]:
        below = kind.__subclasses__()
        return {kind} if not below else set().union(*map(leaves, below))

    assert {type(op) for op in OPERATIONS.values()} == leaves(Operation)
    assert {a.op for a in full_spec().aggregates.values()} == {*OPERATIONS}
