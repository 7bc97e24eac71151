"""The sample of a new project: files as a shop would deliver them, with something to learn."""

import csv
import io
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from lakehouse.starter.sample import COLUMNS, WEEKS, weekly_orders

LAST_DAY = date(2026, 6, 30)
FILES = dict(weekly_orders(LAST_DAY))
ROWS = [row for text in FILES.values() for row in csv.DictReader(io.StringIO(text))]


def time_of(row: dict[str, str]) -> datetime:
    return datetime.fromisoformat(row["ordered_at"])


def test_the_same_last_day_gives_the_same_files() -> None:
    assert dict(weekly_orders(LAST_DAY)) == FILES


def test_another_last_day_moves_the_same_orders() -> None:
    later = dict(weekly_orders(LAST_DAY + timedelta(days=3)))
    moved = [row for text in later.values() for row in csv.DictReader(io.StringIO(text))]
    assert [time_of(row) - time_of(old) for row, old in zip(moved, ROWS, strict=True)] == [
        timedelta(days=3)
    ] * len(ROWS)


def test_a_file_has_the_orders_of_the_week_that_ends_with_the_day_in_its_name() -> None:
    assert len(FILES) == WEEKS
    assert list(FILES)[-1] == "orders_2026-06-30.csv"
    for name, text in FILES.items():
        end = datetime.strptime(name, "orders_%Y-%m-%d.csv").replace(tzinfo=UTC) + timedelta(days=1)
        times = [time_of(row) for row in csv.DictReader(io.StringIO(text))]
        assert times
        assert all(end - timedelta(days=7) <= time < end for time in times)


def test_orders_are_numbered_by_time_and_each_is_valid() -> None:
    assert tuple(ROWS[0]) == COLUMNS
    assert 2_000 < len(ROWS) < 5_000
    assert len({row["order_id"] for row in ROWS}) == len(ROWS)
    assert sorted(ROWS, key=lambda row: int(row["order_id"])) == ROWS
    assert [time_of(row) for row in ROWS] == sorted(map(time_of, ROWS))
    assert all(Decimal(row["amount"]) > 0 and 1 <= int(row["items"]) <= 5 for row in ROWS)
    assert {row["channel"] for row in ROWS} == {"web", "app", "store"}


def test_who_ordered_often_orders_again() -> None:
    """The signal: the share of repeats within a week after many and after few orders in four."""
    times = defaultdict(list)
    for row in ROWS:
        times[row["customer_id"]].append(time_of(row))
    repeats: dict[bool, list[bool]] = {True: [], False: []}
    end = max(map(max, times.values()))
    for ordered in times.values():
        for time in ordered:
            if time > end - timedelta(days=7):
                continue
            before = sum(time - timedelta(days=28) < other < time for other in ordered)
            after = any(time < other < time + timedelta(days=7) for other in ordered)
            repeats[before >= 4].append(after)
    share = {many: sum(found) / len(found) for many, found in repeats.items()}
    assert share[True] > share[False] + 0.3
