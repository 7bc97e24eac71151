"""Increments, full refreshes and recomputed days give the same table; idle runs change nothing."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from lakehouse.features import (
    FeatureError,
    FeatureSetSpec,
    HeldBack,
    compute,
    compute_online,
    load_plan,
    refresh,
    replay,
)
from lakehouse.lake import (
    ALWAYS,
    Author,
    Lake,
    NoSuchTable,
    Progress,
    fetch_value,
    qualified,
    write_progress,
)
from tests.features.worlds import COLUMNS, Row

DAY = timedelta(days=1)
START = datetime(2026, 3, 30)
MATURITY = timedelta(days=2)
TRANSACTIONS, LABELS = "core.fct_transactions", "core.fct_labels"


def spec(**changes: Any) -> FeatureSetSpec:
    declared: dict[str, Any] = {
        "name": "risk",
        "description": "Risk",
        "entity": "terminal_id",
        "spines": [{"name": "transactions", "table": TRANSACTIONS, "key": "transaction_id"}],
        "streams": {"settled": LABELS, "own": TRANSACTIONS},
        "aggregates": {
            "n": {"of": "settled", "op": "count", "window": ["1d", "3d"]},
            "fraud": {"of": "settled", "op": "count", "where": "is_fraud", "window": ["1d", "3d"]},
            "top": {"of": "own", "op": "max", "value": "amount_cents", "window": "3d"},
            "spend": {"of": "own", "op": "sum", "value": "amount_cents", "window": "36h"},
            "idle": {"of": "own", "op": "since_last", "window": "2d"},
        },
        "features": {
            "risk": "fraud / n", "n": "n", "top": "top", "spend": "spend", "idle": "idle",
            "share": "row.amount_cents / top",
        },
    }  # fmt: skip
    return FeatureSetSpec.model_validate({**declared, **changes})


def days(seed: int, count: int = 6, size: int = 40) -> list[list[Row]]:
    """Loads of one day each, some rows late, in a random order."""
    chance = random.Random(seed)
    loads = []
    for number in range(count):
        rows = []
        for _ in range(chance.randint(0, size)):
            known_at = START + DAY * number + timedelta(hours=chance.randrange(24), microseconds=1)
            late = chance.choice([0, 0, 0, 5, 100])
            rows.append(
                {
                    "transaction_id": chance.randrange(2**40),
                    "customer_id": chance.choice([1, 2, None]),
                    "terminal_id": chance.choice([1, 2, 3, None]),
                    "event_time": known_at - timedelta(hours=late),
                    "known_at": known_at,
                    "amount_cents": chance.choice([None, 5, 700, 12345]),
                    "score": chance.random(),
                    "channel": "chip",
                    "is_fraud": chance.random() < 0.3,
                    "_load_id": number + 1,
                }
            )
        loads.append(rows)
    return loads


def label(row: Row) -> Row:
    return {
        **row,
        "known_at": max(row["known_at"], row["event_time"] + MATURITY - timedelta(microseconds=1)),
    }


def seal(load: int) -> datetime:
    return START + DAY * load - timedelta(microseconds=1)


def write(lake: Lake, table: str, rows: Sequence[Row], progress: Progress | None = None) -> None:
    """Append rows with their progress in one commit, as dbt does."""
    listed = ", ".join(f"{name} {sql_type}" for name, sql_type in COLUMNS.items())
    with lake.writer(Author("test")) as writer:
        writer.execute(f"CREATE TABLE IF NOT EXISTS {qualified(table)} ({listed})")
        if rows:
            values = ", ".join("(" + ", ".join("?" for _ in COLUMNS) + ")" for _ in rows)
            parameters = [row[name] for row in rows for name in COLUMNS]
            writer.execute(f"INSERT INTO {qualified(table)} VALUES {values}", parameters)
        if progress:
            write_progress(writer, table, progress)


def deliver(
    lake: Lake, loads: list[list[Row]], load: int, labels_to: datetime | None = None
) -> None:
    """Load number `load` arrives; labels are complete up to `labels_to`, by default its seal."""
    write(lake, TRANSACTIONS, loads[load - 1], Progress(load, seal(load)))
    with lake.writer(Author("test")) as writer:
        writer.execute("CREATE TABLE IF NOT EXISTS lake.ops.files (load_id BIGINT, seal TIMESTAMP)")
        writer.execute("INSERT INTO lake.ops.files VALUES (?, ?)", [load, seal(load)])
    until = seal(load) if labels_to is None else labels_to
    with lake.reader() as cursor:
        done = (
            {
                i
                for (i,) in cursor.execute(
                    f"SELECT transaction_id FROM {qualified(LABELS)}"
                ).fetchall()
            }
            if lake.exists(LABELS)
            else set()
        )
    settled = [label(r) for rows in loads[:load] for r in rows]
    new = [r for r in settled if r["known_at"] <= until and r["transaction_id"] not in done]
    write(lake, LABELS, new, Progress(load, until))


def table(lake: Lake, name: str = "features.risk") -> list[tuple[Any, ...]]:
    with lake.reader() as cursor:
        return cursor.execute(f"FROM {qualified(name)} ORDER BY transaction_id").fetchall()


@pytest.mark.parametrize(
    "seed", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)]
)
def test_any_division_into_increments_and_a_full_refresh_give_the_same_table(
    lake: Lake, seed: int
) -> None:
    chance, loads = random.Random(seed), days(seed)
    for load in range(1, len(loads) + 1):
        delay = chance.choice([timedelta(0), DAY, timedelta(hours=60)])
        deliver(lake, loads, load, seal(load) - delay if load < len(loads) else None)
        if chance.random() < 0.7:
            refresh(spec(), lake, batch=chance.choice([20, 60, 10**6]))
    report = refresh(spec(), lake)
    rows = [row for load in loads for row in load]
    assert (report.rows_total, report.waiting, report.seal) == (len(rows), 0, seal(len(loads)))
    increments = table(lake)
    full = refresh(spec(), lake, full_refresh=True, batch=50)
    assert full.rows_added == len(rows)
    assert table(lake) == increments
    by_key = {row["transaction_id"]: row for row in rows}
    tables = {TRANSACTIONS: rows, LABELS: [label(row) for row in rows]}
    with lake.reader() as cursor:
        plan = load_plan(spec(), cursor)
    for key, terminal, event_time, *features, load_id in increments:
        request = by_key[key]
        assert (terminal, event_time, load_id) == (
            request["terminal_id"], request["event_time"], request["_load_id"],
        )  # fmt: skip
        assert features == list(compute_online(plan, request, tables).values())


def test_rows_wait_until_every_input_is_complete_up_to_their_load(lake: Lake) -> None:
    loads = days(1)
    deliver(lake, loads, 1)
    deliver(lake, loads, 2, seal(1))
    report = refresh(spec(), lake)
    assert (report.rows_total, report.waiting, report.seal) == (
        len(loads[0]),
        len(loads[1]),
        seal(1),
    )
    write(lake, LABELS, [], Progress(2, seal(2)))
    assert refresh(spec(), lake).rows_added == len(loads[1])


def test_no_row_waits_for_a_static_lookup_and_the_table_ends_where_its_spine_does(
    lake: Lake,
) -> None:
    loads = days(1)
    deliver(lake, loads, 1)
    deliver(lake, loads, 2, seal(1))
    write(lake, LABELS, [], Progress(1, ALWAYS))
    report = refresh(spec(), lake)
    assert (report.rows_total, report.waiting, report.seal) == (
        len(loads[0]) + len(loads[1]),
        0,
        seal(2),
    )
    write(lake, TRANSACTIONS, [], Progress(2, ALWAYS))  # even a spine that nothing waits for
    assert refresh(spec(), lake).seal == seal(2)


def test_a_refresh_that_leaves_rows_names_the_input_and_the_seal_that_they_wait_for(
    lake: Lake,
) -> None:
    loads, lines = days(1), list[str]()
    deliver(lake, loads, 1)
    deliver(lake, loads, 2, seal(1))
    deliver(lake, loads, 3, seal(1))
    report = refresh(spec(), lake, progress=lines.append)
    assert report.rows_added == len(loads[0])
    assert report.held_back == (HeldBack(LABELS, seal(1), seal(2)),)
    waiting = len(loads[1]) + len(loads[2])
    assert report.reason == (
        f"{waiting} rows of {TRANSACTIONS} wait for {LABELS}, which is complete until {seal(1)}; "
        f"the next of them are final when it is complete until {seal(2)}"
    )
    assert lines[-1] == f"{report.table}: {report.reason}"


def test_an_input_without_a_seal_is_named_as_what_holds_everything_back(lake: Lake) -> None:
    write(lake, TRANSACTIONS, days(1)[0], Progress(1, seal(1)))
    write(lake, LABELS, [])
    report = refresh(spec(), lake)
    assert report.rows_added == 0
    assert [(one.table, one.seal) for one in report.held_back] == [(LABELS, None)]
    assert f"wait for {LABELS}, which has no seal yet; the next of them are final" in report.reason


def test_every_refresh_that_writes_nothing_has_a_reason(lake: Lake) -> None:
    write(lake, TRANSACTIONS, [])
    write(lake, LABELS, [])
    empty = refresh(spec(), lake)
    assert (empty.rows_added, empty.held_back) == (0, ())
    assert empty.reason == f"nothing to write: {TRANSACTIONS} has no new rows, and has no seal yet"
    deliver(lake, days(1), 1)
    assert refresh(spec(), lake).reason == ""
    again = refresh(spec(), lake)
    assert (again.rows_added, again.held_back) == (0, ())
    assert again.reason == (
        f"nothing to write: {TRANSACTIONS} has no new rows, and is complete until {seal(1)}"
    )
    days_without_rows = refresh(spec(), lake, since=START - 9 * DAY, until=START - 8 * DAY)
    assert days_without_rows.reason.startswith("nothing to write: ")
    assert refresh(spec(), lake, full_refresh=True).reason == ""


def test_no_row_is_final_until_every_input_has_a_seal(lake: Lake) -> None:
    write(lake, TRANSACTIONS, days(1)[0], Progress(1, seal(1)))
    write(lake, LABELS, [])
    report = refresh(spec(), lake)
    assert (report.rows_total, report.waiting, report.seal) == (0, len(days(1)[0]), None)


def test_a_refresh_with_nothing_new_makes_no_snapshot(lake: Lake) -> None:
    deliver(lake, days(1), 1)
    first = refresh(spec(), lake)
    again = refresh(spec(), lake)
    assert (again.rows_added, again.snapshot) == (0, first.snapshot)


def test_a_load_is_complete_at_its_seal_in_the_manifest_or_else_at_its_newest_row(
    lake: Lake,
) -> None:
    moment = timedelta(microseconds=1)
    deliver(lake, days(1), 1, seal(1) - moment)
    assert refresh(spec(), lake).rows_added == 0
    with lake.writer(Author("test")) as writer:
        writer.execute("DROP TABLE lake.ops.files")
    assert refresh(spec(), lake).rows_added == len(days(1)[0])


def test_rows_that_become_known_later_change_no_feature(lake: Lake) -> None:
    loads = days(3)
    for load in range(1, 7):
        deliver(lake, loads, load)
    refresh(spec(), lake)
    before = table(lake)
    t = before[len(before) // 2][2]
    with lake.writer(Author("test")) as writer:
        for name in (TRANSACTIONS, LABELS):
            writer.execute(
                f"UPDATE {qualified(name)} SET amount_cents = 10 * amount_cents + 1 "
                "WHERE known_at >= ? AND event_time > ?",
                [t, t],
            )
            writer.execute(
                f"UPDATE {qualified(name)} SET is_fraud = NOT is_fraud WHERE known_at >= ?", [t]
            )
        writer.execute(
            f"DELETE FROM {qualified(LABELS)} WHERE known_at >= ? AND transaction_id % 2 = 0",
            [t],
        )
        writer.execute(
            f"INSERT INTO {qualified(LABELS)} "
            f"SELECT * REPLACE (? AS known_at) FROM {qualified(LABELS)}",
            [t],
        )
    refresh(spec(), lake, full_refresh=True)
    after = table(lake)
    assert [row for row in after if row[2] <= t] == [row for row in before if row[2] <= t]
    assert [row for row in after if row[2] > t] != [row for row in before if row[2] > t]
    assert len(after) == len(before)


@pytest.mark.slow
def test_recomputing_days_changes_only_the_rows_that_they_affect(lake: Lake) -> None:
    loads = days(2)
    for load in range(1, 7):
        deliver(lake, loads, load)
    refresh(spec(), lake)
    since, until = START + 2 * DAY, START + 3 * DAY
    before = table(lake)
    with lake.writer(Author("test")) as writer:
        writer.execute(
            f"UPDATE {qualified(TRANSACTIONS)} SET amount_cents = 9 "
            "WHERE known_at >= ? AND known_at < ?",
            [since, until],
        )
    report = refresh(spec(), lake, since=since, until=until)
    recomputed = table(lake)
    affected = [row for row in before if since <= row[2] < until + 3 * DAY]
    assert report.rows_added == len(affected) > 0
    assert [r for r in recomputed if not since <= r[2] < until + 3 * DAY] == [
        r for r in before if not since <= r[2] < until + 3 * DAY
    ]
    assert recomputed != before
    refresh(spec(), lake, full_refresh=True)
    late = {
        r["transaction_id"]
        for rows in loads
        for r in rows
        if since <= r["known_at"] < until and r["event_time"] < since
    }
    assert [r for r in table(lake) if r[0] not in late] == [
        r for r in recomputed if r[0] not in late
    ]


def test_a_new_version_has_a_separate_table_and_the_view_shows_it(lake: Lake) -> None:
    deliver(lake, days(1), 1)
    old = refresh(spec(), lake)
    changed = spec(features={"n": "n", "half": "n_1d / 2"})
    new = refresh(changed, lake)
    assert new.table != old.table
    assert lake.rows(old.table) == lake.rows(new.table) == lake.rows("features.risk")
    with lake.reader() as cursor:
        names = [row[0] for row in cursor.execute("DESCRIBE lake.features.risk").fetchall()]
    assert names == [
        "transaction_id",
        "terminal_id",
        "event_time",
        "n_1d",
        "n_3d",
        "half",
        "_load_id",
    ]
    assert refresh(spec(description="Another description"), lake).table == old.table


def test_a_second_spine_has_the_features_that_its_columns_allow(lake: Lake) -> None:
    deliver(lake, days(1), 1)
    write(lake, "core.hours", days(5)[0], Progress(1, seal(1)))
    with lake.writer(Author("test")) as writer:
        writer.execute("ALTER TABLE lake.core.hours DROP COLUMN amount_cents")
    spines = [
        *spec().model_dump()["spines"],
        {"name": "hours", "table": "core.hours", "key": "transaction_id"},
    ]
    both = spec(spines=spines)
    report = refresh(both, lake, spine="hours")
    assert report.table.startswith("features.risk__hours__")
    assert len(table(lake, "features.risk__hours")) == len(days(5)[0])
    with lake.reader() as cursor:
        names = {feature.name for feature in load_plan(both, cursor, "hours").features}
    assert "risk_1d" in names
    assert "share" not in names


def test_a_duplicate_key_is_refused_and_nothing_is_written(lake: Lake) -> None:
    loads = days(1)
    deliver(lake, [loads[0] + loads[0][:1]], 1)
    with pytest.raises(FeatureError, match="duplicate transaction_id"):
        refresh(spec(), lake)
    assert not lake.exists("features.risk")


def test_a_missing_input_is_named(lake: Lake) -> None:
    write(lake, TRANSACTIONS, days(1)[0])
    with pytest.raises(NoSuchTable, match=r"core\.fct_labels"):
        refresh(spec(), lake)


def test_any_relation_can_be_a_spine(lake: Lake) -> None:
    deliver(lake, days(1), 1)
    query = (
        "SELECT 1 AS transaction_id, 2::BIGINT AS terminal_id, ?::TIMESTAMP AS event_time, "
        "5 AS amount_cents"
    )
    with lake.reader() as cursor:
        plan = load_plan(spec(), cursor)
        assert compute(plan, cursor, query, [seal(3)]) == 1
        row = cursor.execute("FROM temp.main._features").fetchall()[0]
    request = {"terminal_id": 2, "event_time": seal(3), "amount_cents": 5}
    rows = days(1)[0]
    tables = {
        TRANSACTIONS: rows,
        LABELS: [label(r) for r in rows if label(r)["known_at"] <= seal(1)],
    }
    assert list(row[3:-1]) == list(compute_online(plan, request, tables).values())


def test_a_replay_finds_differences_only_if_a_value_was_changed(lake: Lake) -> None:
    loads = days(1)
    for load in (1, 2, 3):
        deliver(lake, loads, load)
    report = refresh(spec(), lake)
    agreed = replay(spec(), lake, rows=10)
    assert (agreed.rows, agreed.differences) == (min(10, len(loads[2])), [])
    with lake.writer(Author("test")) as writer:
        writer.execute(f"UPDATE {qualified(report.table)} SET spend = spend + 1")
    differences = replay(spec(), lake, rows=10).differences
    assert len(differences) == agreed.rows
    assert all("spend" in difference for difference in differences)


def test_a_replay_reads_each_role_of_a_dimension_and_months_of_history(lake: Lake) -> None:
    risk = {
        "of": LABELS, "column": "channel", "key": "transaction_id", "by": "amount_cents",
        "first_version": "assumed",
    }  # fmt: skip
    declared = spec(
        attributes={"own": {"of": LABELS, "column": "is_fraud"}, "other": risk},
        aggregates={
            "n": {
                "of": "own",
                "op": "count",
                "window": ["1mo", "3mo"],
                "where": "score between 0 and 1",
            }
        },
        features={"n": "n", "own": "own", "other": "other"},
    )
    loads = days(4, count=2)
    for number, row in enumerate(loads[0]):
        row["transaction_id"] = [5, 700, 12345][number] if number < 3 else row["transaction_id"]
    deliver(lake, loads, 1)
    deliver(lake, loads, 2, seal(2) + 9 * DAY)
    assert refresh(declared, lake).rows_added == sum(map(len, loads))
    report = replay(declared, lake, rows=100)
    assert (report.rows, report.features, report.differences) == (len(loads[1]), 4, [])
    with lake.reader() as cursor:
        known = fetch_value(cursor, "SELECT count(other) FROM lake.features.risk")
    assert 0 < known < report.rows + len(loads[0])
