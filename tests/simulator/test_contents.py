"""The world has the patterns that models should learn and monitors should find."""

import sqlite3
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from lakehouse.simulator.config import WorldConfig
from lakehouse.simulator.drift import conditions
from lakehouse.simulator.world import create_world

pytestmark = pytest.mark.slow
DAYS = 120
PEOPLE = 2000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a medium-sized world."""
    folder = tmp_path_factory.mktemp("medium")
    config = WorldConfig(start=date(2026, 1, 1), days=DAYS, customers=PEOPLE, terminals=2 * PEOPLE)
    create_world(config, folder / "world", folder / "landing")
    return folder


@pytest.fixture(scope="module")
def world(folder: Path) -> duckdb.DuckDBPyConnection:
    """Its truth, with the day's index and the amount in euro."""
    connection = duckdb.connect()
    connection.execute("SET threads = 1")
    files = str(folder / "world" / "truth" / "transactions" / "*.parquet")
    connection.execute(
        "CREATE TABLE truth AS SELECT *, event_time::DATE - DATE '2026-01-01' AS day,"
        " amount::DOUBLE * CASE currency WHEN 'USD' THEN 0.92 WHEN 'GBP' THEN 1.17"
        " WHEN 'CHF' THEN 1.04 ELSE 1 END AS euro FROM read_parquet($files)",
        {"files": files},
    )
    return connection


