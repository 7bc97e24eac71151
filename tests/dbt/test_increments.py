"""dbt's tables against a slow reference in plain Python, for any division into runs."""

import copy
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Any

import pytest

from lakehouse.declarations.specs import find_specs
from lakehouse.features import FeatureSetSpec, refresh, replay
from lakehouse.lake import Lake, write_lock
from lakehouse.models.groups import MISSING, group_values
from lakehouse.models.spec import Group
from tests.project import PAYMENTS

pytestmark = pytest.mark.slow

MATURITY = timedelta(days=14)
MICROSECOND = timedelta(microseconds=1)
SOURCES = ("transactions", "chargebacks", "exchange_rates", "customers", "terminals")
TABLES = {
    "core.fct_transactions": "transaction_id, customer_id, terminal_id, event_time, known_at, "
    "amount, currency, amount_eur, amount_cents, channel, _load_id",
    "core.fct_reports": "transaction_id, chargeback_id, customer_id, terminal_id, event_time, "
    "known_at, fraud_kind, reported_at, amount_eur, _load_id",
    "core.fct_labels": "transaction_id, customer_id, terminal_id, event_time, known_at, is_fraud, "
    "fraud_kind, amount_cents, _load_id",
    "core.dim_customers": "customer_id, version, valid_from, valid_to, is_current, segment, "
    "_load_id, is_deleted",
    "core.dim_terminals": "terminal_id, version, valid_from, valid_to, is_current, "
    "merchant_name, _load_id, is_deleted",
    "core.customer_days": "customer_day_id, customer_id, event_time, known_at, _load_id",
    "reporting.daily_fraud_losses": "day, transactions, amount_eur, reported_frauds, loss_eur, "
    "settled_transactions, settled_frauds",
    "reporting.merchant_performance": "month, terminal_id, merchant_name, transactions, "
    "amount_eur, customers, reported_frauds, loss_eur, last_transaction_at",
    "reporting.customer_activity": "month, customer_id, segment, transactions, amount_eur, "
    "terminals, active_days, reported_frauds, loss_eur, last_transaction_at",
}
Row = tuple[Any, ...]


