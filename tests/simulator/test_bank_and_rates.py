"""The bank's database keeps every version, and every transaction has exchange rates."""

import json
import sqlite3
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from lakehouse.simulator.config import WorldConfig
from lakehouse.simulator.world import advance_world, create_world, expected_counts

START = date(2026, 3, 1)


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(path) as bank:
        found = bank.execute(sql).fetchall()
    bank.close()
    return found


def test_a_day_changes_adds_and_deletes_rows_and_history_has_the_former_versions(
    make_config: Callable[..., WorldConfig], tmp_path: Path
) -> None:
    path = tmp_path / "world" / "bank.sqlite"
    create_world(make_config(days=3), tmp_path / "world", tmp_path / "landing")
    for table in ("customers", "terminals"):
        seen: dict[str, int] = {"changed": 0, "added": 0, "deleted": 0}
        for _ in range(4):
            before = {row[0]: row for row in rows(path, f"SELECT * FROM {table}")}
            history = set(rows(path, f"SELECT * FROM {table}_history"))
            advance_world(tmp_path / "world", tmp_path / "landing", 1)
            after = {row[0]: row for row in rows(path, f"SELECT * FROM {table}")}
            added = set(rows(path, f"SELECT * FROM {table}_history")) - history
            changed = {key for key in before.keys() & after.keys() if before[key] != after[key]}
            deleted = before.keys() - after.keys()
            assert added == {before[key] for key in changed | deleted}
            closed_at = rows(path, "SELECT max(closed_at) FROM end_of_day")[0][0]
            for key in changed | (after.keys() - before.keys()):
                assert after[key][-1][:10] == closed_at[:10]
            for kind, keys in (
                ("changed", changed),
                ("added", after.keys() - before.keys()),
                ("deleted", deleted),
            ):
                seen[kind] += len(keys)
        assert min(seen.values()) > 0, (table, seen)


def test_customers_change_every_day(world_files: Any) -> None:
    path = world_files.world / "bank.sqlite"
    changed = rows(
        path,
        "SELECT DISTINCT substr(updated_at, 1, 10) FROM (SELECT updated_at FROM customers UNION"
        " SELECT updated_at FROM customers_history)",
    )
    closed = rows(path, "SELECT substr(closed_at, 1, 10), substr(closed_at, 11) FROM end_of_day")
    assert [end for _, end in closed] == [" 23:59:59.999999"] * 40
    assert {day for day, _ in closed} <= {day for (day,) in changed}


def test_nobody_pays_before_joining_or_after_leaving(world_files: Any) -> None:
    path = world_files.world / "bank.sqlite"
    current = dict(rows(path, "SELECT customer_id, opened_at FROM customers"))
    left = dict(rows(path, "SELECT customer_id, max(opened_at) FROM customers_history GROUP BY 1"))
    first_and_last = world_files.query(
        "SELECT customer_id, strftime(min(event_time), '%Y-%m-%d %H:%M:%S.%f'),"
        " max(event_time)::DATE FROM truth GROUP BY 1"
    )
    for customer, first, _ in first_and_last:
        assert first > (left | current)[customer]
    gone = [last for customer, _, last in first_and_last if customer not in current]
    assert gone
    assert max(gone) < START + timedelta(days=39)


def test_customers_have_realistic_personal_data(world_files: Any) -> None:
    people = rows(world_files.world / "bank.sqlite", "SELECT * FROM customers")
    assert len({row[2] for row in people}) == len(people), "e-mail addresses are unique"
    for _, name, email, phone, birth_date, gender, country, x, y, segment, opened, _ in people:
        assert " " in name
        assert email.endswith(".example")
        assert phone.startswith("+")
        assert date.fromisoformat(birth_date) < date.fromisoformat(opened[:10])
        assert gender in "FMX"
        assert country in ("DE", "FR", "IT", "CH", "GB", "US")
        assert 0 <= x <= 100
        assert 0 <= y <= 100
        assert segment in ("basic", "plus", "premium")


def test_the_currency_is_that_of_the_terminals_country(world_files: Any) -> None:
    countries = dict(
        rows(
            world_files.world / "bank.sqlite",
            "SELECT terminal_id, country FROM terminals_history"
            " UNION SELECT terminal_id, country FROM terminals",
        )
    )
    pairs = {
        (countries[terminal], currency)
        for terminal, currency in world_files.query(
            "SELECT DISTINCT terminal_id, currency FROM truth"
        )
    }
    euro = {("DE", "EUR"), ("FR", "EUR"), ("IT", "EUR")}
    assert pairs == euro | {("CH", "CHF"), ("GB", "GBP"), ("US", "USD")}


def test_every_day_and_the_day_before_the_first_has_rates_on_linked_pages(world_files: Any) -> None:
    api = world_files.world / "api" / "exchange_rates"
    count = 0
    for day in (START + timedelta(days=n) for n in range(-1, 40)):
        page, found = f"{day}.json", []
        while page:
            answer = json.loads((api / page).read_text())
            assert answer["complete_through"] == f"{day}T23:59:59.999999Z"
            found += answer["data"]
            page = answer["next"]
        assert [row["currency"] for row in found] == ["USD", "GBP", "CHF"]
        for row in found:
            assert row["date"] == f"{day}"
            assert row["published_at"] == f"{day}T15:00:00Z"
            assert 0.5 < float(row["rate"]) < 2
        count += len(found)
    assert count == expected_counts(world_files.world)["exchange_rates"]


@pytest.mark.parametrize("table", ["customers", "terminals"])
def test_expected_counts_include_current_and_former_versions(world_files: Any, table: str) -> None:
    path, expected = world_files.world / "bank.sqlite", expected_counts(world_files.world)
    current, former = (
        rows(path, f"SELECT count(*) FROM {name}")[0][0] for name in (table, f"{table}_history")
    )
    assert expected[table] == current
    assert expected[f"{table[:-1]}_versions"] == current + former > current