def rows(world: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return world.execute(sql).fetchall()


def test_volume_and_fraud_are_as_configured(world: duckdb.DuckDBPyConnection) -> None:
    [(count, share)] = rows(world, "SELECT count(*), avg(is_fraud::INT) FROM truth")
    assert count == pytest.approx(PEOPLE * DAYS * 1.1, rel=0.1)
    assert 0.007 < share < 0.011
    shares = dict(rows(world, f"SELECT fraud_kind, count(*) / {count} FROM truth GROUP BY 1"))
    assert shares["amount_outlier"] == pytest.approx(0.0004, rel=0.4)
    for kind, share in (
        ("terminal_compromise", 0.0027),
        ("card_compromise", 0.0046),
        ("card_testing", 0.0017),
    ):
        assert shares[kind] == pytest.approx(share, rel=0.35)


def test_chargebacks_arrive_after_a_median_of_four_days_and_nine_in_ten_within_fourteen(
    world: duckdb.DuckDBPyConnection,
) -> None:
    [(median, longest, within, ever)] = rows(
        world,
        "SELECT median(epoch(reported_at - event_time)) / 86400,"
        " max(epoch(reported_at - event_time)) / 86400,"
        " avg(coalesce(reported_at <= event_time + INTERVAL 14 DAY, false)::INT),"
        " avg((reported_at IS NOT NULL)::INT) FROM truth WHERE is_fraud",
    )
    assert 3.5 < median < 4.5
    assert 25 < longest < 35
    assert 0.88 < within < 0.95
    assert 0.975 < ever < 0.995


def test_no_genuine_amount_reaches_an_outlier(world: duckdb.DuckDBPyConnection) -> None:
    [(genuine, outlier)] = rows(
        world,
        "SELECT max(euro) FILTER (NOT is_fraud),"
        " min(euro) FILTER (fraud_kind = 'amount_outlier') FROM truth",
    )
    assert genuine < outlier


def test_card_testing_is_a_burst_of_tiny_payments_and_a_large_one_within_minutes(
    world: duckdb.DuckDBPyConnection,
) -> None:
    bursts = rows(
        world,
        "SELECT count(*), epoch(max(event_time) - min(event_time)), count(*) FILTER (euro < 5),"
        " arg_max(euro, event_time) FROM truth WHERE fraud_kind = 'card_testing'"
        " GROUP BY customer_id, day HAVING count(*) <= 16",
    )
    assert len(bursts) > 20
    for count, seconds, tiny, last in bursts:
        assert 6 <= count <= 16
        assert seconds < 11 * 60
        assert tiny == count - 1
        assert last > 100


def test_terminals_are_compromised_for_about_four_weeks_with_hardly_a_genuine_payment(
    world: duckdb.DuckDBPyConnection,
) -> None:
    spans = rows(
        world,
        "WITH fallen AS (SELECT terminal_id, min(event_time) AS since, max(event_time) AS until"
        " FROM truth WHERE fraud_kind = 'terminal_compromise' GROUP BY 1 HAVING count(*) >= 8)"
        " SELECT epoch(until - since) / 86400, (SELECT avg(is_fraud::INT) FROM truth"
        " WHERE terminal_id = fallen.terminal_id AND event_time BETWEEN since AND until)"
        " FROM fallen",
    )
    once = [(days, share) for days, share in spans if days < 36]
    assert len(once) > 10
    assert 18 < np.median([days for days, _ in once]) < 35
    assert np.mean([share for _, share in once]) > 0.85


def test_stolen_cards_of_women_are_used_with_less_inflated_amounts(
    folder: Path, world: duckdb.DuckDBPyConnection
) -> None:
    with sqlite3.connect(folder / "world" / "bank.sqlite") as bank:
        genders = dict(
            bank.execute(
                "SELECT customer_id, gender FROM customers"
                " UNION SELECT customer_id, gender FROM customers_history"
            ).fetchall()
        )
    bank.close()
    inflation = rows(
        world,
        "SELECT customer_id, avg(euro) FILTER (fraud_kind = 'card_compromise')"
        " / avg(euro) FILTER (NOT is_fraud) AS ratio"
        " FROM truth GROUP BY 1 HAVING ratio IS NOT NULL",
    )
    typical = {
        gender: np.median([ratio for customer, ratio in inflation if genders[customer] == gender])
        for gender in "FM"
    }
    assert typical["F"] < 2 < 3.5 < typical["M"]


def test_prices_channels_and_tactics_drift(world: duckdb.DuckDBPyConnection) -> None:
    early, late = rows(
        world,
        "SELECT avg(euro) FILTER (NOT is_fraud), avg((channel = 'online')::INT),"
        " count(*) FILTER (fraud_kind = 'card_testing') FROM truth"
        " WHERE day < 40 OR day >= 80 GROUP BY day >= 60 ORDER BY day >= 60",
    )
    assert late[0] > 1.03 * early[0], "prices"
    assert late[1] > early[1] + 0.06, "online"
    assert late[2] > 1.5 * early[2], "card testing"


def test_a_quiet_world_varies_only_by_weekday() -> None:
    config = WorldConfig(start=date(2026, 1, 1), quiet=True)
    weeks = {
        tuple(replace(conditions(config, week * 7 + day), date=date.min) for day in range(7))
        for week in range(50)
    }
    assert len(weeks) == 1
    loud = WorldConfig(start=date(2026, 1, 1))
    assert replace(conditions(loud, 0), date=date.min) != replace(
        conditions(loud, 7), date=date.min
    )


def test_salaries_and_seasons_affect_the_volume(world: duckdb.DuckDBPyConnection) -> None:
    [(after, before)] = rows(
        world,
        "SELECT count(*) FILTER (day(event_time) IN (1, 2, 15, 16, 25, 26)) / 6.0,"
        " count(*) FILTER (day(event_time) IN (7, 8, 12, 13, 22, 23)) / 6.0 FROM truth",
    )
    assert after > 1.06 * before
    volumes = [conditions(WorldConfig(start=date(2026, 1, 1)), n).volume for n in range(0, 365, 7)]
    assert max(volumes) > 1.15 * min(volumes)


def test_the_spend_of_the_next_week_can_be_forecast_better_than_naively(
    world: duckdb.DuckDBPyConnection,
) -> None:
    import lightgbm

    daily = np.zeros((PEOPLE, DAYS + 1))
    spent = rows(
        world,
        f"SELECT customer_id, day, sum(euro) FROM truth WHERE customer_id <= {PEOPLE}"
        " GROUP BY 1, 2",
    )
    customer, day, euro = (np.array(column) for column in zip(*spent, strict=True))
    daily[customer - 1, day + 1] = euro
    total = daily.cumsum(axis=1)  # up to midnight of each day

    def before(day: int, length: int, ago: int = 0) -> Any:
        return total[:, day - ago] - total[:, day - ago - length]

    features, truth, naive, when = [], [], [], []
    for day in range(60, DAYS - 7, 2):
        known = [before(day, length) for length in (3, 7, 14, 30, 60)]
        known += [before(day, 7, 7 * weeks) for weeks in range(1, 5)] + [before(day, 7, 24)]
        date_ = np.datetime64("2026-01-01") + day
        known += [np.full(PEOPLE, int(str(date_)[8:])), before(day, day) / day * 7]
        features.append(np.stack(known, axis=1))
        truth.append(total[:, day + 7] - total[:, day])
        naive.append(np.stack([known[-1], known[1], before(day, 7, 21)], axis=1))
        when.append(np.full(PEOPLE, day))
    x, y, guesses, at = (np.concatenate(part) for part in (features, truth, naive, when))
    present = (before(60, 60) > 0)[np.tile(np.arange(PEOPLE), len(truth))]
    train, test = present & (at < 88), present & (at >= 95)
    model = lightgbm.train(
        {"objective": "regression", "num_leaves": 15, "verbose": -1, "num_threads": 1, "seed": 1},
        lightgbm.Dataset(x[train], y[train]),
        num_boost_round=80,
    )
    error = np.abs(np.asarray(model.predict(x[test])) - y[test]).mean()
    best = np.abs(guesses[test] - y[test][:, None]).mean(axis=0).min()
    assert error < 0.92 * best
