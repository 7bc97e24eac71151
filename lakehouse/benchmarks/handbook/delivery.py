"""Delivers the handbook's files to the sources, up to a given day.

The daily files go to the landing zone unchanged. What the handbook has no files for is delivered in
the form that the sources expect: a chargeback for each fraud, exactly 7 days after it; a bank with
the customers and terminals; exchange rates, which transactions in euro do not need. This module is
independent of features and models.
"""

import csv
import json
import shutil
import sqlite3
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from pathlib import Path

import duckdb

from lakehouse.errors import LakehouseError
from lakehouse.settings import Settings

DELAY = timedelta(days=7)
TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)
KINDS = {1: "amount_outlier", 2: "terminal_compromise", 3: "card_compromise"}


_CHARGEBACK = (
    *("chargeback_id", "transaction_id", "transaction_time", "reported_at", "fraud_kind"),
    *("amount", "currency"),
)
_CUSTOMER = (
    *("customer_id", "name", "email", "phone", "birth_date", "gender", "country"),
    *("home_x", "home_y", "segment", "opened_at", "updated_at"),
)
_TERMINAL = (
    *("terminal_id", "merchant_name", "merchant_category", "country", "x", "y"),
    *("opened_at", "updated_at"),
)


class MissingHandbookFiles(LakehouseError):
    """A folder without the handbook's files."""


def deliver(folder: Path, settings: Settings, until: date, after: date | None = None) -> int:
    """Deliver the data known by the end of the day `until`; returns the number of transactions.

    With `after`, deliver only the data since the end of that day, to which everything was delivered
    before.

    Raises:
        MissingHandbookFiles: when `folder` does not hold every day up to `until`.
    """
    files = _files(folder, until)
    new = [path for path in files if after is None or _day(path) > after]
    landing = Path(settings.landing)
    for path in new:
        target = landing / "transactions" / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    with duckdb.connect() as connection:
        connection.register("transactions", connection.read_parquet([str(path) for path in files]))
        arrived = connection.read_parquet([str(path) for path in new])
        count = arrived.count("*").fetchall()[0][0]
        connection.register("arrived", arrived)
        days = [_day(path) for path in new]
        _write_chargebacks(connection, landing / "chargebacks", days)
        _write_bank(connection, settings.data_dir / "world" / "bank.sqlite", days)
    _write_rates(settings.data_dir / "world" / "api" / "exchange_rates", days)
    return int(count)


def _files(folder: Path, until: date) -> list[Path]:
    files = [path for path in sorted(folder.glob("tx_date=*.parquet")) if _day(path) <= until]
    if not files or _day(files[-1]) != until or (until - _day(files[0])).days + 1 != len(files):
        raise MissingHandbookFiles(
            f"{folder} lacks files; it must have tx_date=YYYY-MM-DD.parquet for every day "
            f"up to {until}"
        )
    return files


def _day(path: Path) -> date:
    return date.fromisoformat(path.stem.removeprefix("tx_date="))


def _seal(day: date) -> datetime:
    return datetime.combine(day + DAY, time()) - TICK


def _write_chargebacks(
    connection: duckdb.DuckDBPyConnection, folder: Path, days: list[date]
) -> None:
    """Write one file per day. A report is known from the first moment after 7 days have passed."""
    found = connection.execute(
        "SELECT TRANSACTION_ID, TX_DATETIME, TX_DATETIME + ? - ?, TX_FRAUD_SCENARIO, TX_AMOUNT "
        "FROM transactions WHERE TX_FRAUD = 1 ORDER BY 3, 1",
        [DELAY, TICK],
    ).fetchall()
    by_day: dict[date, list[tuple[object, ...]]] = {day: [] for day in days}
    for key, at, reported, scenario, amount in found:
        if reported.date() in by_day:
            kind = KINDS[scenario]
            by_day[reported.date()].append((key, key, at, reported, kind, f"{amount:.2f}", "EUR"))
    folder.mkdir(parents=True, exist_ok=True)
    for day, rows in by_day.items():
        with (folder / f"{_seal(day):%Y%m%dT%H%M%S%fZ}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(_CHARGEBACK)
            writer.writerows(rows)


def _write_bank(connection: duckdb.DuckDBPyConnection, path: Path, days: list[date]) -> None:
    opened = f"{days[0]:%Y-%m-%d} 00:00:00.000000"
    path.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(path) as bank:
        for table, columns, key in (
            ("customers", _CUSTOMER, "CUSTOMER_ID"),
            ("terminals", _TERMINAL, "TERMINAL_ID"),
        ):
            names = ", ".join(columns)
            bank.execute(f"CREATE TABLE IF NOT EXISTS {table} ({names})")
            bank.execute(f"CREATE TABLE IF NOT EXISTS {table}_history ({names})")
            known = {number for (number,) in bank.execute(f"SELECT {table[:-1]}_id FROM {table}")}
            keys = connection.execute(f"SELECT DISTINCT {key} FROM arrived ORDER BY 1").fetchall()
            bank.executemany(
                f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))})",
                (_row(columns, number, opened) for (number,) in keys if number not in known),
            )
        bank.execute("CREATE TABLE IF NOT EXISTS end_of_day (closed_at)")
        bank.executemany(
            "INSERT INTO end_of_day VALUES (?)",
            ((f"{_seal(day):%Y-%m-%d %H:%M:%S.%f}",) for day in days),
        )


def _row(columns: Iterable[str], number: int, opened: str) -> list[object]:
    """A row with only a number: the handbook has no other attributes of customers and terminals."""
    known: dict[str, object] = {
        "customer_id": number,
        "terminal_id": number,
        "opened_at": opened,
        "updated_at": opened,
        "country": "BE",
        "merchant_name": f"terminal {number}",
        "merchant_category": "unknown",
        "segment": "basic",
    }
    return [known.get(column) for column in columns]


def _write_rates(folder: Path, days: list[date]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for day in days:
        sealed = f"{_seal(day).isoformat()}Z"
        page: dict[str, object] = {"data": [], "next": None, "complete_through": sealed}
        (folder / f"{day}.json").write_text(json.dumps(page))
