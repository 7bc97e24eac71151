"""The parts of `python -m tests.benchmarks.peers` that measure nothing."""

from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from tests.benchmarks.peers.__main__ import main
from tests.benchmarks.peers.comparison import compare
from tests.benchmarks.peers.environments import REQUIREMENTS, pinned
from tests.benchmarks.peers.measurement import NoFigures, Outcome, parse
from tests.benchmarks.peers.models import judge
from tests.benchmarks.peers.scripts.measured import measure
from tests.benchmarks.peers.tables import rows_of

OURS = "SELECT 1 AS key, 10 AS n, 0.5 AS mean, 'x' AS skipped UNION ALL SELECT 2, NULL, NULL, 'y'"


def _compare(folder: Path, theirs: str):
    files = []
    for name, query in (("ours", OURS), ("theirs", theirs)):
        files.append(folder / f"{name}.parquet")
        duckdb.execute(f"COPY ({query}) TO '{files[-1]}'")
    return compare(*files, "key", frozenset({"skipped"}))


def test_equal_tables_are_equal_in_any_order_and_with_nan_for_null(tmp_path):
    theirs = "SELECT 2 AS key, 'NaN'::DOUBLE AS n, NULL AS mean UNION ALL SELECT 1, 10, 0.5"
    found = _compare(tmp_path, theirs)
    assert (found.rows, found.unmatched, found.columns) == (2, 0, 2)
    assert found.verdict == "equal to the bit"


@pytest.mark.parametrize(
    ("theirs", "verdict"),
    [
        ("SELECT 1 AS key, 10 AS n, 0.5 AS mean", "1 rows unmatched"),
        (OURS + " UNION ALL SELECT 3, NULL, NULL, ''", "1 rows unmatched"),
        (OURS.replace("10 AS", "11 AS"), "1 rows differ in 1 columns"),
        (OURS.replace("2, NULL", "2, 0"), "1 rows differ in 1 columns"),
        (OURS.replace("0.5 AS", "0.5::DOUBLE + 1e-15 AS"), "equal up to rounding"),
        (OURS.replace("0.5 AS mean", "0.5 AS other"), "equal to the bit in 1 of 2 columns"),
    ],
)
def test_what_differs_is_counted(tmp_path, theirs, verdict):
    assert _compare(tmp_path, theirs).verdict == verdict


def test_the_last_line_of_a_script_has_its_figures():
    assert parse('a warning\n[Stage 1:>  (0 + 2) / 3]   {"seconds": 1.5}\n') == {"seconds": 1.5}


@pytest.mark.parametrize("output", ["", "no figures\n", '{"seconds": 1\n', "[1]\n"])
def test_a_script_without_figures_is_an_error(output):
    with pytest.raises(NoFigures):
        parse(output)


def test_a_peer_that_was_not_measured_is_in_the_table_with_its_reason():
    task = {
        "ours": Outcome("ours", figures={"seconds": 1.25, "cpu": 2.0}).as_json(),
        "other": Outcome("other", "it needs [something] else").as_json(),
    }
    header, rows = rows_of(task)
    assert header == ["peer", "seconds", "cpu", "values"]
    assert rows == [["ours", "1.2", "2.0", ""], ["other", "", "", "it needs [something] else"]]


def test_a_test_row_without_a_score_is_an_error_and_perfect_scores_have_perfect_figures(tmp_path):
    rows, scores = tmp_path / "rows.parquet", tmp_path / "scores.parquet"
    query = "SELECT range AS key, 'test' AS split, (range > 7)::DOUBLE AS label FROM range(10)"
    duckdb.execute(f"COPY ({query}) TO '{rows}'")
    duckdb.execute(f"COPY (SELECT range AS key, range / 10 AS score FROM range(10)) TO '{scores}'")
    assert judge(rows, scores) == {"ap": 1.0, "auc": 1.0, "test_rows": 10}
    duckdb.execute(f"COPY (SELECT range AS key, range / 10 AS score FROM range(9)) TO '{scores}'")
    with pytest.raises(AssertionError, match="1 test rows have no score"):
        judge(rows, scores)


def test_an_unknown_name_is_refused_before_anything_is_measured(tmp_path):
    found = CliRunner().invoke(main, ["--handbook", str(tmp_path), "--only", "polars,pola"])
    assert found.exit_code == 2
    assert "unknown: pola" in found.output


def test_the_measured_part_has_seconds_and_memory_of_its_largest_run():
    held: list[bytes] = []
    found = measure(lambda: held.append(b"x" * 50_000_000), times=2)
    assert len(found["runs"]) == 2
    assert found["peak_mb"] >= found["base_mb"]
    assert found["seconds"] <= min(run["seconds"] for run in found["runs"]) + 0.001


@pytest.mark.parametrize("file", sorted(REQUIREMENTS.glob("*.txt")), ids=lambda file: file.stem)
def test_requirements_have_exact_versions_and_no_addresses(file):
    assert "/" not in file.read_text()
    lines = file.read_text().splitlines()
    assert len(pinned(file.stem)) == len(lines)
