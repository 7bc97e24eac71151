"""The landing zone has exactly what the truth records, line by line, including dirt."""

import csv
import gzip
import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lakehouse.simulator.chargebacks import reports_of
from lakehouse.simulator.config import WorldConfig
from lakehouse.simulator.days import Transactions
from lakehouse.simulator.dirt import Deliveries
from lakehouse.simulator.landing import json_lines
from lakehouse.simulator.world import create_world, expected_counts

START = date(2026, 3, 1)
REQUIRED = ("transaction_id", "customer_id", "terminal_id", "event_time", "amount", "currency")


def error_in(line: str) -> str | None:
    """The error that a loader finds in a line: a slow reference."""
    try:
        row = json.loads(line)
    except ValueError:
        return "malformed"
    if any(row[field] is None for field in REQUIRED):
        return "null_field"
    try:
        float(row["amount"])
        datetime.fromisoformat(row["event_time"])
        has_integer_ids = all(isinstance(row[field], int) for field in REQUIRED[:3])
    except ValueError:
        return "wrong_type"
    return None if has_integer_ids else "wrong_type"


def test_a_slow_reader_of_the_files_counts_what_is_expected(world_files: Any) -> None:
    errors: Counter[str | None] = Counter()
    good, negative, loaded = set(), 0, 0
    for _, line in world_files.lines():
        error = error_in(line)
        errors[error] += 1
        if error is not None:
            continue
        row = json.loads(line)
        if float(row["amount"]) <= 0:
            negative += 1
        else:
            good.add(row["transaction_id"])
        loaded += 1
    expected = expected_counts(world_files.world)
    assert errors["malformed"] == expected["rejected_malformed"] > 0
    assert errors["null_field"] == expected["rejected_null_field"] > 0
    assert errors["wrong_type"] == expected["rejected_wrong_type"] > 0
    assert sum(errors.values()) == expected["lines"]
    assert loaded == expected["loaded"]
    assert len(good) == expected["transactions"]
    assert negative == expected["dropped_negative_amount"] > 0
    assert loaded - negative - len(good) == expected["duplicates"] > 0


def test_valid_lines_have_the_true_values(world_files: Any) -> None:
    truth = {
        row[0]: row[1:]
        for row in world_files.query(
            "SELECT transaction_id, customer_id, terminal_id, event_time, amount, currency,"
            " channel FROM truth WHERE dirt IS NULL OR dirt IN ('late', 'duplicate')"
        )
    }
    seen = set()
    for _, line in world_files.lines():
        row = None if error_in(line) else json.loads(line)
        if row is None or row["transaction_id"] not in truth:
            continue
        seen.add(row["transaction_id"])
        customer, terminal, moment, amount, currency, channel = truth[row["transaction_id"]]
        assert (row["customer_id"], row["terminal_id"]) == (customer, terminal)
        assert row["event_time"] == f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"
        assert (row["amount"], row["currency"]) == (str(amount), currency)
        assert row["channel"] == channel
    arrived = world_files.query(
        "SELECT count(*) FROM truth WHERE delivered_on <= DATE '2026-04-09'"
        " AND (dirt IS NULL OR dirt IN ('late', 'duplicate'))"
    )
    assert len(seen) == arrived[0][0]


def test_each_line_is_in_the_file_of_the_day_that_the_truth_records(world_files: Any) -> None:
    delivered: dict[int, list[str]] = {}
    for name, line in world_files.lines():
        if error_in(line) is None:
            delivered.setdefault(json.loads(line)["transaction_id"], []).append(name[:8])
    late = world_files.query(
        "SELECT transaction_id, strftime(delivered_on, '%Y%m%d'), event_time::DATE, delivered_on"
        " FROM truth WHERE dirt = 'late' AND delivered_on < DATE '2026-03-20'"
    )
    assert len(late) > 20
    for transaction, file_day, event_day, delivered_on in late:
        assert delivered[transaction] == [file_day]
        assert 1 <= (delivered_on - event_day).days <= 3
    twice = world_files.query(
        "SELECT transaction_id, strftime(delivered_on, '%Y%m%d'),"
        " strftime(delivered_again_on, '%Y%m%d')"
        " FROM truth WHERE dirt = 'duplicate' AND delivered_again_on < DATE '2026-03-20'"
    )
    assert {first == again for _, first, again in twice} == {True, False}
    for transaction, first, again in twice:
        assert sorted(delivered[transaction]) == [first, again]


def test_a_redelivered_row_has_identical_text(world_files: Any) -> None:
    twice = {
        row[0]
        for row in world_files.query("SELECT transaction_id FROM truth WHERE dirt='duplicate'")
    }
    texts: dict[int, set[str]] = {}
    for name, line in world_files.lines():
        if name < "20260321" and error_in(line) is None:
            texts.setdefault(json.loads(line)["transaction_id"], set()).add(line)
    assert twice & texts.keys()
    assert all(len(texts[transaction]) == 1 for transaction in twice & texts.keys())


