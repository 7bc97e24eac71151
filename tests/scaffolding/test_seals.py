"""Seals of sample files: from their names, or from their rows and those of the next file."""

from datetime import datetime, timedelta

from lakehouse.scaffolding.seals import Span, find_seals

DAY = datetime(2026, 5, 1)
LATER = datetime(2026, 7, 1)


def hours(first: int, last: int) -> Span:
    return Span(DAY + timedelta(hours=first), DAY + timedelta(hours=last))


def test_files_that_one_file_follows_have_its_seal_and_the_sentence_is_true() -> None:
    found = find_seals(
        ["a.csv", "b.csv", "c.csv"], [hours(0, 8), hours(0, 9), hours(10, 11)], [LATER] * 3
    )
    before = DAY + timedelta(hours=10, microseconds=-1)
    assert found.seals[:2] == (before, before)
    assert any("several files have the same seal" in one for one in found.sentences)
    assert "the last moment before the next file's rows" in found.sentences[0]


def test_a_single_file_has_no_next_one_and_ends_when_it_was_written() -> None:
    written = DAY + timedelta(hours=9)
    found = find_seals(["orders.csv"], [hours(0, 8)], [written])
    assert found.seals == (written,)
    assert "next file" not in found.sentences[0]
    assert ", or when it was written; name" in found.sentences[0]


def test_a_month_without_times_is_no_seal() -> None:
    found = find_seals(["season_2011-12.csv"], [None], [LATER])
    assert found.pattern is None
    assert found.seals == (LATER,)
