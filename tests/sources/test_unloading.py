"""A wrong file is removed from raw, in this lake and in every other one; the rest stays."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakehouse.sources import pending_files, read_seal, unload
from lakehouse.sources.errors import LoadError
from lakehouse.sources.ledger import Ledger

from .conftest import TICK, House, file_name, json_lines, make_spec, payment, seal_of
from .test_ledger import Killed, another_lake, one, story

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
WRONG = file_name(seal_of(1))


def three_days(house: House) -> None:
    for day in range(3):
        house.land(file_name(seal_of(day)), json_lines(payment(day, seal_of(day)), "broken"))
        house.load(make_spec())


def take_out(house: House, file: str = WRONG) -> object:
    return unload(
        make_spec(), house.lake, house.settings, file, who="ada", why="a test file", now=NOON
    )


def test_a_file_is_taken_out_in_one_recorded_commit_and_the_rest_stays(house: House) -> None:
    three_days(house)
    before = house.rows("id", "known_at")
    snapshot = house.lake.snapshot()

    done = unload(make_spec(), house.lake, house.settings, WRONG, who="ada", why="test", now=NOON)

    assert (done.rows, done.rejected, done.seal) == (1, 1, seal_of(2))
    assert (done.since, done.until) == (seal_of(1), seal_of(1))
    assert house.rows("id", "known_at") == [row for row in before if row[0] != 1]
    assert house.ask("SELECT count(*) FROM quarantine.rows WHERE _file = '" + WRONG + "'") == [(0,)]
    assert house.lake.snapshot() == snapshot + 1
    newest = "SELECT author, commit_message FROM lake.snapshots() ORDER BY snapshot_id DESC LIMIT 1"
    assert house.ask(newest) == [("raw.payments", f"unload {WRONG} (ada: test)")]
    kept = house.ask(f"SELECT status, reason, loaded_at FROM ops.files WHERE file = '{WRONG}'")
    assert ("unloaded", "test (ada)", NOON.replace(tzinfo=None)) in kept
    ledger = Path(house.settings.landing) / "payments" / ".loads" / "00000004.json"
    written = json.loads(ledger.read_text())["decisions"][0]
    assert (written["who"], written["reason"], written["status"]) == ("ada", "test", "unloaded")
    assert (Path(house.settings.landing) / "payments" / WRONG).exists()
    assert pending_files(make_spec(), house.lake, house.settings) == []
    assert house.load(make_spec()).files == []


def test_no_other_lake_has_it_either(house: House) -> None:
    three_days(house)
    with another_lake(house.settings, "other") as other:
        other.load(make_spec())
        take_out(house)
        assert pending_files(make_spec(), other.lake, other.settings) != []
        other.load(make_spec())
        with another_lake(house.settings, "fresh") as fresh:
            fresh.load(make_spec())
            assert story(fresh) == story(house) == story(other)
        house.land(file_name(seal_of(3)), one(9, 3))
        for each in (other, house):
            each.load(make_spec())
        assert story(other) == story(house)


def test_without_the_newest_file_the_source_is_complete_up_to_the_one_before(house: House) -> None:
    three_days(house)
    far = file_name(datetime(2206, 1, 1))
    house.land(far, one(7, 2))
    house.load(make_spec(seal_pattern={"furthest": "99999d"}))
    assert read_seal(make_spec(), house.lake) == datetime(2206, 1, 1)

    take_out(house, far)

    assert read_seal(make_spec(), house.lake) == seal_of(2)
    assert house.ask("SELECT load_id, seal FROM ops.progress") == [(4, seal_of(2))]
    house.land(file_name(seal_of(3)), one(9, 3))
    assert house.load(make_spec()).load_ids == [5]
    assert house.rows("id", "known_at")[-1] == (9, seal_of(3))


def test_killed_in_between_it_is_taken_out_by_the_next_load(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    three_days(house)
    append = Ledger.append

    def dying(self: Ledger, decisions: list[object]) -> bool:
        append(self, decisions)  # type: ignore[arg-type]
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Ledger, "append", dying)
        take_out(house)
    assert (1,) in house.rows("id")

    house.load(make_spec())

    assert house.rows("id") == [(0,), (2,)]
    with another_lake(house.settings, "fresh") as fresh:
        fresh.load(make_spec())
        assert story(fresh) == story(house)


def test_touching_it_brings_nothing_back_and_other_bytes_do(house: House) -> None:
    three_days(house)
    take_out(house)
    path = Path(house.settings.landing) / "payments" / WRONG
    os.utime(path, (1, 1))
    assert house.load(make_spec()).files == []
    house.land(WRONG, one(8, 1))

    assert house.load(make_spec()).files == [WRONG]

    assert house.rows("id", "known_at")[-1] == (8, seal_of(2) + TICK)
    with another_lake(house.settings, "fresh") as fresh:
        fresh.load(make_spec())
        assert story(fresh) == story(house)


def test_days_of_rows_that_share_a_key_are_touched_as_well(house: House) -> None:
    three_days(house)
    house.land(file_name(seal_of(9)), one(1, 9))
    house.load(make_spec())
    done = unload(make_spec(), house.lake, house.settings, WRONG, who="ada", why="test")
    assert (done.since, done.until) == (seal_of(1), seal_of(9))


@pytest.mark.parametrize("file", ["no such file", WRONG])
def test_what_is_not_loaded_cannot_be_taken_out(house: House, file: str) -> None:
    three_days(house)
    take_out(house)
    before = story(house)
    with pytest.raises(LoadError, match=f"{file} of payments"):
        take_out(house, file)
    assert story(house) == before


def test_a_lake_that_is_behind_loads_first(house: House) -> None:
    three_days(house)
    with another_lake(house.settings, "other") as other:
        other.load(make_spec())
        house.land(file_name(seal_of(5)), one(5, 5))
        house.load(make_spec(), now=lambda: NOON + timedelta(days=1))
        with pytest.raises(LoadError, match="lakehouse run --select raw/payments"):
            take_out(other)
        assert (1,) in other.rows("id")