def test_a_skewed_clock_is_ahead_of_the_seal_by_up_to_three_hours(world_files: Any) -> None:
    skewed = {
        r[0] for r in world_files.query("SELECT transaction_id FROM truth WHERE dirt='clock_skew'")
    }
    ahead = set()
    for name, line in world_files.lines():
        if error_in(line):
            continue
        row = json.loads(line)
        midnight = datetime.strptime(f"{name[:8]}+0000", "%Y%m%d%z") + timedelta(days=1)
        lead = datetime.fromisoformat(row["event_time"]) - midnight
        if lead >= timedelta(0):
            assert lead < timedelta(hours=3)
            ahead.add(row["transaction_id"])
    assert ahead == skewed != set()


def test_the_wallet_column_is_in_all_files_from_its_day_on(world_files: Any) -> None:
    first = f"{START + timedelta(days=20):%Y%m%d}"
    with_wallet = {
        name[:8]: '"wallet"' in line for name, line in world_files.lines() if not error_in(line)
    }
    assert all(has == (day >= first) for day, has in with_wallet.items())
    values = {json.loads(li).get("wallet") for _, li in world_files.lines() if not error_in(li)}
    assert values == {None, "apple", "google"}


def test_a_file_that_is_cut_off_is_delivered_again_complete_with_the_next_days(
    make_config: Callable[..., WorldConfig],
    read_world: Callable[[Path], Any],
    world_files: Any,
    tmp_path: Path,
) -> None:
    seal = "20260325T235959999999Z"
    cut = world_files.landing / "transactions" / f"{seal}.jsonl.gz"
    complete = world_files.landing / "transactions" / f"{seal}-redelivery.jsonl.gz"
    with pytest.raises(EOFError):
        gzip.decompress(cut.read_bytes())
    assert complete.read_bytes().startswith(cut.read_bytes())
    assert len(gzip.decompress(complete.read_bytes()).splitlines()) > 100
    create_world(make_config(days=25), tmp_path / "world", tmp_path / "landing")
    assert not list((tmp_path / "landing").rglob("*redelivery*"))
    assert expected_counts(tmp_path / "world")["lines"] == len(read_world(tmp_path).lines())


def test_chargebacks_are_the_reported_frauds_and_some_about_unknown_transactions(
    world_files: Any,
) -> None:
    rows, ids = [], []
    for path in sorted((world_files.landing / "chargebacks").iterdir()):
        with path.open() as file:
            for row in csv.DictReader(file):
                assert row["reported_at"][:10].replace("-", "") == path.name[:8]
                assert row["reported_at"] > row["transaction_time"]
                rows.append(row)
                ids.append(int(row["chargeback_id"]))
    assert ids == list(range(1, len(rows) + 1))
    assert len(rows) == expected_counts(world_files.world)["chargebacks"]
    truth = {
        transaction: (kind, str(amount), currency, f"{at:%Y-%m-%dT%H:%M:%S.%f}Z")
        for transaction, kind, amount, currency, at in world_files.query(
            "SELECT transaction_id, fraud_kind, amount, currency, reported_at FROM truth"
            " WHERE is_fraud AND reported_at < TIMESTAMP '2026-04-10'"
        )
    }
    real = {
        int(row["transaction_id"]): (
            row["fraud_kind"],
            row["amount"],
            row["currency"],
            row["reported_at"],
        )
        for row in rows
        if int(row["transaction_id"]) < 900_000_000_000
    }
    assert real == truth
    assert 0 < len(rows) - len(real) < 0.2 * len(rows)


@pytest.mark.parametrize(("day", "file_day", "readable"), [(3, 3, 3), (3, 6, 6), (24, 24, 25)])
def test_no_report_comes_before_its_transaction_can_be_read(
    make_config: Callable[..., WorldConfig], day: int, file_day: int, readable: int
) -> None:
    count, second = 5000, 1_000_000
    midnight = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp()) * second
    events = midnight + day * 86_400 * second + np.arange(count)
    columns = [np.arange(count), *(np.zeros((2, count), dtype=np.int64)), events]
    rest = np.zeros((5, count), dtype=np.int64)
    sent = Deliveries(*columns, *rest, np.full(count, file_day), *rest[:2])
    reports = reports_of(make_config(), Transactions(*columns, *rest), sent, day)
    assert count * 0.9 < len(reports) < count
    assert reports.reported_us.min() > midnight + readable * 86_400 * second


def test_every_day_has_files_named_after_its_seal(world_files: Any) -> None:
    days = [START + timedelta(days=n) for n in range(40)]
    names = {path.name for path in (world_files.landing / "transactions").iterdir()}
    assert {f"{day:%Y%m%d}T235959999999Z.jsonl.gz" for day in days} < names
    assert len(names) == 41
    names = {path.name for path in (world_files.landing / "chargebacks").iterdir()}
    assert names == {f"{day:%Y%m%d}T235959999999Z.csv" for day in days}


@pytest.mark.parametrize("draw", range(0, 1 << 12, 137))
def test_a_line_broken_anywhere_is_not_valid_json(draw: int) -> None:
    columns = [np.array([value]) for value in (17, 3, 9, 0, 1234, 0, 0, -1, -1, 0)]
    row = Deliveries(*columns, dirt=np.array([2]), draw=np.array([draw]))
    line = gzip.decompress(json_lines(row, with_wallet=True)).decode()
    assert line.endswith("\n")
    assert line.count("\n") == 1
    assert error_in(line) == "malformed"


def test_no_rows_make_an_empty_file() -> None:
    assert gzip.decompress(json_lines(Deliveries.none(), with_wallet=False)) == b""
