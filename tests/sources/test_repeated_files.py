"""The same file under another name is skipped and reported, whatever else happens to either."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from lakehouse.lake import read_progress
from lakehouse.sources import pending_files, unload
from lakehouse.sources.decisions import Choice, release
from lakehouse.sources.rebuilding import rebuild

from .conftest import Harness, column, file_name, json_lines, make_spec, payment, seal_of
from .test_ledger import NOON, another_lake, full_state

NAMES = [file_name(seal_of(day)) for day in range(4)]
ROW = payment(1, datetime(2026, 5, 1, 9))


@pytest.mark.slow
def test_a_repeated_file_is_skipped_and_reported_and_its_name_moves_the_seal(
    harness: Harness,
) -> None:
    harness.land(NAMES[0], json_lines(ROW))
    harness.load(make_spec())
    harness.land(NAMES[1], json_lines(ROW))
    harness.land("copy of it.jsonl", json_lines(ROW))

    report = harness.load(make_spec())

    assert (report.files, report.rows, report.seal) == ([], 0, seal_of(1))
    assert list(report.skipped_files) == [NAMES[1], "copy of it.jsonl"]
    assert report.skipped_files[NAMES[1]] == f"it has the same bytes as {NAMES[0]}, which is loaded"
    assert "2 new files skipped" in report.why_no_rows
    assert harness.rows("id", "_file") == [(1, NAMES[0])]
    assert harness.query("SELECT file, status, seal, load_id FROM ops.files ORDER BY number") == [
        (NAMES[0], "loaded", seal_of(0), 1),
        (NAMES[1], "skipped", seal_of(1), 2),
        ("copy of it.jsonl", "skipped", None, None),
    ]
    with harness.lake.reader() as cursor:
        progress = read_progress(cursor, "raw.payments")
    assert (progress.load_id, progress.seal) == (2, seal_of(1))
    before = harness.lake.snapshot()
    assert harness.load(make_spec()).skipped_files == {}
    assert harness.lake.snapshot() == before
    with another_lake(harness.settings, "fresh") as fresh:
        fresh.load(make_spec())
        assert full_state(fresh) == full_state(harness)


def test_repetitions_within_one_load_and_after_skipped_ones_are_found(harness: Harness) -> None:
    for name in NAMES[:3]:
        harness.land(name, json_lines(ROW))
    assert list(harness.load(make_spec()).skipped_files) == NAMES[1:3]
    harness.land(NAMES[3], json_lines(payment(2, seal_of(3))))
    assert harness.load(make_spec()).load_ids == [4]
    assert harness.rows("id", "known_at")[1] == (2, seal_of(3))


def test_files_without_rows_are_never_repetitions(harness: Harness) -> None:
    spec = make_spec(contract={"on_change": "freeze"})
    for day in range(3):
        harness.land(file_name(seal_of(day), ".csv"), b"id,time,amount,note\n")
    report = harness.load(spec)
    assert (len(report.files), report.skipped_files, report.seal) == (3, {}, seal_of(2))


def test_equal_files_that_are_different_facts_are_loaded_on_request(harness: Harness) -> None:
    for name in NAMES[:2]:
        harness.land(name, json_lines(ROW))
    assert len(harness.load(make_spec(repeated_files="load")).files) == 2
    assert harness.rows("_file") == [(NAMES[0],), (NAMES[1],)]


def test_files_of_other_connectors_are_never_repetitions(harness: Harness) -> None:
    columns = [column("id", "BIGINT"), column("op"), column("time", "TIMESTAMP")]
    connector = {"kind": "database", "url": "sqlite:x", "table": "t", "updated_at": "time"}
    back = [{"id": 1, "op": op, "time": "2026-05-01T00:00:00Z"} for op in ("upsert", "delete")]
    for name, row in zip(NAMES, (*back, back[0]), strict=False):
        harness.land(name, json_lines(row))
    assert len(harness.load(make_spec(columns, connector=connector)).files) == 3


@pytest.mark.slow
def test_an_unload_does_not_bring_the_repetition_in(harness: Harness) -> None:
    for name in NAMES[:2]:
        harness.land(name, json_lines(ROW))
    harness.load(make_spec())
    done = unload(make_spec(), harness.lake, harness.settings, NAMES[0], who="me", why="wrong")
    assert (done.repeats, done.seal) == ((NAMES[1],), seal_of(1))
    assert harness.load(make_spec()).files == []
    assert harness.rows("id") == []

    harness.land(NAMES[2], json_lines(ROW))  # the same bytes, on purpose, under another name
    assert harness.load(make_spec()).files == [NAMES[2]]
    with another_lake(harness.settings, "fresh") as fresh:
        fresh.load(make_spec())
        assert fresh.rows("_file", "known_at") == harness.rows("_file", "known_at")


def test_the_seal_of_a_repetition_can_be_withdrawn(harness: Harness) -> None:
    for name in NAMES[:2]:
        harness.land(name, json_lines(ROW))
    harness.load(make_spec())
    done = unload(make_spec(), harness.lake, harness.settings, NAMES[1], who="me", why="wrong day")
    assert (done.rows, done.seal) == (0, seal_of(0))
    assert pending_files(make_spec(), harness.lake, harness.settings) == []
    assert harness.rows("id") == [(1,)]


def test_a_repetition_that_gets_other_bytes_is_a_new_file(harness: Harness) -> None:
    for name in NAMES[:2]:
        harness.land(name, json_lines(ROW))
    harness.load(make_spec())
    (Path(harness.settings.landing) / "payments" / NAMES[1]).unlink()
    harness.land(NAMES[1], json_lines(payment(20, seal_of(1))))
    assert harness.load(make_spec()).files == [NAMES[1]]
    assert harness.rows("id") == [(1,), (20,)]


BOUNDED: list[dict[str, Any]] = [
    column("id", "BIGINT", maximum=10),
    *(column("time", "TIMESTAMP"), column("amount", "DECIMAL(18,2)"), column("note")),
]
WIDER = [{**BOUNDED[0], "maximum": 99}, *BOUNDED[1:]]


@pytest.mark.slow
def test_released_rows_are_loaded_even_if_their_file_equals_the_first(harness: Harness) -> None:
    harness.land(NAMES[0], json_lines(payment(50, seal_of(0))))
    harness.load(make_spec(BOUNDED))
    harness.land(NAMES[1], json_lines(payment(50, seal_of(0))))
    skipped = harness.load(make_spec(BOUNDED)).skipped_files[NAMES[1]]
    assert (
        "to try its 1 rejected rows again: lakehouse quarantine release payments --file" in skipped
    )
    spec = make_spec(WIDER)
    (made,) = release(spec, harness.lake, harness.settings, Choice(), who="me", why="x", now=NOON)
    report = harness.load(spec)
    assert (report.files, report.skipped_files) == ([made.released_into], {})
    assert harness.rows("id") == [(50,)]
    with another_lake(harness.settings, "fresh") as fresh:
        fresh.load(spec)
        assert fresh.rows("id") == [(50,)]


def test_a_rebuild_reads_neither_repetitions_nor_loses_their_seals(harness: Harness) -> None:
    for name in NAMES[:2]:
        harness.land(name, json_lines(ROW))
    harness.load(make_spec())
    before = harness.rows("*"), harness.query("FROM ops.files ORDER BY number")
    (Path(harness.settings.landing) / "payments" / NAMES[1]).unlink()
    done = rebuild(make_spec(), harness.lake, harness.settings)
    assert done is not None
    assert done.files == 1
    assert (harness.rows("*"), harness.query("FROM ops.files ORDER BY number")) == before


def test_a_file_with_the_bytes_of_a_refused_one_is_loaded(harness: Harness) -> None:
    harness.land(file_name(seal_of(0).replace(year=2206)), json_lines(ROW))
    assert harness.load(make_spec(), now=lambda: NOON).files == []
    harness.land(NAMES[0], json_lines(ROW))
    assert harness.load(make_spec(), now=lambda: NOON).files == [NAMES[0]]


@pytest.mark.parametrize("value", ["ignore", ""])
def test_an_unknown_choice_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="repeated_files"):
        make_spec(repeated_files=value)
