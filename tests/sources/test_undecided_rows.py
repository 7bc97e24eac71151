"""Undecided rows are read in the order of their loads, filtered by file or reason if given."""

from datetime import datetime

import pytest

from lakehouse.sources.errors import UnknownSource
from lakehouse.sources.undecided import list_undecided, read_rows

from .conftest import Harness, file_name, json_lines, make_spec, payment, seal_of

NOON = datetime(2026, 5, 1, 12)
FIRST, SECOND = file_name(seal_of(0)), file_name(seal_of(1))
AMOUNT = "amount: not a DECIMAL(18,2)"


@pytest.fixture
def loaded(harness: Harness) -> Harness:
    harness.land(FIRST, json_lines(payment(1, NOON), payment(2, NOON, "x"), '{"id": "y"'))
    harness.land(SECOND, json_lines(payment(3, NOON, "z")))
    harness.load(make_spec())
    return harness


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        ({}, [(FIRST, 2), (FIRST, 3), (SECOND, 1)]),
        ({"file": SECOND}, [(SECOND, 1)]),
        ({"reason": AMOUNT}, [(FIRST, 2), (SECOND, 1)]),
        ({"file": FIRST, "reason": AMOUNT}, [(FIRST, 2)]),
        ({"file": "another"}, []),
    ],
)
def test_rows_are_chosen_by_file_and_reason(
    loaded: Harness, chosen: dict[str, str], found: list[tuple[str, int]]
) -> None:
    with loaded.lake.reader() as cursor:
        rows = read_rows(cursor, make_spec(), limit=10, **chosen)
        assert [(row.file, row.row) for row in rows] == found
        assert read_rows(cursor, make_spec(), limit=1, **chosen) == rows[:1]


def test_a_lake_without_loads_has_no_undecided_rows(harness: Harness) -> None:
    with harness.lake.reader() as cursor:
        assert read_rows(cursor, make_spec(), limit=1) == []


def test_an_undeclared_source_is_an_error_that_names_the_declared_ones(harness: Harness) -> None:
    with pytest.raises(UnknownSource, match="no source is called payment; declared are charge"):
        list_undecided(harness.lake, "payment")
