from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from lakehouse.benchmarks.handbook import protocol
from lakehouse.benchmarks.handbook.evaluation import Row, mean_row

SPLIT = protocol.Split(week_from=date(2018, 7, 25), train_from=date(2018, 7, 25))


@pytest.fixture
def table():
    """A month of payments of forty cards, a tenth of them fraud."""
    random = np.random.default_rng(7)
    count = 1500
    seconds = np.sort(random.integers(0, 30 * 86_400, count))
    return pd.DataFrame(
        {
            "transaction_id": np.arange(count),
            "customer_id": random.integers(0, 40, count),
            "event_time": pd.Timestamp("2018-07-20") + pd.to_timedelta(seconds, unit="s"),
            "is_fraud": (random.random(count) < 0.1).astype(int),
            "score": random.random(count).round(2),
            "fraud_kind": random.choice(["one", "other"], count),
        }
    )


def days(split):
    return [split.test_from + timedelta(days=n) for n in range(split.test_days)]


@pytest.mark.slow
def test_test_rows_leave_out_cards_with_a_fraud_whose_label_had_arrived(table):
    expected = []
    for row in table.itertuples():
        day = row.event_time.date()
        if day not in days(SPLIT):
            continue
        known = [
            other
            for other in table.itertuples()
            if other.customer_id == row.customer_id
            and other.is_fraud
            and SPLIT.week_from <= other.event_time.date() < day - timedelta(days=7)
        ]
        if not known:
            expected.append(row.transaction_id)
    found = protocol.test_rows(table, SPLIT)
    assert sorted(found["transaction_id"]) == expected
    assert 0 < len(expected) < 340


def test_card_precision_counts_a_card_once_and_ranks_it_by_its_highest_score(table):
    scored = protocol.test_rows(table, SPLIT)
    found, shares = set(), []
    for day in days(SPLIT):
        cards = {}
        for row in scored.itertuples():
            if row.event_time.date() == day and row.customer_id not in found:
                score, fraud = cards.get(row.customer_id, (0.0, 0))
                cards[row.customer_id] = (max(score, row.score), max(fraud, row.is_fraud))
        first = sorted(cards, key=lambda card: (-cards[card][0], card))[:5]
        hits = [card for card in first if cards[card][1]]
        found |= set(hits)
        shares.append(len(hits) / 5)
    assert protocol.card_precision(scored, k=5) == pytest.approx(sum(shares) / 7)


def test_recall_by_kind_counts_the_frauds_on_the_alerted_cards_of_the_day(table):
    hits, frauds = {}, {}
    for day in days(SPLIT):
        rows = [row for row in table.itertuples() if row.event_time.date() == day]
        best = {}
        for row in rows:
            best[row.customer_id] = max(best.get(row.customer_id, 0.0), row.score)
        alerted = sorted(best, key=lambda card: (-best[card], card))[:10]
        for row in rows:
            if row.is_fraud:
                frauds[row.fraud_kind] = frauds.get(row.fraud_kind, 0) + 1
                hit = row.customer_id in alerted
                hits[row.fraud_kind] = hits.get(row.fraud_kind, 0) + hit
    within = table[table["event_time"].dt.date.isin(days(SPLIT))]
    assert protocol.recall_by_kind(within, "fraud_kind", k=10) == {
        kind: pytest.approx(hits[kind] / frauds[kind]) for kind in ("one", "other")
    }


def test_the_folds_of_chapter_5_are_a_week_apart_and_the_first_is_that_of_chapter_3():
    assert protocol.CHAPTER_5[0] == protocol.CHAPTER_3
    assert [fold.week_from.isoformat() for fold in protocol.CHAPTER_5] == [
        *("2018-07-25", "2018-08-01", "2018-08-08", "2018-08-15")
    ]
    for fold in protocol.CHAPTER_5:
        assert fold.test_from - fold.train_until == timedelta(days=7)


def row(**changes):
    known = {"protocol": "chapter5", "model": "m", "features": "generic", "training_days": 7}
    figures = {"auc_roc": 0.8, "average_precision": 0.6, "card_precision_100": 0.3}
    counts = {"train_rows": 10, "test_rows": 20, "test_frauds": 2}
    counts |= {"oracle_share": 0.9, "observed_over_expected": 1.0}
    return Row(**{**known, **figures, **counts, "recall": {"a": 0.5}} | changes)


def test_folds_become_one_row_of_means_and_deviations():
    other = row(average_precision=0.8, recall={"a": 1.0, "b": 0.2}, observed_over_expected=0.5)
    both = mean_row([row(), other])
    assert both.observed_over_expected == pytest.approx(4 / 6), "2 of 2 and 2 of 4 expected"
    assert both.average_precision == pytest.approx(0.7)
    assert both.deviation["average_precision"] == pytest.approx(np.std([0.6, 0.8], ddof=1))
    assert both.deviation["auc_roc"] == 0
    assert (both.folds, both.test_rows) == (2, 40)
    assert both.recall == {"a": 0.75, "b": 0.2}
