"""Thresholds as stored, including those of an older lake."""

from datetime import datetime

from lakehouse.lake import Author, Lake, layout
from lakehouse.registry import tables
from lakehouse.registry.thresholds import Threshold, find_thresholds, write_thresholds


def test_thresholds_of_an_older_release_flag_all_equal_scores(lake: Lake) -> None:
    with lake.writer(Author("test")) as writer:
        tables.create(writer)
        writer.execute(f"ALTER TABLE {layout.THRESHOLDS} DROP COLUMN ties")
        writer.execute(
            f"INSERT INTO {layout.THRESHOLDS} BY NAME SELECT 'm' AS model, 'v1' AS version, "
            "TIMESTAMP '2026-01-01' AS valid_from, 0.5 AS threshold, 'first' AS rule, 0 AS days, "
            "0 AS rows, 0.0 AS alerts_per_day, '' AS run_id"
        )
    old = Threshold(datetime(2026, 1, 1), 0.5, "first")
    with lake.reader() as cursor:
        assert find_thresholds(cursor, "m", "v1") == [old]
    new = Threshold(datetime(2026, 1, 2), 0.4, "capacity", 1, 60, 5.0, ties=0.25)
    with lake.writer(Author("test")) as writer:
        write_thresholds(writer, "m", "v1", [new], "run")
    with lake.reader() as cursor:
        assert find_thresholds(cursor, "m", "v1") == [old, new]
