from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from lakehouse.benchmarks.handbook.oracle import oracle_scores

DELAY = timedelta(days=7)
START = pd.Timestamp("2018-05-01")


def payments(*rows):
    """Rows of (day, terminal, amount, kind) of one customer."""
    return pd.DataFrame(
        {
            "customer_id": 1,
            "terminal_id": [terminal for _, terminal, _, _ in rows],
            "event_time": [START + pd.Timedelta(days=day) for day, _, _, _ in rows],
            "amount": [amount for _, _, amount, _ in rows],
            "fraud_kind": [kind for _, _, _, kind in rows],
            "is_fraud": [int(kind is not None) for _, _, _, kind in rows],
        }
    )


def test_a_terminal_is_suspected_from_its_first_arrived_label_to_the_end_of_its_campaign():
    bad = "terminal_compromise"
    history = payments(
        *((day, 5, 20.0, bad) for day in (0, 3, 6, 8, 20)), (29, 5, 20.0, None), (9, 6, 20.0, None)
    )
    scores = oracle_scores(history, history, DELAY)
    assert (scores == 1.0).tolist() == [False, False, False, True, True, False, False]


def test_scores_do_not_depend_on_the_order_of_rows():
    random = np.random.default_rng(3)
    kinds = [None, None, None, "terminal_compromise", "card_compromise"]
    history = payments(
        *(
            (random.random() * 60, random.integers(4), random.random() * 250, random.choice(kinds))
            for _ in range(300)
        )
    )
    scores = oracle_scores(history, history, DELAY)
    shuffled = history.sample(frac=1, random_state=1)
    assert oracle_scores(shuffled, history, DELAY) == pytest.approx(scores[shuffled.index])
    reference = [
        row.amount > 220 or is_in_known_campaign(row, history) for row in history.itertuples()
    ]
    assert (scores == 1.0).tolist() == reference


def is_in_known_campaign(row, history):
    """The last fraud known at the terminal, and one at or after the row, as one campaign."""
    frauds = history[
        (history["fraud_kind"] == "terminal_compromise")
        & (history["terminal_id"] == row.terminal_id)
    ]["event_time"]
    known = frauds[frauds <= row.event_time - DELAY]
    later = frauds[frauds >= row.event_time]
    return len(known) > 0 and len(later) > 0 and later.min() - known.max() < timedelta(days=28)


def test_an_amount_far_above_the_customers_mean_scores_high_and_a_huge_one_scores_1():
    usual = [(day, 1, 10.0 + day % 3, None) for day in range(30)]
    stolen = [
        (30, 1, 55.0, "card_compromise"),
        (31, 1, 12.0, None),
        (32, 1, 400.0, "amount_outlier"),
    ]
    history = payments(*usual, *stolen)
    inflated, honest, huge = oracle_scores(history.iloc[30:], history, DELAY)
    assert honest < 0.05 < 0.5 < inflated < 1
    assert huge == 1.0
