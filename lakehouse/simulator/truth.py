"""The true events, for tests and demonstrations; the pipeline never reads them.

`<world>/truth/transactions/<day>.parquet` has one row per transaction made on the day, with its
outcome; `<world>/truth/known.json` is what a monitor should find. Chargebacks about unknown
transactions are those whose `transaction_id` is 900,000,000,000 or more.
"""

import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lakehouse.simulator.chargebacks import Reports
from lakehouse.simulator.columns import Ints
from lakehouse.simulator.config import WorldConfig
from lakehouse.simulator.days import CHANNELS, GENUINE, KINDS, Transactions
from lakehouse.simulator.dirt import DIRT, Deliveries, arrival
from lakehouse.simulator.fraud import HARDER_GENDER
from lakehouse.simulator.geography import CURRENCIES
from lakehouse.simulator.times import DAY, midnight

TRANSACTIONS = "truth/transactions"
DICTIONARY = ["currency", "channel", "fraud_kind", "dirt"]


def write_transactions(
    world_dir: Path,
    config: WorldConfig,
    day: int,
    transactions: Transactions,
    first: Deliveries,
    again: Deliveries,
    reports: Reports,
) -> None:
    """Write a day's transactions, with the days from which the landing zone has them."""
    begins = int(transactions.transaction_id[0]) if len(transactions) else 0
    repeated = _spread(len(first), again.transaction_id - begins, arrival(config, again.file_day))
    reported = _spread(len(first), reports.transaction_id - begins, reports.reported_us)
    moment, cents = pa.timestamp("us"), pa.array(transactions.cents).cast(pa.decimal128(19, 0))
    table = {
        "transaction_id": pa.array(transactions.transaction_id),
        "customer_id": pa.array(transactions.customer_id),
        "terminal_id": pa.array(transactions.terminal_id),
        "event_time": pa.array(transactions.event_us).cast(moment),
        "amount": pc.multiply(cents, pa.scalar(Decimal("0.01"))).cast(pa.decimal128(18, 2)),
        "currency": _labels(CURRENCIES, transactions.currency),
        "channel": _labels(CHANNELS, transactions.channel),
        "is_fraud": pa.array(transactions.kind != GENUINE),
        "fraud_kind": _labels(KINDS, transactions.kind),
        "reported_at": pa.array(reported, mask=reported < 0).cast(moment),
        "dirt": _labels(DIRT, first.dirt),
        "delivered_on": _dates(config, arrival(config, first.file_day)),
        "delivered_again_on": _dates(config, repeated),
    }
    _write(table, world_dir / TRANSACTIONS / _name(config, day))


def write_known(world_dir: Path, config: WorldConfig) -> None:
    """Write the facts about the whole world: the disparity, and the days of lasting changes."""
    known = {
        "disparity": {
            "column": "gender",
            "harder": HARDER_GENDER,
            "of": "stolen cards are used with hardly inflated amounts: a lower true positive rate",
        },
        "wallet_from": f"{config.start + timedelta(days=config.wallet_day)}",
        "truncated": f"{config.start + timedelta(days=config.truncated_day)}",
        "drifts": not config.quiet,
    }
    (world_dir / "truth").mkdir(exist_ok=True)
    (world_dir / "truth" / "known.json").write_text(json.dumps(known, indent=1))


def count_expected(world_dir: Path, last_day: date) -> dict[str, int]:
    """What a lake must hold of the transactions delivered up to the end of `last_day`.

    `lines` delivered are `rejected_*` (quarantine) or `loaded` (raw). Loaded rows are `duplicates`,
    `dropped_negative_amount` (staging leaves out both) or unique `transactions`. Of these `frauds`
    are frauds, and `frauds_reported` those named by a chargeback.
    """
    import duckdb

    with duckdb.connect() as connection:
        counts = connection.execute(
            _EXPECTED, {"files": str(world_dir / TRANSACTIONS / "*.parquet"), "until": last_day}
        )
        names = [column[0] for column in counts.description]
        row = counts.fetchone()
    assert row is not None  # an aggregate without groups gives one row
    return dict(zip(names, row, strict=True))


_EXPECTED = """
WITH delivered AS (
    SELECT *,
        coalesce(delivered_again_on <= $until, false) AS repeated,
        coalesce(dirt, 'none') AS flaw,
        flaw NOT IN ('malformed', 'null_field', 'wrong_type', 'negative_amount') AS valid
    FROM read_parquet($files) WHERE delivered_on <= $until
)
SELECT
    count(*) + count(*) FILTER (repeated) AS lines,
    count(*) FILTER (flaw = 'malformed') AS rejected_malformed,
    count(*) FILTER (flaw = 'null_field') AS rejected_null_field,
    count(*) FILTER (flaw = 'wrong_type') AS rejected_wrong_type,
    lines - rejected_malformed - rejected_null_field - rejected_wrong_type AS loaded,
    count(*) FILTER (repeated) AS duplicates,
    count(*) FILTER (flaw = 'negative_amount') AS dropped_negative_amount,
    count(*) FILTER (valid) AS transactions,
    count(*) FILTER (valid AND is_fraud) AS frauds,
    count(*) FILTER (valid AND reported_at::DATE <= $until) AS frauds_reported
FROM delivered
"""


def _write(columns: dict[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    pq.write_table(pa.table(columns), partial, use_dictionary=DICTIONARY)
    partial.rename(path)


def _name(config: WorldConfig, day: int) -> str:
    return f"{config.start + timedelta(days=day)}.parquet"


def _labels(labels: tuple[str, ...], code: Ints) -> Any:
    """The labels for the codes; null for negative codes."""
    return pa.DictionaryArray.from_arrays(pa.array(code, mask=code < 0), pa.array(labels))


def _dates(config: WorldConfig, day: Ints) -> Any:
    """The dates of day indices; null for negative ones."""
    since_1970 = (midnight(config.start) // DAY + day).astype(np.int32)
    return pa.array(since_1970, mask=day < 0).cast(pa.date32())


def _spread(length: int, places: Ints, values: Ints) -> Ints:
    """An array of -1, except for the values at their places."""
    spread = np.full(length, -1)
    spread[places] = values
    return spread
