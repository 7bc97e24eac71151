"""Only the owner can read personal rows, wherever they are stored before they become tokens."""

import os
import stat
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pytest

from lakehouse.lake import connect, spill_folder
from lakehouse.private import make_private
from lakehouse.settings import Settings, load_settings
from lakehouse.simulator.config import WorldConfig
from lakehouse.simulator.folder import world_folder
from lakehouse.simulator.world import advance_world, create_world
from lakehouse.sources import extract
from lakehouse.sources.landing import Landing
from lakehouse.sources.landing.prefix import Prefix
from lakehouse.sources.spec import load_spec

from .conftest import DEFS


@pytest.fixture(autouse=True)
def usual_rights() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def open_to_others(*folders: Path) -> list[str]:
    return [
        f"{path} {stat.filemode(path.stat().st_mode)}"
        for folder in folders
        for path in (folder, *folder.rglob("*"))
        if path.stat().st_mode & 0o077
    ]


@pytest.mark.slow
def test_the_world_and_its_landed_files_are_private(tmp_path: Path) -> None:
    settings = load_settings({}, data_dir=tmp_path / "data")
    landing = Path(settings.landing)
    config = WorldConfig.model_validate(
        {"start": date(2026, 1, 1), "days": 2, "customers": 20, "terminals": 20}
    )
    create_world(config, world_folder(settings), landing)
    advance_world(world_folder(settings), landing, 1)
    for name in ("customers", "exchange_rates"):
        spec = load_spec(DEFS / name / "defs.yaml")
        assert extract(spec, settings).rows
        assert Landing(settings, name).open_to_others() == []
    landed = [landing / n for n in ("customers", "exchange_rates", "transactions", "chargebacks")]
    assert all(any(folder.iterdir()) for folder in landed)
    assert open_to_others(*landed) == []
    # only the owner may enter the world's folder; two files in it hold personal data
    assert stat.S_IMODE(world_folder(settings).stat().st_mode) == 0o700
    for name in ("bank.sqlite", "names.json"):
        assert stat.S_IMODE((world_folder(settings) / name).stat().st_mode) == 0o600


def test_a_file_is_private_even_while_it_is_being_landed(settings: Settings) -> None:
    landing = Landing(settings, "payments")
    seen: list[str] = []

    def write(path: Path) -> None:
        duckdb.sql("SELECT 'a person' AS name").write_parquet(str(path))
        seen.append(stat.filemode(path.parent.stat().st_mode))
        assert path.parent != Path(landing.root)
        assert landing.files() == []

    landing.put("a.parquet", write)
    assert seen == ["drwx------"]
    assert landing.open_to_others() == []
    assert [path.name for path in Path(landing.root).iterdir()] == ["a.parquet"]


def test_a_failed_landing_leaves_nothing_behind(settings: Settings) -> None:
    landing = Landing(settings, "payments")

    def write(path: Path) -> None:
        path.write_text("half of a person")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        landing.put("a.parquet", write)
    assert list(Path(landing.root).iterdir()) == []


@pytest.mark.parametrize(
    ("folder_mode", "file_mode", "expected"),
    [
        (0o700, 0o600, []),
        (0o750, 0o600, ["."]),
        (0o700, 0o640, ["a.jsonl"]),
        (0o755, 0o644, [".", "a.jsonl"]),
        (0o700, 0o602, ["a.jsonl"]),
    ],
)
def test_wider_permissions_are_reported(
    settings: Settings, folder_mode: int, file_mode: int, expected: list[str]
) -> None:
    landing = Landing(settings, "payments")
    file = Path(landing.root) / "a.jsonl"
    file.parent.mkdir(parents=True)
    file.touch()
    file.chmod(file_mode)
    file.parent.chmod(folder_mode)
    assert sorted(landing.open_to_others()) == expected


def test_spilled_data_is_in_a_private_folder(settings: Settings) -> None:
    wide = settings.data_dir / "spill"
    wide.mkdir(parents=True)
    wide.chmod(0o755)
    folder = spill_folder(settings)
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    with connect(temp_directory=str(folder), memory_limit="30MB", threads=1) as connection:
        connection.execute("CREATE TABLE t AS SELECT range, repeat('x', 50) FROM range(1000000)")
        assert any(folder.iterdir()), "nothing spilt"
    with Prefix("s3://bucket/payments", settings)._scratch("a") as scratch:
        assert stat.S_IMODE(scratch.parent.stat().st_mode) == 0o700


def test_a_private_folder_of_another_user_is_left_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    theirs.chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    make_private(theirs)
    assert stat.S_IMODE(theirs.stat().st_mode) == 0o755
