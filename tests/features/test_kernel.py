"""Each function of the kernel equals a slow one that reads as its description."""

import math
from bisect import bisect_right
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lakehouse.features import kernel
from lakehouse.features.kernel import Ints

MIN, MAX = -(2**63), 2**63 - 1
VALUES = st.integers(-3, 3) | st.integers(MIN, MAX) | st.sampled_from([MIN, MIN + 1, MAX, 0])
TIMES = st.integers(-2, 8) | st.sampled_from([MIN, MAX, MAX - 1, 2**62])
GROUPS = st.lists(st.lists(st.tuples(TIMES, VALUES), max_size=6), min_size=1, max_size=5)
SHARES = st.fractions(Fraction(1, 10**30), Fraction(1) - Fraction(1, 10**30))


def ints(values: Any) -> Ints:
    return np.array(list(values), np.int64)


def starts(groups: list[list[Any]]) -> Ints:
    return ints([0, *np.cumsum([len(group) for group in groups])])


def flat(groups: list[list[Any]]) -> list[Any]:
    return [row for group in groups for row in group]


@st.composite
def windows(draw: st.DrawFn) -> tuple[list[list[int]], list[tuple[int, int, int]]]:
    """Values in groups, and windows as (group, first row, end) within a group."""
    groups = draw(st.lists(st.lists(VALUES, max_size=9), min_size=1, max_size=4))
    origins = starts(groups).tolist()
    found = []
    for _ in range(draw(st.integers(0, 8))):
        group = draw(st.integers(0, len(groups) - 1))
        lo = draw(st.integers(0, len(groups[group])))
        hi = draw(st.integers(lo, len(groups[group])))
        found.append((group, origins[group] + lo, origins[group] + hi))
    return groups, found


def edges(found: list[tuple[int, int, int]]) -> tuple[Ints, Ints]:
    return ints(lo for _, lo, _ in found), ints(hi for _, _, hi in found)


@given(rows=GROUPS, data=st.data())
def test_the_first_row_after_a_bound_is_found_within_its_group(
    rows: list[list[tuple[int, int]]], data: st.DataObject
) -> None:
    times = [sorted(time for time, _ in group) for group in rows]
    bounds = [data.draw(st.lists(TIMES, max_size=4)) for _ in rows]
    expected = [
        start + bisect_right(group, bound)
        for start, group, asked in zip(starts(times).tolist(), times, bounds, strict=False)
        for bound in asked
    ]
    found = kernel.first_after(starts(bounds), ints(flat(bounds)), starts(times), ints(flat(times)))
    assert found.tolist() == expected


@given(made=windows())
def test_the_greatest_value_of_a_window(made: Any) -> None:
    groups, found = made
    values, (lo, hi) = flat(groups), edges(found)
    expected = [max(values[a:b], default=0) for _, a, b in found]
    assert kernel.greatest_in(lo, hi, ints(values)).tolist() == expected


@given(rows=GROUPS)
def test_the_greatest_value_of_rows_with_the_same_time(rows: list[list[tuple[int, int]]]) -> None:
    rows = [sorted(group) for group in rows]
    expected = [max(v for k, v in group if k == time) for group in rows for time, _ in group]
    times, values = (ints(row[i] for row in flat(rows)) for i in (0, 1))
    assert kernel.greatest_of_ties(starts(rows), times, values).tolist() == expected


@pytest.mark.parametrize("power", [1, 2])
@given(made=windows())
@example(made=([[MIN] * 2], [(0, 0, 2), (0, 1, 2)]))
def test_totals_are_exact_in_128_bits_or_refused(power: int, made: Any) -> None:
    groups, found = made
    values, (lo, hi) = flat(groups), edges(found)
    expected = [sum(value**power for value in values[a:b]) for _, a, b in found]
    if any(total >= 2**127 for total in expected):
        with pytest.raises(OverflowError, match="128 bits"):
            kernel.totals(lo, hi, ints(values), power)
    else:
        high, low = kernel.totals(lo, hi, ints(values), power)
        assert [
            h * 2**64 + lo % 2**64 for h, lo in zip(high.tolist(), low.tolist(), strict=True)
        ] == (expected)


@given(made=windows(), share=SHARES | st.sampled_from([Fraction(1, 2), Fraction(9, 10)]))
def test_the_smallest_value_with_a_share_at_or_below_it(made: Any, share: Fraction) -> None:
    groups, found = made
    values, start, (lo, hi) = flat(groups), starts(groups), edges(found)
    order = kernel.order_of_values(start, ints(values))
    ranks = kernel.ranks_of_values(start, order)
    digits = ranks.smallest(lo, hi, kernel.quantile_ranks(hi - lo, share)).tolist()
    for (group, a, b), digit in zip(found, digits, strict=True):
        if a < b:
            window = sorted(values[a:b])
            expected = next(x for x in window if sum(y <= x for y in window) >= share * len(window))
            assert values[order[start[group] + digit]] == expected


@given(made=windows())
def test_repetitions_before_a_window_begins_do_not_count_as_new_values(made: Any) -> None:
    groups, found = made
    values, start, (lo, hi) = flat(groups), starts(groups), edges(found)
    order = kernel.order_of_values(start, ints(values))
    ranks = kernel.ranks_of_repetitions(start, ints(values), order)
    origins = ints(start[group] for group, _, _ in found)
    distinct = ranks.count_below(lo, hi, lo - origins + 1)
    assert distinct.tolist() == [len({*values[a:b]}) for _, a, b in found]


@given(size=st.integers(0, 10**9), share=SHARES)
def test_the_rank_of_a_share_is_exact_for_any_number_of_digits(size: int, share: Fraction) -> None:
    expected = max(0, math.ceil(size * share) - 1)
    assert kernel.quantile_ranks(ints([size]), share).tolist() == [expected]
