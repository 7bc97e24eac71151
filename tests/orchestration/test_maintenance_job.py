"""The daily maintenance as a Dagster job, on a small lake."""

import hashlib
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from lakehouse.lake import Author, Lake, Progress, write_progress
from lakehouse.models.artefact import CARD
from lakehouse.orchestration.jobs import _config_of_day
from lakehouse.orchestration.maintenance_jobs import KEEP_LEFTOVERS, maintenance, verification
from lakehouse.orchestration.resources import Clock, LakeResource
from lakehouse.registry import promote
from lakehouse.settings import Settings
from tests.registry.test_retention import name, sets, train

LATER = datetime.now(UTC) + timedelta(days=30)
READ, OLD, CURRENT = (f"features.risk__0000000{number}" for number in range(3))


def run() -> dg.ExecuteInProcessResult:
    resources = {"lake": LakeResource(), "clock": Clock(at=LATER.isoformat())}
    return maintenance.execute_in_process(resources=resources, raise_on_error=False)


def create_small_files(lake: Lake) -> list[tuple[int]]:
    """Create small files and deleted rows; return the content of the table."""
    for start in range(0, 5000, 1000):
        with lake.writer(Author("test")) as writer:
            writer.execute("CREATE TABLE IF NOT EXISTS lake.raw.t (i BIGINT)")
            writer.execute("INSERT INTO lake.raw.t SELECT range FROM range(?, ?)", [start, 9999])
    with lake.writer(Author("test")) as writer:
        writer.execute("DELETE FROM lake.raw.t WHERE i % 3 = 0")
    return rows(lake)


def rows(lake: Lake) -> list[tuple[int]]:
    with lake.reader() as cursor:
        return cursor.execute("SELECT i FROM lake.raw.t ORDER BY i").fetchall()


def make_versions(lake: Lake) -> None:
    """A champion that reads the oldest of three feature versions, and many later versions."""
    train(lake, *range(1, 10))
    promote(lake, "m", name(2), who="a person", why="for the test")
    for number in range(1, 10):
        card = lake.settings.models_dir / "m" / name(number) / CARD
        card.parent.mkdir(parents=True)
        table = READ if number == 2 else CURRENT
        card.write_text(json.dumps({"features": {"feature_sets": {"risk": table[-8:]}}}))
    with lake.writer(Author("test")) as writer:
        for table in (READ, OLD, CURRENT):
            writer.execute(f"CREATE TABLE lake.{table} AS SELECT 1 AS key")
            write_progress(writer, table, Progress(1, None))
        writer.execute(f"CREATE VIEW lake.features.risk AS FROM lake.{CURRENT}")


def make_leftovers(settings: Settings) -> tuple[list[Path], list[Path]]:
    """Files that are old enough to delete, and files that are not."""
    old, new = [], []
    for folder in ("dbt/target/runs", "dagster/compute_logs", "logs", "spill", "models/m"):
        for age, made in ((timedelta(hours=1), old), (-timedelta(hours=1), new)):
            place = settings.data_dir / folder / f".unfinished-{age > timedelta()}"
            place.mkdir(parents=True)
            (place / "file").write_text("left behind")
            moment = (LATER - KEEP_LEFTOVERS - age).timestamp()
            os.utime(place, (moment, moment))
            made.append(place)
    return old, new


@pytest.mark.slow
def test_the_job_runs_every_step_and_keeps_all_rows(home: Settings) -> None:
    with Lake(home) as lake:
        content = create_small_files(lake)
        make_versions(lake)
    old, new = make_leftovers(home)
    files = set(Path(home.storage).rglob("*.parquet"))
    result = run()
    assert result.success
    ended = {event.step_key for event in result.all_events if event.is_step_success}
    assert ended == {"maintain_lake", "drop_unused", "prune_leftovers", "prune_history"}
    assert not [place for place in old if place.exists()]
    assert all((place / "file").exists() for place in new)
    artefacts = [p for p in (home.models_dir / "m").iterdir() if not p.name.startswith(".")]
    assert len(artefacts) == 9, "an artefact was taken for a leftover"
    with Lake(home) as lake:
        assert rows(lake) == content
        assert lake.exists(READ)
        assert lake.exists(CURRENT)
        assert not lake.exists(OLD)
        assert sets(lake) == {"s2", "s5", "s6", "s7", "s8", "s9"}
    assert run().success, "and the next day"
    left = set(Path(home.storage).rglob("*.parquet"))
    assert len([file for file in left if "/t/" in str(file)]) == 1
    assert not (files & {file for file in left if "/t/" in str(file)}), "small files were left"


@pytest.mark.slow
def test_an_unreadable_card_fails_by_name_and_no_feature_table_is_dropped(
    home: Settings,
) -> None:
    with Lake(home) as lake:
        make_versions(lake)
    (home.models_dir / "m" / name(2) / CARD).unlink()
    result = run()
    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert failure.step_key == "drop_unused"
    assert name(2) in failure.step_failure_data.error_display_string
    assert "restore it" in failure.step_failure_data.error_display_string
    with Lake(home) as lake:
        assert lake.exists(OLD)


def test_maintenance_of_an_empty_lake_succeeds(home: Settings) -> None:
    assert run().success


def verify(full: bool) -> dg.ExecuteInProcessResult:
    return verification.execute_in_process(
        resources={"lake": LakeResource()},
        run_config={"ops": {"verify_files": {"config": {"full": full}}}},
        raise_on_error=False,
    )


@pytest.mark.slow
def test_verification_fails_only_for_damaged_files_and_names_them(home: Settings) -> None:
    with Lake(home) as lake:
        create_small_files(lake)
        train(lake, 1)
    artefact = home.models_dir / "m" / name(1) / "model.txt"
    artefact.parent.mkdir(parents=True)
    artefact.write_bytes(b"tree")
    with Lake(home) as lake, lake.writer(Author("test")) as writer:
        digest = hashlib.sha256(b"tree").hexdigest()
        files = json.dumps({artefact.name: digest})
        writer.execute("UPDATE lake.registry.versions SET files = ?", [files])
    assert verify(False).success
    assert verify(True).success
    artefact.write_bytes(b"free")
    file = next(Path(home.storage).rglob("t/ducklake-*.parquet"))
    content = bytearray(file.read_bytes())
    content[40] ^= 1
    file.write_bytes(content)
    for full, damaged in ((False, [artefact]), (True, [file, artefact])):
        (failure,) = [event for event in verify(full).all_events if event.is_step_failure]
        damage = failure.event_specific_data.user_failure_data.metadata["damaged"].value
        assert [line.split(" ")[0] for line in damage.splitlines()] == list(map(str, damaged))


@pytest.mark.parametrize("day", ["2018-01-01", "2026-05-31"])
def test_a_partition_redoes_exactly_its_day(day: str) -> None:
    config = _config_of_day.get_run_config_for_partition_key(day)
    assert config == {"resources": {"refresh": {"config": {"since": day, "until": day}}}}
