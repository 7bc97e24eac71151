"""The loader: each row once, in the right table, with the right known-at."""

import gzip
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse.lake import Lake
from lakehouse.settings import load_settings
from lakehouse.sources import pending, read_seal, staging

from .conftest import Harness, file_name, json_lines, make_spec, payment, reference, seal_of

COLUMNS = ("_file", "_row", "id", "time", "amount", "note", "known_at")
numbers = count(1)


def test_rows_are_loaded_with_their_place_and_known_at(harness: Harness) -> None:
    files = [
        (file_name(seal_of(0)), json_lines(payment(1, datetime(2026, 5, 1, 9), note="a"))),
        (
            file_name(seal_of(1)),
            json_lines(
                payment(2, datetime(2026, 5, 2, 9), "2.50"),
                "",
                payment(3, datetime(2026, 5, 1, 8)),  # of the day before: known after its seal
                payment(4, datetime(2026, 5, 3, 1)),  # a clock that runs ahead: known at the seal
            ),
        ),
    ]
    for name, content in files:
        harness.land(name, content)

    report = harness.load(make_spec(), run_id="r1")

    assert harness.rows(*COLUMNS) == reference(files)[0]
    assert harness.rows("_row", "_load_id") == [(1, 1), (1, 2), (3, 2), (4, 2)]
    assert (report.files, report.rows, report.rejected) == ([f for f, _ in files], 4, 0)
    assert (report.load_ids, report.seal) == ([1, 2], seal_of(1))
    assert harness.query("SELECT load_id, seal FROM ops.progress") == [(2, seal_of(1))]
    assert harness.query("SELECT DISTINCT run_id FROM ops.files") == [("r1",)]
    assert read_seal(make_spec(), harness.lake) == seal_of(1)


def test_loading_again_changes_nothing_and_makes_no_snapshot(harness: Harness) -> None:
    harness.land(file_name(seal_of(0)), json_lines(payment(1, seal_of(0))))
    harness.load(make_spec())
    before = harness.lake.snapshot()

    report = harness.load(make_spec())

    assert (report.files, report.rows, report.seal) == ([], 0, seal_of(0))
    assert harness.lake.snapshot() == before
    assert pending(make_spec(), harness.lake) == ""


def test_an_empty_source_has_its_table_with_the_declared_columns(harness: Harness) -> None:
    report = harness.load(make_spec())

    assert (report.files, report.seal) == ([], None)
    described = harness.query("DESCRIBE raw.payments")
    assert [(name, type) for name, type, *_ in described] == [
        ("id", "BIGINT"),
        ("time", "TIMESTAMP"),
        ("amount", "DECIMAL(18,2)"),
        ("note", "VARCHAR"),
        ("_file", "VARCHAR"),
        ("_row", "BIGINT"),
        ("_load_id", "BIGINT"),
        ("_loaded_at", "TIMESTAMP"),
        ("known_at", "TIMESTAMP"),
    ]


def test_a_late_file_is_known_after_what_was_already_complete(harness: Harness) -> None:
    harness.land(file_name(seal_of(0)), json_lines(payment(1, seal_of(0))))
    harness.land(file_name(seal_of(4)), json_lines(payment(2, seal_of(4))))
    harness.load(make_spec())
    harness.land(file_name(seal_of(2)), json_lines(payment(3, seal_of(2))))

    report = harness.load(make_spec())

    late = seal_of(4) + timedelta(microseconds=1)
    assert harness.rows("id", "known_at")[-1] == (3, late)
    assert report.seal == late


def test_load_ids_are_one_sequence_over_all_sources(harness: Harness) -> None:
    for source in ("payments", "refunds"):
        harness.land(file_name(seal_of(0)), json_lines(payment(1, seal_of(0))), source)
        harness.load(make_spec(name=source))
    assert harness.query("SELECT source, load_id FROM ops.files ORDER BY load_id") == [
        ("payments", 1),
        ("refunds", 2),
    ]


values: Any = st.one_of(
    st.integers(-5, 5),
    st.sampled_from(["7", "1.5", "x", "", "1e3", None, True, "0.10", "0.105", " 1"]),
)
rows: Any = st.one_of(
    st.sampled_from(["{", "[]", "", '{"id": 1', "nonsense", '"text"', " "]),
    st.builds(
        lambda number, hours, amount, note: {
            "id": number,
            "time": (datetime(2026, 5, 1) + timedelta(hours=hours)).isoformat() + "Z",
            "amount": amount,
            "note": note,
        },
        st.one_of(st.integers(0, 99), st.sampled_from([None, "x", "3"])),
        st.integers(-30, 200),
        st.sampled_from(["1.00", "2.5", "0.105", "x", None, "-3"]),
        st.sampled_from([None, "", "ä", 'say "hi"', "line\nbreak"]),
    ),
)
deliveries: Any = st.lists(
    st.tuples(st.integers(0, 150), st.lists(rows, max_size=5)), max_size=6, unique_by=lambda d: d[0]
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    home = load_settings({}, data_dir=tmp_path_factory.mktemp("shared"))
    with Lake(home) as lake:
        yield Harness(home, lake)


@pytest.mark.slow
@settings(max_examples=12, suppress_health_check=list(HealthCheck))
@given(deliveries, st.data())
def test_any_files_in_any_batches_give_the_rows_of_the_plain_reference(
    shared: Harness, delivered: list[tuple[int, list[Any]]], data: Any
) -> None:
    source = f"payments_{next(numbers)}"
    spec = make_spec(name=source, repeated_files="load")
    order: list[tuple[str, bytes]] = []
    waiting: list[tuple[str, bytes]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staging, "BATCH_BYTES", data.draw(st.sampled_from([1, 300, 10**9])))
        for hours, content in [*delivered, (999, [])]:
            name = file_name(datetime(2026, 5, 1) + timedelta(hours=hours), ".jsonl.gz")
            waiting.append((name, gzip.compress(json_lines(*content))))
            shared.land(*waiting[-1], source)
            if hours == 999 or data.draw(st.integers(0, 2)) == 0:
                order += sorted(waiting)
                waiting.clear()
                shared.load(spec)

    good, bad = reference(order)
    assert shared.rows(*COLUMNS, table=f"raw.{source}") == good
    rejected = shared.query(
        "SELECT _file, _row, text FROM quarantine.rows "
        f"WHERE source = '{source}' ORDER BY _load_id, _row"
    )
    assert rejected == bad
    counts = shared.query(
        f"SELECT sum(rows), sum(rejected) FROM ops.files WHERE source = '{source}'"
    )
    assert counts == [(len(good), len(bad))]
