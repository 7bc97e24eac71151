"""A wrong file is removed from raw, in this lake and in every other one; the rest stays."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakehouse.sources import pending_files, read_seal, unload
from lakehouse.sources.errors import LoadError
from lakehouse.sources.ledger import Ledger

from .conftest import TICK, Harness, file_name, json_lines, make_spec, payment, seal_of
from .test_ledger import Killed, another_lake, full_state, one

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
WRONG = file_name(seal_of(1))


def three_days(harness: Harness) -> None:
    for day in range(3):
        harness.land(file_name(seal_of(day)), json_lines(payment(day, seal_of(day)), "broken"))
        harness.load(make_spec())


def unload_file(harness: Harness, file: str = WRONG) -> object:
    return unload(
        make_spec(), harness.lake, harness.settings, file, who="ada", why="a test file", now=NOON
    )


@pytest.mark.slow
def test_a_file_is_unloaded_in_one_recorded_commit_and_the_rest_stays(harness: Harness) -> None:
    three_days(harness)
    before = harness.rows("id", "known_at")
    snapshot = harness.lake.snapshot()

    done = unload(
        make_spec(), harness.lake, harness.settings, WRONG, who="ada", why="test", now=NOON
    )

    assert (done.rows, done.rejected, done.seal) == (1, 1, seal_of(2))
    assert (done.since, done.until) == (seal_of(1), seal_of(1))
    assert harness.rows("id", "known_at") == [row for row in before if row[0] != 1]
    assert harness.query("SELECT count(*) FROM quarantine.rows WHERE _file = '" + WRONG + "'") == [
        (0,)
    ]
    assert harness.lake.snapshot() == snapshot + 1
    newest = "SELECT author, commit_message FROM lake.snapshots() ORDER BY snapshot_id DESC LIMIT 1"
    assert harness.query(newest) == [("raw.payments", f"unload {WRONG} (ada: test)")]
    kept = harness.query(f"SELECT status, reason, loaded_at FROM ops.files WHERE file = '{WRONG}'")
    assert ("unloaded", "test (ada)", NOON.replace(tzinfo=None)) in kept
    ledger = Path(harness.settings.landing) / "payments" / ".loads" / "00000004.json"
    written = json.loads(ledger.read_text())["decisions"][0]
    assert (written["who"], written["reason"], written["status"]) == ("ada", "test", "unloaded")
    assert (Path(harness.settings.landing) / "payments" / WRONG).exists()
    assert pending_files(make_spec(), harness.lake, harness.settings) == []
    assert harness.load(make_spec()).files == []


@pytest.mark.slow
def test_an_unloaded_file_is_gone_from_other_lakes_too(harness: Harness) -> None:
    three_days(harness)
    with another_lake(harness.settings, "other") as other:
        other.load(make_spec())
        unload_file(harness)
        assert pending_files(make_spec(), other.lake, other.settings) != []
        other.load(make_spec())
        with another_lake(harness.settings, "fresh") as fresh:
            fresh.load(make_spec())
            assert full_state(fresh) == full_state(harness) == full_state(other)
        harness.land(file_name(seal_of(3)), one(9, 3))
        for each in (other, harness):
            each.load(make_spec())
        assert full_state(other) == full_state(harness)


@pytest.mark.slow
def test_without_the_newest_file_the_source_is_complete_up_to_the_previous_one(
    harness: Harness,
) -> None:
    three_days(harness)
    far = file_name(datetime(2206, 1, 1))
    harness.land(far, one(7, 2))
    harness.load(make_spec(seal_pattern={"furthest": "99999d"}))
    assert read_seal(make_spec(), harness.lake) == datetime(2206, 1, 1)

    unload_file(harness, far)

    assert read_seal(make_spec(), harness.lake) == seal_of(2)
    assert harness.query("SELECT load_id, seal FROM ops.progress") == [(4, seal_of(2))]
    harness.land(file_name(seal_of(3)), one(9, 3))
    assert harness.load(make_spec()).load_ids == [5]
    assert harness.rows("id", "known_at")[-1] == (9, seal_of(3))


@pytest.mark.slow
def test_an_unload_killed_midway_is_completed_by_the_next_load(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    three_days(harness)
    append = Ledger.append

    def dying(self: Ledger, decisions: list[object]) -> bool:
        append(self, decisions)  # type: ignore[arg-type]
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Ledger, "append", dying)
        unload_file(harness)
    assert (1,) in harness.rows("id")

    harness.load(make_spec())

    assert harness.rows("id") == [(0,), (2,)]
    with another_lake(harness.settings, "fresh") as fresh:
        fresh.load(make_spec())
        assert full_state(fresh) == full_state(harness)


@pytest.mark.slow
def test_an_unloaded_file_is_loaded_again_only_with_other_bytes(harness: Harness) -> None:
    three_days(harness)
    unload_file(harness)
    path = Path(harness.settings.landing) / "payments" / WRONG
    os.utime(path, (1, 1))
    assert harness.load(make_spec()).files == []
    harness.land(WRONG, one(8, 1))

    assert harness.load(make_spec()).files == [WRONG]

    assert harness.rows("id", "known_at")[-1] == (8, seal_of(2) + TICK)
    with another_lake(harness.settings, "fresh") as fresh:
        fresh.load(make_spec())
        assert full_state(fresh) == full_state(harness)


@pytest.mark.slow
def test_days_of_rows_that_share_a_key_are_affected_too(harness: Harness) -> None:
    three_days(harness)
    harness.land(file_name(seal_of(9)), one(1, 9))
    harness.load(make_spec())
    done = unload(make_spec(), harness.lake, harness.settings, WRONG, who="ada", why="test")
    assert (done.since, done.until) == (seal_of(1), seal_of(9))


@pytest.mark.slow
@pytest.mark.parametrize("file", ["no such file", WRONG])
def test_a_file_that_is_not_loaded_cannot_be_unloaded(harness: Harness, file: str) -> None:
    three_days(harness)
    unload_file(harness)
    before = full_state(harness)
    with pytest.raises(LoadError, match=f"{file} of payments"):
        unload_file(harness, file)
    assert full_state(harness) == before


@pytest.mark.slow
def test_a_lake_that_is_behind_must_load_first(harness: Harness) -> None:
    three_days(harness)
    with another_lake(harness.settings, "other") as other:
        other.load(make_spec())
        harness.land(file_name(seal_of(5)), one(5, 5))
        harness.load(make_spec(), now=lambda: NOON + timedelta(days=1))
        with pytest.raises(LoadError, match="lakehouse run --select raw/payments"):
            unload_file(other)
        assert (1,) in other.rows("id")
