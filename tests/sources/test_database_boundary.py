"""For any order of rows with any times, raw finally has what the table had.

Random inserts, updates and deletes, with tied times and times out of order, between extractions.
The reference is plain Python: it keeps the table as a dictionary and uses no SQL.
"""

import sqlite3
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse.sources import SourceSpec, extract, pending
from lakehouse.sources.extraction import Extraction

from .conftest import Harness
from .test_database import TABLES, Bank, make_people

START = datetime(2026, 5, 1)
OVERLAP = timedelta(minutes=10)
TIMES = [
    START + timedelta(microseconds=offset)
    for offset in (0, 1, 2, 1_000_000, 60_000_000, 7_200_000_000, 180_000_000_000)
]
"""Ties and adjacent times, within the overlap of each other and far outside it."""
Row = tuple[str, str, str, datetime]
step = st.tuples(
    st.sampled_from(["put", "put", "put", "delete", "extract", "extract", "close"]),
    st.integers(1, 2),
    st.sampled_from("AB"),
    st.sampled_from(TIMES[:1] * 5 + TIMES[1:2] * 3 + TIMES),
)


@dataclass
class Reference:
    """What a plain reader must have landed. `rows`: key, op, city, time, in order."""

    with_seal: bool
    table: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    history: list[tuple[str, str, datetime]] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    closed: datetime | None = None
    last: datetime | None = None

    def extract(self) -> list[Row]:
        """The rows of the file that must be landed now, deletes last."""
        if self.with_seal and (self.closed is None or (self.last and self.closed <= self.last)):
            return []
        since = self.last - OVERLAP if self.last else datetime.min
        end = self.closed if self.with_seal else datetime.max
        assert end is not None
        new: list[Row] = []
        for key, city, time in sorted(set(self.history)):
            row = (key, "upsert", city, time)
            if since <= time <= end and row not in self.rows:
                new.append(row)
        for key, (city, time) in self.table.items():
            row = (key, "upsert", city, time)
            before = [landed for landed in self.rows if landed[0] == key][-1:]
            same_time = bool(before) and before[0][1:4:2] == ("upsert", time)
            former = any(landed[0] == key for landed in new)
            changed = before != [row] and (not same_time or time >= since)
            if time <= end and (changed or former):
                new.append(row)
        newest = max([row[3] for row in new] + [t for _, t in self.table.values()], default=START)
        seal = end if self.with_seal else newest
        if self.last and not self.with_seal:
            seal = max(newest, self.last + timedelta(microseconds=1))
        state = {row[0]: row[1] for row in self.rows + new}
        for key, op in state.items():
            if key not in self.table and op != "delete":
                new.append((key, "delete", "", seal))
        if new or self.with_seal:
            self.last = seal
        self.rows += new
        return new


@dataclass
class Trial:
    """Applies the same steps to the database and to the reference."""

    harness: Harness
    bank: Bank
    spec: SourceSpec
    reference: Reference
    with_history: bool
    statements: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def apply(self, action: str, key: int, city: str, time: datetime) -> None:
        table, name = self.reference.table, str(key)
        if action == "extract":
            self.extract()
        elif action == "close":
            self.reference.closed = max(time, self.reference.closed or time)
            self.statements.append(f"INSERT INTO end_of_day VALUES ('{time}')")
        elif (action == "put" or name in table) and not self.is_unseen(name, city, time):
            if name in table and self.with_history:
                self.reference.history.append((name, *table[name]))
                self.statements.append(
                    f"INSERT INTO people_history SELECT * FROM people WHERE id = {key}"
                )
            self.statements.append(f"DELETE FROM people WHERE id = {key}")
            table.pop(name, None)
            if action == "put":
                table[name] = (city, time)
                self.statements.append(f"INSERT INTO people VALUES ({key}, '{city}', '{time}')")

    def is_unseen(self, key: str, city: str, time: datetime) -> bool:
        """Whether the change keeps its time and is older than the overlap, so need not be found."""
        landed = [row for row in self.reference.rows if row[0] == key][-1:]
        old = self.reference.last is not None and time < self.reference.last - OVERLAP
        return old and bool(landed) and landed[0][3] == time and landed[0][2] != city

    def extract(self) -> Extraction:
        if self.statements:
            self.bank.run(";".join(self.statements) + ";")
            self.statements.clear()
        expected = self.reference.extract()
        done = extract(self.spec, self.harness.settings)
        assert done.rows == len(expected)
        assert done.seal == self.reference.last
        assert len(done.files) == (
            1 if expected or (done.files and self.reference.with_seal) else 0
        )
        return done

    def finish(self) -> None:
        """Close, extract and load everything; then nothing more is found."""
        table, harness = self.reference.table, self.harness
        self.apply("close", 0, "", TIMES[-1] + timedelta(days=1))
        self.extract()
        again = extract(self.spec, harness.settings)
        assert (again.files, again.rows) == ((), 0)
        report = harness.load(self.spec)
        assert report.reasons == {}
        assert pending(self.spec, harness.lake) == ""
        if not report.rows:
            assert not table
            return
        raw = harness.rows(
            "CAST(id AS VARCHAR)", "op", "coalesce(city, '')", "updated_at", table=self.spec.table
        )
        assert sorted(raw) == sorted(self.reference.rows)
        last = {key: (city, time) for key, op, city, time in raw if op == "upsert"}
        gone = {key for key, op in {key: op for key, op, _, _ in raw}.items() if op == "delete"}
        assert {key: row for key, row in last.items() if key not in gone} == table


def run_trial(
    harness: Harness, bank: Bank, name: str, steps: list[Any], with_seal: bool, with_history: bool
) -> None:
    spec = make_people(
        bank,
        seal="SELECT max(closed_at) FROM end_of_day" if with_seal else "",
        history_table="people_history" if with_history else "",
    ).model_copy(update={"name": name})
    trial = Trial(harness, bank, spec, Reference(with_seal), with_history)
    for action in steps:
        trial.apply(*action)
    trial.finish()


numbers = iter(range(1_000_000))
given_steps = given(st.lists(step, min_size=6, max_size=30), st.booleans(), st.booleans())
shared = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=shared)
@given_steps
def test_raw_has_everything_that_an_sqlite_table_had(
    harness: Harness, tmp_path: Path, steps: list[Any], with_seal: bool, with_history: bool
) -> None:
    number = next(numbers)
    path = tmp_path / f"bank{number}.sqlite"
    with sqlite3.connect(path, isolation_level=None) as sqlite:
        sqlite.executescript("PRAGMA synchronous = OFF;" + TABLES.format(time="TEXT"))
        bank = Bank(f"sqlite:{path}", sqlite.executescript)
        run_trial(harness, bank, f"people_{number}", steps, with_seal, with_history)
    sqlite.close()


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=shared)
@given_steps
def test_raw_has_everything_that_a_postgresql_table_had(
    harness: Harness, postgres: Any, steps: list[Any], with_seal: bool, with_history: bool
) -> None:
    drop = "DROP TABLE IF EXISTS people, people_history, end_of_day;"
    postgres.psql(drop + TABLES.format(time="TIMESTAMP"))
    bank = Bank(postgres.get_uri(), postgres.psql)
    run_trial(harness, bank, f"people_{next(numbers)}", steps, with_seal, with_history)
