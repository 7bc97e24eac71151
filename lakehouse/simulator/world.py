"""The interface of the embedded world: create one, advance it by days, inspect it.

A world is a folder `world_dir` (the bank's database, the API's answers, the truth, the state) and
the landing zone that receives its files. No clock is read here: the config sets the days.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from lakehouse.errors import LakehouseError
from lakehouse.private import FOLDER_MODE, make_private
from lakehouse.simulator import bank, chargebacks, rates, state, truth
from lakehouse.simulator.changes import Changes, initial_population, next_day
from lakehouse.simulator.chargebacks import Reports
from lakehouse.simulator.config import WorldConfig
from lakehouse.simulator.days import GENUINE, genuine, register
from lakehouse.simulator.dirt import Deliveries, add_dirt
from lakehouse.simulator.drift import conditions
from lakehouse.simulator.fraud import next_victims, with_fraud
from lakehouse.simulator.landing import json_lines, write_atomically
from lakehouse.simulator.personal import Names, customer_rows, make_names, terminal_rows
from lakehouse.simulator.state import Counts, State
from lakehouse.simulator.times import DAY, midnight, seal, sql_time

BANK = "bank.sqlite"
RATES = "api/exchange_rates"
NAMES = "names.json"
OUTBOX = "outbox"  # the complete copy of a cut-off file, until it is delivered again
CUT_SHARE = 0.6  # share of the cut file that arrives

Progress = Callable[[date, int], None]  # a finished day, and its number of transactions


class WorldError(LakehouseError):
    """A world is missing, or exists where it must not."""


@dataclass(frozen=True)
class World:
    """The current state of a world: its config, its last complete day (or the day before it),
    counts."""

    config: WorldConfig
    last_day: date
    counts: Counts

    @property
    def is_complete(self) -> bool:
        """Whether its creation is complete."""
        return self.counts.days >= self.config.days


def create_world(
    config: WorldConfig, world_dir: Path, landing_dir: Path, *, progress: Progress | None = None
) -> World:
    """Make a world of `config.days` days, or continue an interrupted one of the same config.

    Raises:
        WorldError: if there is a world already, or the landing zone has files of another one, or
            another process is changing it.
    """
    make_private(world_dir)
    with _exclusive_access(world_dir):
        if not state.exists(world_dir):
            _prepare_world(config, world_dir, landing_dir)
        world = load_world(world_dir)
        if world.config != config or world.is_complete:
            raise WorldError(
                f"there is already a world in {world_dir}, up to {world.last_day}; advance it with"
                f" `lakehouse simulate --days N`, or delete {world_dir} and {landing_dir}"
                " to create another"
            )
        return _make_days(world_dir, landing_dir, config.days - world.counts.days, progress)


def advance_world(
    world_dir: Path, landing_dir: Path, days: int, *, progress: Progress | None = None
) -> World:
    """Advance the world by `days` days, from the first incomplete one.

    Raises:
        WorldError: if there is no world, or another process is changing it.
    """
    load_world(world_dir)
    make_private(world_dir)
    with _exclusive_access(world_dir):
        return _make_days(world_dir, landing_dir, days, progress)


def load_world(world_dir: Path) -> World:
    """The world in a folder.

    Raises:
        WorldError: if there is none.
    """
    if not state.exists(world_dir):
        raise WorldError(f"there is no world in {world_dir}; create one with `lakehouse simulate`")
    record = state.read_record(world_dir)
    last_day = record.config.start + timedelta(days=record.counts.days - 1)
    return World(record.config, last_day, record.counts)


def expected_counts(world_dir: Path) -> dict[str, int]:
    """The counts in a lake that has read everything this world delivered.

    The counts of `truth.count_expected`, and `chargebacks` (all lines of their files),
    `exchange_rates`, `customers` and `terminals` (current ones) and `customer_versions` and
    `terminal_versions` (including all former ones).
    """
    world = load_world(world_dir)
    with bank.open_bank(world_dir / BANK) as connection:
        tables = bank.count_rows(connection)
    return {
        **truth.count_expected(world_dir, world.last_day),
        "chargebacks": world.counts.chargebacks,
        "exchange_rates": (world.counts.days + 1) * rates.COUNT,
        **tables,
    }


@contextmanager
def _exclusive_access(world_dir: Path) -> Iterator[None]:
    try:
        with FileLock(world_dir / "world.lock", timeout=0):
            yield
    except Timeout as error:
        raise WorldError(
            f"another process is changing the world in {world_dir}; try again when it has finished"
        ) from error


def _prepare_world(config: WorldConfig, world_dir: Path, landing_dir: Path) -> None:
    """Create everything before the first day; the state last, so that a kill does no harm."""
    for source in ("transactions", "chargebacks"):
        if any((landing_dir / source).glob("*")):
            raise WorldError(
                f"{landing_dir / source} has files, but there is no world in {world_dir} that they"
                " belong to; delete them, or choose another landing zone"
            )
    (world_dir / RATES).mkdir(parents=True, exist_ok=True)
    (world_dir / OUTBOX).mkdir(exist_ok=True)
    people = next_victims(
        config, initial_population(config), 0, conditions(config, 0), at_start=True
    )
    names = make_names(config.seed)
    write_atomically(world_dir / NAMES, names.model_dump_json().encode())
    customers, terminals = people.customers, people.terminals
    bank.create_bank(
        world_dir / BANK,
        customer_rows(names, customers, np.arange(len(customers))),
        terminal_rows(names, terminals, np.arange(len(terminals))),
    )
    rates.write_rates(config, world_dir / RATES, rates.FIRST, -1)
    truth.write_known(world_dir, config)
    first = State(Counts(), people, rates.FIRST, Deliveries.none(), Reports.none())
    state.save(world_dir, config, first)


def _make_days(world_dir: Path, landing_dir: Path, days: int, progress: Progress | None) -> World:
    config, now = state.load(world_dir)
    names = Names.model_validate_json((world_dir / NAMES).read_bytes())
    for source in ("transactions", "chargebacks"):
        (landing_dir / source).mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    with bank.open_bank(world_dir / BANK) as connection:
        for _ in range(days):
            before = now
            now, changes = _make_day(config, now, world_dir, landing_dir)
            today = config.start + timedelta(days=before.counts.days)
            _close_bank(connection, names, now, changes, today)
            state.save(world_dir, config, now)
            if progress is not None:
                progress(today, now.counts.transactions - before.counts.transactions)
    return load_world(world_dir)


def _make_day(
    config: WorldConfig, before: State, world_dir: Path, landing_dir: Path
) -> tuple[State, Changes]:
    """One day: its events, and its files. The same state always gives the same files."""
    day = before.counts.days
    now = conditions(config, day)
    people, changes = next_day(config, before.people, day, now)
    people = next_victims(config, people, day, now)
    payments = with_fraud(config, people, genuine(config, people, day, now), day, now)
    transactions = register(
        config, people, payments, before.log_rates, before.counts.transactions + 1, day
    )
    first, again = add_dirt(config, transactions, day)
    queue = Deliveries.concat([before.waiting, first, again])
    _deliver(config, queue.take(queue.file_day == day), day, world_dir, landing_dir)

    new_reports = chargebacks.reports_of(config, transactions, first, day)
    reports = Reports.concat([before.reports, new_reports])
    is_due = reports.reported_us < midnight(now.date) + DAY
    due = chargebacks.with_unknown(config, reports.take(is_due), day)
    first_id = before.counts.chargebacks + 1
    write_atomically(
        landing_dir / "chargebacks" / f"{seal(now.date)}.csv", chargebacks.csv_file(due, first_id)
    )
    log_rates = rates.next_rates(config, before.log_rates, day)
    rates.write_rates(config, world_dir / RATES, log_rates, day)
    truth.write_transactions(world_dir, config, day, transactions, first, again, new_reports)
    counts = Counts(
        days=day + 1,
        transactions=before.counts.transactions + len(transactions),
        frauds=before.counts.frauds + int((transactions.kind != GENUINE).sum()),
        chargebacks=before.counts.chargebacks + len(due),
    )
    waiting = queue.take(queue.file_day > day)
    return State(counts, people, log_rates, waiting, reports.take(~is_due)), changes


def _deliver(
    config: WorldConfig, rows: Deliveries, day: int, world_dir: Path, landing_dir: Path
) -> None:
    """Write a day's transactions file; if it is to be cut off, deliver it whole a day later."""
    folder = landing_dir / "transactions"
    name = seal(config.start + timedelta(days=day))
    in_order = rows.take(np.argsort(rows.event_us, kind="stable"))
    content = json_lines(in_order, with_wallet=day >= config.wallet_day)
    if day == config.truncated_day:
        write_atomically(world_dir / OUTBOX / f"{name}-redelivery.jsonl.gz", content)
        content = content[: int(len(content) * CUT_SHARE)]
    if day == config.truncated_day + 1:
        for complete in (world_dir / OUTBOX).glob("*-redelivery.jsonl.gz"):
            write_atomically(folder / complete.name, complete.read_bytes())
    write_atomically(folder / f"{name}.jsonl.gz", content)


def _close_bank(
    connection: sqlite3.Connection,
    names: Names,
    now: State,
    changes: Changes,
    today: date,
) -> None:
    people = now.people
    bank.close_day(
        connection,
        sql_time(midnight(today) + DAY - 1),
        changed={
            "customers": customer_rows(names, people.customers, changes.customers),
            "terminals": terminal_rows(names, people.terminals, changes.terminals),
        },
        gone={
            "customers": (changes.customers_left + 1).tolist(),
            "terminals": (changes.terminals_left + 1).tolist(),
        },
    )
