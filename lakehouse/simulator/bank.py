"""The bank's database: SQLite, as an operational system would keep it.

The history receives the former version of a changed row; a row that goes away is deleted. A day's
changes and its entry in `end_of_day` are one transaction, and a closed day is never written again.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lakehouse.private import FILE_MODE
from lakehouse.simulator.personal import Row

_CUSTOMER = """name TEXT NOT NULL, email TEXT NOT NULL, phone TEXT NOT NULL,
    birth_date TEXT NOT NULL, gender TEXT NOT NULL, country TEXT NOT NULL, home_x REAL NOT NULL,
    home_y REAL NOT NULL, segment TEXT NOT NULL, opened_at TEXT NOT NULL,
    updated_at TEXT NOT NULL"""
_TERMINAL = """merchant_name TEXT NOT NULL, merchant_category TEXT NOT NULL, country TEXT NOT NULL,
    x REAL NOT NULL, y REAL NOT NULL, opened_at TEXT NOT NULL, updated_at TEXT NOT NULL"""
SCHEMA = f"""
CREATE TABLE customers (customer_id INTEGER PRIMARY KEY, {_CUSTOMER});
CREATE TABLE customers_history (customer_id INTEGER NOT NULL, {_CUSTOMER});
CREATE TABLE terminals (terminal_id INTEGER PRIMARY KEY, {_TERMINAL});
CREATE TABLE terminals_history (terminal_id INTEGER NOT NULL, {_TERMINAL});
CREATE TABLE end_of_day (closed_at TEXT PRIMARY KEY);
CREATE INDEX customers_updated ON customers (updated_at);
CREATE INDEX terminals_updated ON terminals (updated_at);
"""
_WRITES = {
    table: (
        f"INSERT INTO {table}_history SELECT * FROM {table} WHERE {key} = ?",
        f"DELETE FROM {table} WHERE {key} = ?",
        f"INSERT INTO {table} VALUES ({', '.join('?' * columns)})",
    )
    for table, key, columns in (("customers", "customer_id", 12), ("terminals", "terminal_id", 8))
}


@contextmanager
def open_bank(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that begins transactions only explicitly, closed at the end."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=60)
    # A killed process still leaves whole days; only a power loss may not.
    connection.execute("PRAGMA synchronous = OFF")
    try:
        yield connection
    finally:
        connection.close()


def create_bank(path: Path, customers: Sequence[Row], terminals: Sequence[Row]) -> None:
    """Create the database with its first rows, replacing an existing one."""
    path.unlink(missing_ok=True)
    path.touch(FILE_MODE)  # it holds names and addresses
    with open_bank(path) as bank:
        bank.executescript(f"BEGIN; {SCHEMA}")
        bank.executemany(_WRITES["customers"][2], customers)
        bank.executemany(_WRITES["terminals"][2], terminals)
        bank.execute("COMMIT")


def close_day(
    bank: sqlite3.Connection,
    closed_at: str,
    changed: dict[str, Sequence[Row]],
    gone: dict[str, Sequence[int]],
) -> None:
    """Record a day: for each table the current rows, and the ids that are gone.

    Does nothing if the day is closed already.
    """
    bank.execute("BEGIN IMMEDIATE")
    if bank.execute("SELECT 1 FROM end_of_day WHERE closed_at = ?", (closed_at,)).fetchone():
        bank.execute("ROLLBACK")
        return
    for table, (keep, delete, insert) in _WRITES.items():
        keys = [(row[0],) for row in changed[table]] + [(key,) for key in gone[table]]
        bank.executemany(keep, keys)
        bank.executemany(delete, keys)
        bank.executemany(insert, changed[table])
    bank.execute("INSERT INTO end_of_day VALUES (?)", (closed_at,))
    bank.execute("COMMIT")


def count_rows(bank: sqlite3.Connection) -> dict[str, int]:
    """The number of current customers and terminals, and of all their versions."""
    counts: dict[str, int] = {}
    for table in _WRITES:
        current, former = (
            bank.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            for name in (table, f"{table}_history")
        )
        counts |= {table: current, f"{table[:-1]}_versions": current + former}
    return counts