@dataclass
class Expected:
    """The content of every table after all loads of the world are processed."""

    world: Any

    def __post_init__(self) -> None:
        seal = self.world.seal
        done = [x for x in self.world.of("transactions") if x.seal <= seal("exchange_rates")]
        self.transactions_seal = done[-1].seal
        self.reports_seal = min(self.transactions_seal, seal("chargebacks"))
        self.transactions = self._transactions(done)
        self.reports = self._reports()
        self.labels = self._labels()
        self.customers = self._versions("customers", 5)
        self.terminals = self._versions("terminals", 2)

    def tables(self) -> dict[str, list[Row]]:
        rows = (
            self.transactions.values(),
            [r[:10] for r in self.reports.values()],
            self.labels,
            self.customers,
            self.terminals,
            self._customer_days(),
            self._daily(),
            self._monthly(2, self.terminals, lambda rows: [len({r[1] for r in rows})]),
            self._monthly(
                1,
                self.customers,
                lambda rows: [len({r[2] for r in rows}), len({r[3].date() for r in rows})],
            ),
        )
        return {
            name: sorted(map(tuple, part), key=repr)
            for name, part in zip(TABLES, rows, strict=True)
        }

    def _visible(self, moment: datetime, *sources: str) -> int:
        """The load that completed all of `sources` through `moment`."""
        return max(min(x.load_id for x in self.world.of(s) if x.seal >= moment) for s in sources)

    def _transactions(self, loads: list[Any]) -> dict[int, Row]:
        rates: list[Row] = []
        for load in self.world.of("exchange_rates"):
            for of, currency, rate, known_at in sorted(load.rows, key=lambda row: row[3]):
                if all(of > old[0] for old in rates if old[1] == currency):
                    rates.append((of, currency, rate, known_at))
        kept: dict[int, Row] = {}
        for load in loads:
            for key, customer, terminal, event_time, amount, currency, channel, known in load.rows:
                currency = currency.strip().upper()
                if (
                    key is None
                    or key in kept
                    or amount < 0
                    or not re.fullmatch("[A-Z]{3}", currency)
                ):
                    continue
                at = min(event_time, known)
                known_rates = [r for r in rates if r[1] == currency and r[3] < at]
                rate = (
                    Decimal(1) if currency == "EUR" else known_rates[-1][2] if known_rates else None
                )
                euro = (
                    None
                    if rate is None
                    else (amount * rate).quantize(Decimal("0.01"), ROUND_HALF_UP)
                )
                cents = None if euro is None else int(euro * 100)
                channel = (channel or "unknown").strip().lower()
                kept[key] = (
                    *(key, customer, terminal, at, known),
                    *(amount, currency, euro, cents, channel, load.load_id),
                )
        return kept

    def _reports(self) -> dict[int, Row]:
        first: dict[int, Row] = {}
        for load in self.world.of("chargebacks"):
            for number, (report, key, kind, reported_at) in enumerate(load.rows):
                if key not in self.transactions:
                    continue
                row = self.transactions[key]
                known = max(row[4], reported_at)
                order = (known, reported_at, load.load_id, number)
                if known <= self.reports_seal and (key not in first or order < first[key][-1]):
                    visible = self._visible(known, "transactions", "exchange_rates", "chargebacks")
                    first[key] = (
                        *(key, report, *row[1:4], known, kind.lower(), reported_at),
                        *(row[7], visible, order),
                    )
        return first

    def _labels(self) -> list[Row]:
        labels = []
        for key, customer, terminal, at, known, *_, cents, _, _ in self.transactions.values():
            settled = max(known, at + MATURITY)
            if settled > self.reports_seal:
                continue
            is_fraud = key in self.reports and self.reports[key][7] <= at + MATURITY
            kind = self.reports[key][6] if is_fraud else None
            visible = self._visible(settled, "transactions", "exchange_rates", "chargebacks")
            labels.append((key, customer, terminal, at, settled, is_fraud, kind, cents, visible))
        return labels

    def _versions(self, source: str, attribute: int) -> list[Row]:
        """Each key's changes in order of known-at, without stale ones and repeated deletes."""
        changes: dict[int, list[Row]] = {}
        for load in self.world.of(source):
            for number, row in enumerate(load.rows):
                changes.setdefault(row[0], []).append(
                    (row[-1], load.load_id, number, row[1], row[-2], row[attribute])
                )
        versions = []
        for key, rows in changes.items():
            newest, seen = datetime.min, {}
            for known, load_id, number, op, changed, value in sorted(rows, key=lambda r: r[:3]):
                if op == "delete" or changed > newest:
                    if known not in seen or (load_id, number) > seen[known][:2]:
                        seen[known] = (load_id, number, op, value)
                    newest = newest if op == "delete" else changed
            known_ops = [(moment, seen[moment][2]) for moment in sorted(seen)]
            moments = [
                moment
                for (_, before), (moment, op) in pairwise([(None, "delete"), *known_ops])
                if op == "upsert" or before == "upsert"
            ]
            for begin, end in pairwise([*moments, None]):
                load_id, _, op, value = seen[begin]
                value = value.strip() if source == "terminals" else value.strip().lower()
                deleted = op == "delete"
                value = None if deleted else value
                current = end is None and not deleted
                versions.append((key, begin, end, current, value, load_id, deleted))
        numbered: dict[int, int] = {}
        out = []
        for key, *rest in versions:
            numbered[key] = numbered.get(key, 0) + 1
            out.append((key, numbered[key], *rest))
        return out

    def _customer_days(self) -> list[Row]:
        seal = min(self.world.seal("customers"), self.world.seal("transactions"))
        day = self.world.of("transactions")[0].seal + MICROSECOND
        rows = []
        while day - MICROSECOND <= seal:
            visible = self._visible(day - MICROSECOND, "customers", "transactions")
            for key, _, begin, end, *_, deleted in self.customers:
                if begin < day and (end is None or end >= day) and not deleted:
                    number = (day - datetime(1970, 1, 1)).days
                    rows.append((key * 100_000 + number, key, day, day - MICROSECOND, visible))
            day += timedelta(days=1)
        return rows

    def _summary(self, rows: list[Row]) -> list[Any]:
        frauds = [self.reports[r[0]] for r in rows if r[0] in self.reports]
        return [len(frauds), sum((r[8] or 0 for r in frauds), Decimal(0))]

    def _groups(self, key: Callable[[Row], Any]) -> dict[Any, list[Row]]:
        groups: dict[Any, list[Row]] = {}
        for row in self.transactions.values():
            if row[4] <= self.reports_seal:
                groups.setdefault(key(row), []).append(row)
        return groups

    def _daily(self) -> list[Row]:
        out = []
        for day, rows in self._groups(lambda row: row[3].date()).items():
            labels = [x for x in self.labels if x[3].date() == day]
            euro = sum((r[7] or 0 for r in rows), Decimal(0))
            settled = [len(labels), sum(x[5] for x in labels)]
            out.append((day, len(rows), euro, *self._summary(rows), *settled))
        return out

    def _monthly(
        self, column: int, versions: list[Row], extra: Callable[[list[Row]], list[Any]]
    ) -> list[Row]:
        out = []
        for (month, key), rows in self._groups(
            lambda row: (row[3].date().replace(day=1), row[column])
        ).items():
            last = max(r[3] for r in rows)
            then = [v for v in versions if v[0] == key and v[2] < last]
            attribute = max(then, key=lambda v: v[2])[5] if then else None
            euro = sum((r[7] or 0 for r in rows), Decimal(0))
            out.append(
                (month, key, attribute, len(rows), euro, *extra(rows), *self._summary(rows), last)
            )
        return out


