"""Readers and steps continue during maintenance: no error, no half commit, no row lost.

`SOAK_SECONDS=600` makes it long.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse.lake import Lake
from lakehouse.lake.verify import verify_lake
from lakehouse.settings import Settings, load_settings
from tests.lake.server import running_server
from tests.lake.soak import soak

SECONDS = float(os.environ.get("SOAK_SECONDS", "90"))


@pytest.fixture(params=["sqlite", "postgres"])
def any_catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    if request.param == "sqlite":
        yield load_settings({}, data_dir=tmp_path / "data")
    else:
        with running_server(tmp_path / "server") as server:
            yield server.settings(tmp_path / "data")


@pytest.mark.slow
def test_maintenance_disturbs_no_reader_and_no_writer(any_catalog: Settings) -> None:
    done, errors, rows = soak(any_catalog, SECONDS)
    print(dict(done), f"errors: {len(errors)}", errors[:5])
    assert errors == []
    assert min(done[name] for name in ("reads", "commits", "rounds", "files_deleted")) > 0
    with Lake(any_catalog) as lake:
        assert {table: lake.rows(table) for table in rows} == rows
        assert verify_lake(lake, full=True).damage == []
