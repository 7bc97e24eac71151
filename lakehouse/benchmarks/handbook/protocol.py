"""The handbook's protocols: training rows, test rows, and the evaluation of scores.

Le Borgne, Siblini, Lebichot, Bontempi, "Reproducible Machine Learning for Credit Card Fraud
Detection", chapter 3 (baseline), chapter 4 (metrics) and chapter 5 (prequential validation). This
module handles only rows and scores: no features, models or files. Tables are pandas frames with the
columns named below, one row per transaction, in any order; nothing is changed in place.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pandas as pd

TRANSACTION: Final = "transaction_id"
CUSTOMER: Final = "customer_id"
TIME: Final = "event_time"
LABEL: Final = "is_fraud"
SCORE: Final = "score"


@dataclass(frozen=True)
class Split:
    """A training period, the delay in which its labels arrive, and a test period; whole UTC days.

    `train_from` is the first training day and `week_from` the first day of the week whose
    compromised cards leave the test. They differ only when all earlier history is used for
    training, so that both variants are evaluated on the same rows.
    """

    week_from: date
    train_from: date
    train_days: int = 7
    delay_days: int = 7
    test_days: int = 7

    @property
    def train_until(self) -> date:
        """The day after the last training day."""
        return self.week_from + timedelta(days=self.train_days)

    @property
    def test_from(self) -> date:
        """The first test day."""
        return self.train_until + timedelta(days=self.delay_days)

    @property
    def test_until(self) -> date:
        """The day after the last test day."""
        return self.test_from + timedelta(days=self.test_days)


CHAPTER_3: Final = Split(week_from=date(2018, 7, 25), train_from=date(2018, 7, 25))
CHAPTER_5: Final = tuple(
    Split(week_from=first, train_from=first)
    for first in (date(2018, 7, 25), date(2018, 8, 1), date(2018, 8, 8), date(2018, 8, 15))
)
"""The folds of the prequential protocol, a week apart; the first is that of chapter 3."""


@dataclass(frozen=True)
class Figures:
    """The handbook's metrics of one model on one split; each between 0 and 1."""

    auc_roc: float
    average_precision: float
    card_precision_100: float


def training_rows(table: pd.DataFrame, split: Split) -> pd.DataFrame:
    """The transactions of the training period, compromised cards included."""
    return _between(table, split.train_from, split.train_until)


def test_rows(table: pd.DataFrame, split: Split) -> pd.DataFrame:
    """The transactions of the test period, without the cards known to be compromised that day.

    Cards known on a test day have a fraud in the training week, or one on any later day whose label
    has arrived: a fraud of day D is known from D + delay + 1 on.
    """
    import pandas as pd

    frauds = table.loc[table[LABEL] == 1, [CUSTOMER, TIME]]
    kept = []
    for offset in range(split.test_days):
        day = split.test_from + timedelta(days=offset)
        known = _between(frauds, split.week_from, day - timedelta(days=split.delay_days))[CUSTOMER]
        rows = _between(table, day, day + timedelta(days=1))
        kept.append(rows[~rows[CUSTOMER].isin(known.unique())])
    return pd.concat(kept)


def card_precision(scored: pd.DataFrame, k: int = 100) -> float:
    """Mean over the days of the share of frauds among the `k` cards with the highest scores.

    A card's score is its highest of the day, and it counts as found if any of its transactions of
    that day is fraud. A found card is left out of the days that follow. Ties go to the smaller
    customer id, so that the result does not depend on the order of rows.
    """
    found: set[int] = set()
    daily = []
    for _, rows in sorted(scored.groupby(scored[TIME].dt.normalize())):
        cards = (
            rows[~rows[CUSTOMER].isin(found)]
            .groupby(CUSTOMER, as_index=False)[[SCORE, LABEL]]
            .max()
            .sort_values([SCORE, CUSTOMER], ascending=[False, True])
            .head(k)
        )
        hits = cards.loc[cards[LABEL] == 1, CUSTOMER]
        found.update(hits)
        daily.append(len(hits) / k)
    return sum(daily) / len(daily)


def figures(scored: pd.DataFrame) -> Figures:
    """The handbook's three metrics for test rows with a `score` column."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    return Figures(
        auc_roc=float(roc_auc_score(scored[LABEL], scored[SCORE])),
        average_precision=float(average_precision_score(scored[LABEL], scored[SCORE])),
        card_precision_100=card_precision(scored, k=100),
    )


def recall_by_kind(scored: pd.DataFrame, kind: str, k: int = 100) -> dict[str, float]:
    """By kind of fraud (a text column), the share of frauds on the `k` cards alerted each day.

    Every day the cards with the highest scores are alerted; found cards are not left out later.
    """
    best = scored.groupby([scored[TIME].dt.normalize(), CUSTOMER])[SCORE].transform("max")
    cards = scored.assign(day=scored[TIME].dt.normalize(), best=best)
    ranked = (
        cards.drop_duplicates(["day", CUSTOMER])
        .sort_values(["best", CUSTOMER], ascending=[False, True])
        .groupby("day")
        .head(k)[["day", CUSTOMER]]
        .assign(alerted=True)
    )
    frauds = cards[cards[LABEL] == 1].merge(ranked, how="left", on=["day", CUSTOMER])
    shares = frauds["alerted"].notna().groupby(frauds[kind]).mean()
    return {str(name): float(share) for name, share in shares.items()}


def _between(table: pd.DataFrame, first: date, until: date) -> pd.DataFrame:
    """Rows with `first` <= time < `until`."""
    import pandas as pd

    return table[(table[TIME] >= pd.Timestamp(first)) & (table[TIME] < pd.Timestamp(until))]