def differences(dbt_lake: Any, world: Any) -> dict[str, Any]:
    """Missing and surplus rows by table; empty when all tables are correct."""
    found = {}
    tables = dbt_lake.query_each(
        f"SELECT {columns} FROM {name}" for name, columns in TABLES.items()
    )
    for (table, expected), rows in zip(Expected(world).tables().items(), tables, strict=True):
        actual = sorted(rows, key=repr)
        assert expected, f"the world is too small: nothing is expected in {table}"
        if actual != expected:
            missing = [row for row in expected if row not in actual]
            found[table] = {"missing": missing, "extra": [r for r in actual if r not in expected]}
    return found


def send(world: Any, **through: int) -> list[Any]:
    """Load the next files of each named source, up to a day, in this order."""
    return [load for source, day in through.items() for load in world.send(source, day)]


@pytest.fixture(scope="module")
def built(new_dbt_lake: Callable[[], Any], new_world: Callable[[int], Any]) -> tuple[Any, Any]:
    """An empty lake, built with the unit tests; then a first load; then a second one."""
    dbt_lake, world = new_dbt_lake(), new_world(1)
    dbt_lake.dbt("build")
    counts = dbt_lake.query_each(f"SELECT count(*) FROM {table}" for table in TABLES)
    assert counts == [[(0,)]] * len(TABLES)
    days = {"transactions": 15, "chargebacks": 13, "exchange_rates": 11}
    dbt_lake.load(send(world, **days, customers=14, terminals=16))
    dbt_lake.dbt("run")
    assert differences(dbt_lake, world) == {}
    days = {"chargebacks": 26, "customers": 28, "exchange_rates": 25, "terminals": 26}
    dbt_lake.load(send(world, **days, transactions=28))
    dbt_lake.dbt("build", "--exclude-resource-type", "unit_test")
    return dbt_lake, world


def test_increments_over_dirty_sources_equal_the_reference(
    built: tuple[Any, Any],
) -> None:
    dbt_lake, world = built
    assert differences(dbt_lake, world) == {}


