"""A near-optimal reference: scores from the rules by which the handbook generates its frauds.

No model can find frauds that no earlier information reveals, so average precision is reported as a
share of the oracle's. The oracle has each customer's true mean amount, and the whole extent of a
terminal's campaign once the label of one of its frauds has arrived. It does not order rows that it
cannot distinguish, so a model may reach it or slightly exceed it. The book's chapter on its
simulator gives the rules: amounts above 220 are fraud; two terminals a day are compromised for 28
days; three customers a day for 14 days, in which a third of their payments are five times as high.
Amounts are normal with a deviation of half the mean.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from lakehouse.benchmarks.handbook.protocol import CUSTOMER, LABEL, TIME

if TYPE_CHECKING:
    import pandas as pd

KIND, AMOUNT, TERMINAL = "fraud_kind", "amount", "terminal_id"
_OUTLIER = 220.0
_CAMPAIGN = timedelta(days=28)
_FACTOR = 5.0


def oracle_scores(test: pd.DataFrame, history: pd.DataFrame, delay: timedelta) -> Any:
    """Scores in [0, 1] of the rows of `test`, in their order.

    `history` has every transaction up to the end of the test, with the kind of fraud (None for
    honest ones), `amount` in euro and `terminal_id`; `delay` is the time until a label is known.
    """
    import numpy as np

    certain = (test[AMOUNT] > _OUTLIER).to_numpy() | _revealed(test, history, delay)
    return np.where(certain, 1.0, _inflated(test, history))


def _revealed(test: pd.DataFrame, history: pd.DataFrame, delay: timedelta) -> Any:
    """Rows in a terminal's campaign where the label of one of its frauds had arrived in time.

    A row is in the campaign of the last fraud known at its time if a fraud at or after the row,
    less than 28 days after the known one, continues the campaign.
    """
    import pandas as pd

    frauds = history.loc[history[KIND] == "terminal_compromise", [TERMINAL, TIME]]
    frauds = frauds.sort_values(TIME).rename(columns={TIME: "at"})
    rows = test[[TERMINAL, TIME]].assign(row=range(len(test))).sort_values(TIME)

    def nearest(times: Any, direction: Any) -> Any:
        target = rows.assign(target=times)
        return pd.merge_asof(
            target, frauds, left_on="target", right_on="at", by=TERMINAL, direction=direction
        )["at"].to_numpy()

    known = nearest(rows[TIME] - delay, "backward")
    following = nearest(rows[TIME], "forward")
    inside = following - known < pd.Timedelta(_CAMPAIGN)  # False if either is missing
    return inside[rows["row"].argsort().to_numpy()]


def _inflated(test: pd.DataFrame, history: pd.DataFrame) -> Any:
    """Probability that a stolen card was used, from the amount and the customer's mean."""
    import numpy as np

    honest = history[history[LABEL] == 0].groupby(CUSTOMER)[AMOUNT].mean()
    mean = test[CUSTOMER].map(honest).fillna(float(honest.mean())).to_numpy()
    ratio = test[AMOUNT].to_numpy() / np.maximum(mean, 0.01)

    def density(factor: float) -> Any:
        deviation = factor / 2
        return np.exp(-(((ratio - factor) / deviation) ** 2) / 2) / deviation

    prior = float((history[KIND] == "card_compromise").mean())
    stolen, usual = prior * density(_FACTOR), (1 - prior) * density(1.0)
    return stolen / np.maximum(stolen + usual, 1e-300)
