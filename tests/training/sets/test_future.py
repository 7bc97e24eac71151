"""Training cannot use the future: the declared feature sets and models on a lake of core tables.

Everything that became known after a time T is changed, removed, moved and added to; features and
training sets up to T must stay the same, to the bit.
"""

import random
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from lakehouse.declarations.specs import find_specs
from lakehouse.features import FeatureSetSpec, refresh
from lakehouse.lake import Author, Lake, Progress, qualified, write_progress
from lakehouse.models import ModelSpec
from lakehouse.models.split import plan_split
from lakehouse.settings import load_settings
from lakehouse.training import training_set
from tests.project import PAYMENTS

START = datetime(2026, 1, 1)
DAYS, PER_DAY = 100, 25
MATURITY = timedelta(days=14)
INSTANT = timedelta(microseconds=1)
T = START + timedelta(days=85) - INSTANT
Row = dict[str, Any]
Tables = dict[str, list[Row]]


def history(seed: int = 5) -> Tables:
    """Everything known at the end: payments (some arrive days late), reports, labels, customers."""
    chance = random.Random(seed)
    payments, reports, labels = [], [], []
    for number in range(DAYS * PER_DAY):
        at = START + timedelta(days=number // PER_DAY, seconds=chance.randrange(86_000))
        cents = round(chance.gammavariate(2, 2000))
        payment = {
            "transaction_id": number,
            "customer_id": chance.randrange(9),
            "terminal_id": chance.randrange(7),
            "event_time": at,
            "known_at": at + timedelta(hours=chance.choice([0, 0, 0, 0, 30, 200])),
            "amount_cents": cents,
            "amount_eur": Decimal(cents) / 100,
        }
        reported = payment["known_at"] + timedelta(hours=chance.randrange(1, 700))
        fraud = chance.random() < (0.4 if payment["terminal_id"] == 3 else 0.1)
        kind = chance.choice(["card_testing", "terminal_compromise"])
        payments.append(payment)
        if fraud:
            reports.append({**payment, "known_at": reported, "fraud_kind": kind})
        settled = max(payment["known_at"], at + MATURITY)
        within = reported <= at + MATURITY
        labels.append({**payment, "known_at": settled, "is_fraud": fraud and within})
    customers = [
        {
            "customer_id": customer,
            "version": version,
            "valid_from": at,
            "known_at": at,
            "valid_to": None,
            "segment": chance.choice(["basic", "plus"]),
            "country": chance.choice(["NL", "BE"]),
            "birth_year": 1950 + customer,
            "gender": "F",
        }
        for customer in range(9)
        for version in range(4)
        for at in [START + timedelta(days=30 * version, hours=chance.randrange(600))]
    ]
    days = [
        {
            "customer_day_id": 100 * day + customer,
            "customer_id": customer,
            "event_time": START + timedelta(days=day),
            "known_at": START + timedelta(days=day),
        }
        for day in range(1, DAYS)
        for customer in range(9)
    ]
    return {
        "core.fct_transactions": payments,
        "core.fct_reports": reports,
        "core.fct_labels": labels,
        "core.dim_customers": customers,
        "core.customer_days": days,
    }


def with_another_future(tables: Tables, after: datetime, seed: int = 6) -> Tables:
    """The same tables up to `after`; of later rows a third is removed, the rest is different."""
    chance = random.Random(seed)
    changed: Tables = {}
    for name, rows in tables.items():
        kept = [row for row in rows if row["known_at"] <= after]
        later = [row for row in rows if row["known_at"] > after and chance.random() < 0.67]
        for row in later:
            other = {
                **row,
                "customer_id": chance.randrange(9),
                "known_at": after + INSTANT + timedelta(hours=chance.randrange(300)),
            }
            for column in ("amount_cents", "amount_eur"):
                if column in row:
                    other[column] = row[column] * 50 + 7
            if "terminal_id" in row:
                other["terminal_id"] = chance.randrange(7)
            if "is_fraud" in row:  # a label is known at its maturity, whatever its value
                other |= {"is_fraud": not row["is_fraud"], "known_at": row["known_at"]}
            if "segment" in row:
                other |= {"segment": "new", "country": "XX", "valid_from": other["known_at"]}
            kept.append(other)
        if name == "core.fct_transactions":  # arrive late, but happened long before
            kept += [
                {
                    **row,
                    "transaction_id": 10**6 + row["transaction_id"],
                    "known_at": after + INSTANT,
                }
                for row in rows[::3]
            ]
        changed[name] = kept
    return changed


def training_sets(path: Any, tables: Tables) -> dict[str, tuple[str, int]]:
    """Hash and rows of each model's training set up to T, with features computed from scratch."""
    end = START + timedelta(days=DAYS + 30)
    found = {}
    with Lake(load_settings({}, data_dir=path, threads=1)) as lake:
        with lake.writer(Author("test")) as writer:
            for name, rows in tables.items():
                writer.register("incoming", pa.Table.from_pylist(rows))
                writer.execute(
                    f"CREATE TABLE {qualified(name)} AS SELECT *, 1::BIGINT AS _load_id "
                    "FROM incoming"
                )
                writer.unregister("incoming")
                write_progress(writer, name, Progress(1, end))
        for features in find_specs("FeatureSet", FeatureSetSpec, PAYMENTS):
            for spine in features.spines:
                refresh(features, lake, spine=spine.name)
        for spec in find_specs("PredictiveModel", ModelSpec, PAYMENTS):
            pinned = training_set(spec, lake, split=plan_split(spec, T, START))
            found[spec.name] = pinned.hash, pinned.rows
    return found


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, int]]:
    return training_sets(tmp_path_factory.mktemp("known"), history())


def test_changes_known_after_the_cutoff_change_no_training_set(known, tmp_path):
    assert training_sets(tmp_path, with_another_future(history(), T)) == known
    assert all(rows > 50 for _, rows in known.values())


@pytest.mark.slow
def test_changes_known_before_the_cutoff_change_training_sets(known, tmp_path):
    moved = training_sets(tmp_path, with_another_future(history(), T - timedelta(days=30)))
    assert all(moved[name] != known[name] for name in known)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "felt_by"),
    [
        ("core.fct_transactions", {"fraud_detector", "fraud_scenario", "customer_spend_forecast"}),
        ("core.fct_reports", {"fraud_detector", "fraud_scenario"}),
        ("core.fct_labels", {"fraud_detector", "fraud_scenario"}),
        ("core.dim_customers", {"customer_spend_forecast"}),
        ("core.customer_days", {"customer_spend_forecast"}),
    ],
)
def test_the_past_of_each_table_affects_training_sets(known, tmp_path, table, felt_by):
    """Otherwise the test about their future would prove nothing."""
    tables = history()
    changed = with_another_future(tables, T - timedelta(days=30))[table]
    found = training_sets(tmp_path, {**tables, table: changed})
    assert {name for name in known if found[name] != known[name]} == felt_by
