"""The landing zone is the truth: a lake that grew daily equals one built from it at once.

Raw, core and feature tables are compared by a hash of their rows. Load ids count the loads
of all sources of one lake, so the hash excludes them, and the time of loading as well.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lakehouse.declarations.specs import find_specs
from lakehouse.features.increments import refresh
from lakehouse.features.spec import FeatureSetSpec
from lakehouse.lake import Lake, all_progress, fetch_value, qualified
from lakehouse.orchestration.dbt.project import DbtProjectFiles
from lakehouse.orchestration.dbt.runner import run_dbt
from lakehouse.settings import Settings, load_settings
from lakehouse.simulator.config import WorldConfig
from lakehouse.simulator.folder import world_folder
from lakehouse.simulator.world import advance_world, create_world
from lakehouse.sources import SourceSpec, extract, load, unload
from tests.project import PAYMENTS

KEY = "the one key of the tokens of both lakes"
SYSTEM = ("_load_id", "_loaded_at")
SCHEMAS = ("raw", "staging", "core", "features")


def load_all(settings: Settings, *, landed_only: bool = False) -> None:
    """Bring raw up to date; a fresh lake gets only the landed files."""
    with Lake(settings) as lake:
        for spec in find_specs("Source", SourceSpec, PAYMENTS):
            if not landed_only:
                extract(spec, settings)
            load(spec, lake, settings)


def build(settings: Settings, *, full_refresh: bool = False) -> None:
    """Bring staging, core and the features up to date."""
    files = DbtProjectFiles(settings)
    files.manifest_path()
    more = ["--full-refresh"] if full_refresh else []
    select = ["--select", "path:models/payments/staging", "path:models/payments/core"]
    list(run_dbt(files, ["run", *select, *more], {"run_id": "test"}, files.target / "run"))
    with Lake(settings) as lake:
        for features in find_specs("FeatureSet", FeatureSetSpec, PAYMENTS):
            for spine in features.spines:
                refresh(features, lake, spine=spine.name, full_refresh=full_refresh)


def hashes(settings: Settings) -> dict[str, tuple[int, int]]:
    """Row count and hash, in any order, of every table and view."""
    with Lake(settings) as lake, lake.reader() as cursor:
        names = cursor.execute(
            "SELECT table_schema || '.' || table_name FROM information_schema.tables "
            "WHERE table_catalog = 'lake' ORDER BY 1"
        ).fetchall()
        tables = [name for (name,) in names if name.partition(".")[0] in SCHEMAS]
        return {table: _hash(cursor, table) for table in tables}


def _hash(cursor: Any, table: str) -> tuple[int, int]:
    columns = [row[0] for row in cursor.execute(f"DESCRIBE {qualified(table)}").fetchall()]
    named = ", ".join(f'"{name}"' for name in columns if name not in SYSTEM)
    query = f"SELECT (count(*), coalesce(sum(hash({named})), 0)) FROM {qualified(table)}"
    count, total = fetch_value(cursor, query)
    return int(count), int(total)


def seals(settings: Settings) -> dict[str, datetime]:
    """The time up to which each table is complete."""
    with Lake(settings) as lake, lake.reader() as cursor:
        return {
            name: progress.seal for name, progress in all_progress(cursor).items() if progress.seal
        }


def accept_any_seal(spec: SourceSpec) -> SourceSpec:
    """The source with a seal pattern that accepts a wrong year."""
    wide = spec.seal_pattern.model_copy(update={"furthest": timedelta(days=9999)})
    return spec.model_copy(update={"seal_pattern": wide})


def settings_on_landing_of(first: Settings, data_dir: Path) -> Settings:
    return load_settings({}, data_dir=data_dir, pii_key=KEY).model_copy(
        update={"landing": first.landing}
    )


@pytest.fixture(scope="module")
def grown(new_data_dir: Callable[[], Path]) -> Settings:
    """A lake loaded on each of four days, with one file two days late."""
    settings = load_settings({}, data_dir=new_data_dir(), pii_key=KEY)
    config = WorldConfig.model_validate(
        {"start": date(2026, 5, 1), "days": 19, "customers": 60, "terminals": 40}
    )
    landing = Path(settings.landing)
    create_world(config, world_folder(settings), landing)
    late = sorted((landing / "transactions").iterdir())[-1]
    aside = settings.data_dir / late.name
    late.rename(aside)
    load_all(settings)
    build(settings)
    for day in range(3):
        advance_world(world_folder(settings), landing, 1)
        if day == 1:
            aside.rename(late)
        load_all(settings)
        build(settings)
    return settings


@pytest.mark.slow
def test_a_fresh_lake_on_the_same_landing_zone_is_the_same_lake(
    grown: Settings, new_data_dir: Callable[[], Path]
) -> None:
    fresh = settings_on_landing_of(grown, new_data_dir())
    load_all(fresh, landed_only=True)
    build(fresh)

    old, new = hashes(grown), hashes(fresh)
    assert {name for name in old if old[name] != new.get(name)} == set()
    assert old.keys() == new.keys()
    assert {"raw.transactions", "core.fct_labels", "features.terminal_risk"} <= {
        name for name, (rows, _) in old.items() if rows
    }


@pytest.mark.slow
def test_rows_derived_from_an_unloaded_file_vanish_with_a_full_refresh(
    grown: Settings, new_data_dir: Callable[[], Path]
) -> None:
    sources = {spec.name: spec for spec in find_specs("Source", SourceSpec, PAYMENTS)}
    before = hashes(grown)
    landed = {name: sorted((Path(grown.landing) / name).glob("2*")) for name in sources}
    newest = landed["customers"][-1]
    far = newest.with_name(newest.name.replace("2026", "2027", 1))
    far.write_bytes(newest.read_bytes())
    wrong = {"customers": far, "transactions": landed["transactions"][9]}
    wrong["chargebacks"] = landed["chargebacks"][-1]
    with Lake(grown) as lake:
        load(accept_any_seal(sources["customers"]), lake, grown)
    build(grown)
    assert seals(grown)["core.dim_customers"] > datetime(2027, 1, 1)
    with Lake(grown) as lake:
        for source, path in wrong.items():
            done = unload(sources[source], lake, grown, path.name, who="ada", why="a test file")
            assert done.rows > 0
    build(grown, full_refresh=True)
    fresh = settings_on_landing_of(grown, new_data_dir())
    load_all(fresh, landed_only=True)
    build(fresh)

    old, new = hashes(grown), hashes(fresh)
    assert {name for name in old if old[name] != new.get(name)} == set()
    assert seals(grown) == seals(fresh)
    assert all(old[name] != before[name] for name in ("raw.transactions", "core.fct_transactions"))