def test_the_world_has_reports_before_and_after_the_maturity_of_late_transactions(
    built: tuple[Any, Any],
) -> None:
    expected = Expected(built[1])
    reported = {row[0]: row[7] for row in expected.reports.values()}
    late = [x for x in expected.labels if x[4] > x[3] + MATURITY and x[0] in reported]
    assert {row[5] for row in late} == {True, False}
    assert any(not x[5] and reported[x[0]] <= x[4] for x in late), "settled with a late report"


@pytest.mark.parametrize("seed", range(20))
def test_settled_labels_do_not_depend_on_anything_known_later(
    new_world: Callable[[int], Any], seed: int
) -> None:
    known = new_world(seed)
    send(known, **dict.fromkeys(SOURCES, 20))
    changed = copy.deepcopy(known)
    changed.random.seed(1000 + seed)
    tables = []
    for world in (known, changed):
        send(world, **dict.fromkeys(SOURCES, 40))
        expected = Expected(world)
        tables.append((expected.labels, [row[:10] for row in expected.reports.values()]))
    seal = known.of("transactions")[19].seal
    for place in (4, 5):
        first, second = (sorted(r for r in t[place - 4] if r[place] <= seal) for t in tables)
        assert first == second
        assert first
    assert tables[0] != tables[1]


def test_rows_that_a_run_wrote_are_never_changed_by_a_later_one(built: tuple[Any, Any]) -> None:
    dbt_lake, _ = built
    commits = dbt_lake.query("SELECT snapshot_id FROM lake.snapshots() WHERE author = 'test'")
    then = max(commits)[0] - 1  # before the second load
    for table in ("core.fct_labels", "core.fct_reports"):
        old = f"(FROM {table} AT (VERSION => {then}))"
        (before,), (now,) = (dbt_lake.query(f"SELECT count(*) FROM {t}")[0] for t in (old, table))
        assert 5 < before < now
        assert dbt_lake.query(f"{old} EXCEPT ALL (FROM {table})") == []


def test_a_deleted_customer_has_no_attributes_in_features_or_groups(
    built: tuple[Any, Any],
) -> None:
    dbt_lake, world = built
    expected = Expected(world)
    (spec,) = (
        s
        for s in find_specs("FeatureSet", FeatureSetSpec, PAYMENTS)
        if s.name == "customer_profile"
    )
    group = Group(table="core.dim_customers", column="segment", entity="customer_id")

    def segment(customer: int, t: datetime) -> tuple[str | None, bool]:
        """The reference: the latest version known before t, and whether it is a delete."""
        seen = [v for v in expected.customers if v[0] == customer and v[2] < t]
        latest = max(seen, key=lambda v: v[2]) if seen else (None,) * 8
        return latest[5], latest[7] is True

    with Lake(dbt_lake.settings) as lake:
        refresh(spec, lake, spine="transactions")
        assert replay(spec, lake, spine="transactions", rows=500).differences == []
        with lake.reader() as cursor:
            rows = cursor.execute(
                "SELECT transaction_id, customer_id, event_time, customer_segment "
                "FROM features.customer_profile ORDER BY transaction_id"
            ).fetchall()
            groups = group_values(
                cursor, {"segment": group}, "features.customer_profile",
                key="transaction_id", spine_key="transaction_id",
            )["segment"]  # fmt: skip
    expected_segments = [segment(row[1], row[2]) for row in rows]
    assert [row[3] for row in rows] == [value for value, _ in expected_segments]
    assert groups.tolist() == [value or MISSING for value, _ in expected_segments]
    assert sum(deleted for _, deleted in expected_segments) > 5, "the world is too small"


def test_a_run_without_new_data_makes_no_snapshot(built: tuple[Any, Any]) -> None:
    dbt_lake, _ = built
    before = dbt_lake.snapshot()
    dbt_lake.dbt("run")
    assert dbt_lake.snapshot() == before


