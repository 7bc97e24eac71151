"""No report of 0 rows without its reason."""

from lakehouse.sources.manifest import count_files
from lakehouse.sources.reasons import note_on

from .conftest import Harness, file_name, json_lines, make_spec, payment, seal_of

NAMES = [file_name(seal_of(day)) for day in range(3)]


def note(harness: Harness, pending: int = 0) -> str:
    with harness.lake.reader() as cursor:
        return note_on(count_files(cursor, "payments"), pending)


def test_a_source_without_files_names_its_folder(harness: Harness) -> None:
    why = harness.load(make_spec()).why_no_rows
    assert why == f"no file has landed in {harness.settings.landing}/payments"
    assert note(harness) == "no file has landed"
    assert note(harness, 2) == "2 new files to load with `lakehouse run`"


def test_rows_need_no_reason(harness: Harness) -> None:
    harness.land(NAMES[0], json_lines(payment(1, seal_of(0))))
    assert harness.load(make_spec()).why_no_rows == ""
    assert note(harness) == ""


def test_without_new_files_the_newest_is_named_with_its_time(harness: Harness) -> None:
    harness.land(NAMES[0], json_lines(payment(1, seal_of(0))))
    harness.load(make_spec())
    (loaded,) = harness.query("SELECT loaded_at FROM ops.files")
    why = harness.load(make_spec()).why_no_rows
    assert why == f"no new file since {NAMES[0]} ({loaded[0]:%Y-%m-%d %H:%M} UTC)"


def test_rejected_rows_empty_and_refused_files_are_reasons(harness: Harness) -> None:
    harness.land(NAMES[0], json_lines({"id": "x"}))
    assert harness.load(make_spec()).why_no_rows == "every row was rejected (1)"
    assert note(harness) == "every row was rejected (1)"
    harness.land(NAMES[1], b"\n")
    assert harness.load(make_spec()).why_no_rows == "1 new file had no rows"
    harness.land(NAMES[2], b"")
    refused = harness.load(make_spec()).why_no_rows
    assert refused == f"1 file refused: {NAMES[2]}: the file is empty (0 bytes)"
    again = harness.load(make_spec()).why_no_rows
    assert again.startswith(f"no new file since {NAMES[2]}")
    assert again.endswith(f"1 file refused before: {NAMES[2]}: the file is empty (0 bytes)")
    assert "1 file refused: see `lakehouse quarantine list`" in note(harness)
