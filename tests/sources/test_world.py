"""The embedded world, read through the sources that the package ships, is complete."""

from datetime import date
from pathlib import Path

import pytest

from lakehouse.simulator.config import WorldConfig
from lakehouse.simulator.folder import world_folder
from lakehouse.simulator.world import advance_world, create_world, expected_counts
from lakehouse.sources import extract, load_spec, pending

from .conftest import DEFS, Harness

SOURCES = ("transactions", "chargebacks", "customers", "terminals", "exchange_rates")


@pytest.mark.slow
def test_a_world_is_read_completely_and_again_after_each_step(harness: Harness) -> None:
    world, landing = world_folder(harness.settings), Path(harness.settings.landing)
    dirt = {"malformed": 0.01, "null_field": 0.01, "wrong_type": 0.01}
    config = WorldConfig.model_validate(
        {"start": date(2026, 5, 1), "days": 3, "customers": 60, "terminals": 40, "dirt": dirt}
    )
    create_world(config, world, landing)
    for _ in range(2):
        for name in SOURCES:
            spec = load_spec(DEFS / name / "defs.yaml")
            extract(spec, harness.settings)
            harness.load(spec)
            assert pending(spec, harness.lake) == ""
        expected = expected_counts(world)
        rejected = sum(count for name, count in expected.items() if name.startswith("rejected_"))
        counts = {
            "loaded": "raw.transactions",
            "chargebacks": "raw.chargebacks",
            "exchange_rates": "raw.exchange_rates",
            "customer_versions": "(FROM raw.customers WHERE op = 'upsert')",
            "terminal_versions": "(FROM raw.terminals WHERE op = 'upsert')",
            "customers": "(SELECT max_by(op, _load_id * 1e6 + _row) AS op FROM raw.customers "
            "GROUP BY customer_id HAVING op = 'upsert')",
        }
        got = {
            name: harness.query(f"SELECT count(*) FROM {what}")[0][0]
            for name, what in counts.items()
        }
        assert got == {name: expected[name] for name in counts}
        assert rejected > 0
        assert harness.lake.rows("quarantine.rows") == rejected
        advance_world(world, landing, 1)