def test_every_commit_names_its_model_and_run(built: tuple[Any, Any]) -> None:
    dbt_lake, _ = built
    commits = dbt_lake.query("SELECT author, commit_extra_info FROM lake.snapshots()")
    authors = {author for author, extra in commits if "run-of-the-test" in (extra or "")}
    assert authors >= {*TABLES, "staging.stg_transactions", "reporting.label_completeness"}


def test_a_full_refresh_gives_the_same_tables(built: tuple[Any, Any]) -> None:
    dbt_lake, world = built
    progress = dbt_lake.query("SELECT name, load_id, seal FROM ops.progress ORDER BY name")
    dbt_lake.dbt("run", "--full-refresh")
    assert differences(dbt_lake, world) == {}
    assert dbt_lake.query("SELECT name, load_id, seal FROM ops.progress ORDER BY name") == progress


def test_every_model_and_column_is_described(built: tuple[Any, Any]) -> None:
    dbt_lake, _ = built
    nodes = json.loads((dbt_lake.target / "manifest.json").read_text())["nodes"].values()
    models = [node for node in nodes if node["resource_type"] == "model"]
    described = dbt_lake.query_each(f"DESCRIBE {m['schema']}.{m['name']}" for m in models)
    for model, columns in zip(models, described, strict=True):
        assert model["description"], model["name"]
        assert model["config"]["contract"]["enforced"] == (model["schema"] != "staging")
        assert set(model["columns"]) == {name for name, *_ in columns}, model["name"]
        assert all(column["description"] for column in model["columns"].values()), model["name"]


def test_reprocessing_days_fixes_their_rows_in_one_commit_per_table(built: tuple[Any, Any]) -> None:
    dbt_lake, world = built
    from lakehouse.lake import Author, Lake

    with Lake(dbt_lake.settings) as lake, lake.writer(Author("vandal")) as cursor:
        where = "WHERE event_time >= '2026-01-13' AND event_time < '2026-01-16'"
        cursor.execute(f"DELETE FROM core.fct_reports {where}")
        cursor.execute(f"UPDATE core.fct_transactions SET amount_eur = 0 {where}")
        cursor.execute(f"UPDATE core.fct_labels SET is_fraud = NOT is_fraud {where}")
    assert differences(dbt_lake, world) != {}
    before = dbt_lake.snapshot()
    dbt_lake.dbt("run", since="2026-01-13", until="2026-01-15")
    assert differences(dbt_lake, world) == {}
    authors = dbt_lake.query(f"SELECT author FROM lake.snapshots() WHERE snapshot_id > {before}")
    assert len(authors) == len(set(authors))


@pytest.mark.parametrize("commits", [2, 5])
def test_the_run_after_a_kill_between_commits_completes_the_tables(
    new_dbt_lake: Callable[[], Any], new_world: Callable[[int], Any], commits: int
) -> None:
    dbt_lake, world = new_dbt_lake(), new_world(2)
    dbt_lake.load(send(world, customers=20, transactions=20, terminals=20, chargebacks=20))
    dbt_lake.load(send(world, exchange_rates=20))
    before = dbt_lake.snapshot() + 6  # views and the table of progress come first
    command, environment = dbt_lake.command("run")
    with (
        # to open it again takes longer than a commit
        Lake(dbt_lake.settings, read_only=True) as lake,
        subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True
        ) as process,
    ):
        while lake.snapshot() < before + commits and process.poll() is None:
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL, "dbt finished before it could be killed"
    dbt_lake.dbt("run")
    assert differences(dbt_lake, world) == {}


def test_dbt_waits_for_another_writer_and_names_it(new_dbt_lake: Callable[[], Any]) -> None:
    dbt_lake = new_dbt_lake()
    command, environment = dbt_lake.command("run")
    environment["LAKEHOUSE_LOCK_TIMEOUT"] = "0.2"
    with write_lock(dbt_lake.settings, "the test"):
        refused = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False
        )
    assert refused.returncode != 0
    assert "held by the test" in refused.stdout
    assert "Traceback" not in refused.stdout
