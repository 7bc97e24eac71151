"""Which frauds are reported, when, and the file of a day's reports."""

import csv
import io
from dataclasses import dataclass

import numpy as np

from lakehouse.simulator.chance import generator
from lakehouse.simulator.columns import Columns, Ints
from lakehouse.simulator.config import WorldConfig
from lakehouse.simulator.days import GENUINE, KINDS, Transactions
from lakehouse.simulator.dirt import Deliveries, arrival
from lakehouse.simulator.geography import CURRENCIES
from lakehouse.simulator.times import DAY, json_time

MEDIAN_DELAY_DAYS = 4.0
DELAY_SPREAD = 0.85  # standard deviation of the log delay: 93 % come within 14 days
MAX_DELAY_DAYS = 30.0
UNKNOWN_IDS = 900_000_000_000  # ids from here on belong to transactions that do not exist
HEADER = (
    "chargeback_id",
    "transaction_id",
    "transaction_time",
    "reported_at",
    "fraud_kind",
    "amount",
    "currency",
)


@dataclass(frozen=True)
class Reports(Columns):
    """Reports of fraud, past or future."""

    transaction_id: Ints
    event_us: Ints
    reported_us: Ints
    kind: Ints
    cents: Ints
    currency: Ints

    @classmethod
    def none(cls) -> "Reports":
        """No reports."""
        return cls(*(np.zeros(0, dtype=np.int64) for _ in range(6)))


def reports_of(
    config: WorldConfig, transactions: Transactions, delivered: Deliveries, day: int
) -> Reports:
    """The future reports of a day's frauds.

    Delays are lognormal; those above MAX_DELAY_DAYS are drawn again, uniformly. A late delivery
    delays the report by the same time, so that no report comes before its transaction.
    """
    rng = generator(config.seed, "reports", day)
    fraud = np.flatnonzero(transactions.kind != GENUINE)
    days = MEDIAN_DELAY_DAYS * np.exp(rng.normal(0, DELAY_SPREAD, len(fraud)))
    days = np.where(days > MAX_DELAY_DAYS, rng.uniform(1, MAX_DELAY_DAYS, len(fraud)), days)
    reported = rng.random(len(fraud)) >= config.never_reported
    fraud, days = fraud[reported], days[reported]
    event_us = delivered.event_us[fraud]
    late = arrival(config, delivered.file_day[fraud]) - day
    return Reports(
        transaction_id=transactions.transaction_id[fraud],
        event_us=event_us,
        reported_us=event_us + ((days + late) * DAY).astype(np.int64),
        kind=transactions.kind[fraud],
        cents=transactions.cents[fraud],
        currency=transactions.currency[fraud],
    )


def with_unknown(config: WorldConfig, due: Reports, day: int) -> Reports:
    """A day's reports in order of time, including a few about unknown transactions."""
    rng = generator(config.seed, "unknown", day)
    count = rng.poisson(config.dirt.unknown_chargeback * len(due))
    model = due.take(rng.integers(0, max(len(due), 1), count))
    unknown = Reports(
        **{**model.arrays(), "transaction_id": UNKNOWN_IDS + rng.integers(0, 10**9, count)}
    )
    reports = Reports.concat([due, unknown])
    return reports.take(np.argsort(reports.reported_us, kind="stable"))


def csv_file(reports: Reports, first_id: int) -> bytes:
    """A day's file: always a header, then a line per report."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(HEADER)
    for index in range(len(reports)):
        cents = int(reports.cents[index])
        writer.writerow(
            (
                first_id + index,
                reports.transaction_id[index],
                json_time(reports.event_us[index]),
                json_time(reports.reported_us[index]),
                KINDS[reports.kind[index]],
                f"{cents // 100}.{cents % 100:02}",
                CURRENCIES[reports.currency[index]],
            )
        )
    return file.getvalue().encode()
