"""The order of loads is counted, never read from a clock; a load that repeats itself ends."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse.lake import Author, qualified
from lakehouse.lake.layout import FILES
from lakehouse.sources import loading, pending_files
from lakehouse.sources.deciding import Todo
from lakehouse.sources.errors import LoadError
from lakehouse.sources.manifest import last_number

from .conftest import Harness, file_name, json_lines, make_spec, payment, seal_of

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
ROWS = json_lines(payment(1, seal_of(0)), payment(2, seal_of(0)))


def test_a_corrected_file_is_loaded_once_though_the_clock_was_set_back(harness: Harness) -> None:
    harness.land(file_name(seal_of(0)), b"")
    refused = harness.load(make_spec(), now=lambda: NOON)
    assert list(refused.quarantined_files) == [file_name(seal_of(0))]
    harness.land(file_name(seal_of(0)), ROWS)
    clock = (NOON - timedelta(hours=1, seconds=n) for n in range(9))

    report = harness.load(make_spec(), now=lambda: next(clock))

    assert (report.rows, report.files) == (2, [file_name(seal_of(0))])
    assert harness.lake.rows("raw.payments") == 2
    assert pending_files(make_spec(), harness.lake, harness.settings) == []
    assert harness.query("SELECT number, status FROM ops.files ORDER BY number") == [
        (1, "quarantined"),
        (2, "loaded"),
    ]


@pytest.mark.slow
@settings(
    max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture, *HealthCheck]
)
@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(-99, 99)), max_size=8))
def test_any_clock_gives_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, bool, int]]
) -> None:
    from lakehouse.lake import Lake
    from lakehouse.settings import load_settings

    found: list[Any] = []
    for clocks in (True, False):
        home = load_settings({}, data_dir=tmp_path_factory.mktemp("clock"))
        with Lake(home) as lake:
            harness = Harness(home, lake)
            for number, (day, whole, hours) in enumerate(steps):
                content = json_lines(payment(number, seal_of(day))) if whole else b""
                name = file_name(seal_of(day))
                known = harness.query("SHOW TABLES FROM lake.ops") and harness.query(
                    f"SELECT count(*) FROM ops.files WHERE file = '{name}' AND status = 'loaded'"
                )
                if known != [(1,)]:
                    harness.land(name, content)
                moment = NOON + timedelta(hours=hours if clocks else number)
                harness.load(make_spec(), now=lambda moment=moment: moment)
            harness.load(make_spec())
            found.append(
                (
                    harness.rows("_file", "_row", "_load_id", "id", "known_at"),
                    harness.query(
                        "SELECT file, status, load_id, seal FROM ops.files ORDER BY number"
                    ),
                )
            )
    assert found[0] == found[1]


def test_a_load_that_makes_no_progress_ends_with_an_error_that_names_the_file(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.land(file_name(seal_of(0)), ROWS)

    def forgetful(spec: Any, files: Any, seen: Any, *more: Any) -> Todo:
        return Todo(last_number(seen), None, new=tuple(files))

    monkeypatch.setattr(loading, "find_todo", forgetful)

    with pytest.raises(LoadError, match=file_name(seal_of(0))):
        harness.load(make_spec())


def test_a_manifest_without_numbers_is_numbered_in_the_order_of_its_commits(
    harness: Harness,
) -> None:
    harness.land(file_name(seal_of(0)), b"")
    harness.land(file_name(seal_of(1)), ROWS)
    harness.load(make_spec(), now=lambda: NOON)
    harness.land(file_name(seal_of(0)), json_lines(payment(3, seal_of(0))))
    harness.load(make_spec(), now=lambda: NOON - timedelta(days=1))
    before = harness.query("SELECT number, file, status, seal FROM ops.files ORDER BY number")
    with harness.lake.writer(Author("an older version")) as cursor:
        cursor.execute(f"ALTER TABLE {qualified(FILES)} DROP COLUMN number")
    assert pending_files(make_spec(), harness.lake, harness.settings) == []

    harness.load(make_spec())

    assert (
        harness.query("SELECT number, file, status, seal FROM ops.files ORDER BY number") == before
    )
    assert [row[0] for row in before] == [1, 2, 3]
    assert harness.lake.rows("raw.payments") == 3
