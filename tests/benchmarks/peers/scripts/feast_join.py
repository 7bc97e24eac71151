"""A point-in-time join in Feast: `feast_join.py STORE INPUT OUTPUT TIMES`.

Feast computes no windows over local files: it joins rows that something else has computed. So
`features.parquet` has a customer's windows at each of its payments, and Feast finds for each row of
`spine.parquet` the latest of them at or before its time. A row at that very time is seen.
"""

import os
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

os.environ["FEAST_USAGE"] = "False"

import feast
import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.types import Int64
from measured import measure, report

COLUMNS = [f"{name}_{days}d" for name in ("n", "total") for days in (1, 7, 30)]


def open_store(kind: str, folder: str, source: Path) -> FeatureStore:
    """A store with one view of the precomputed rows, without a time to live."""
    config = RepoConfig(
        project="peers",
        provider="local",
        registry=f"{folder}/registry.db",
        offline_store={"type": kind},
        online_store={"type": "sqlite", "path": f"{folder}/online.db"},
        entity_key_serialization_version=3,
    )
    store = FeatureStore(config=config)
    customer = Entity(
        name="customer", join_keys=["customer_id"], value_type=ValueType.INT64
    )  # fmt: skip
    rows = FileSource(
        path=str(source / "features.parquet"), timestamp_field="event_timestamp"
    )  # fmt: skip
    view = FeatureView(
        name="customer", entities=[customer], ttl=timedelta(0), source=rows, online=False,
        schema=[Field(name=name, dtype=Int64) for name in COLUMNS],
    )  # fmt: skip
    store.apply([customer, view])
    return store


def main(store: FeatureStore, source: Path, target: Path) -> None:
    """Read the spine, join, write Parquet."""
    spine = pd.read_parquet(source / "spine.parquet")
    spine["event_timestamp"] = spine["event_timestamp"].dt.tz_localize("UTC")
    job = store.get_historical_features(
        entity_df=spine, features=[f"customer:{name}" for name in COLUMNS]
    )
    job.to_df().to_parquet(target / "customer.parquet")


if __name__ == "__main__":
    kind, source, target, times = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(kind, folder, source)
        measured = measure(lambda: main(store, source, target), int(times))
    report(**measured, versions={"feast": feast.__version__, "pandas": pd.__version__}, threads=2)
