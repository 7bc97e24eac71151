"""Each move records the newest load at its time, so each row's deciding version is known."""

from lakehouse.lake import Author, Lake, Progress, write_progress
from lakehouse.registry import list_transitions, promote
from lakehouse.registry.promotion import champion_in
from lakehouse.scoring.deciders import ALL_LOADS, find_assignments, trained_until
from tests.registry.test_retention import name, train


def land(lake: Lake, load_id: int) -> None:
    with lake.writer(Author("test")) as writer:
        write_progress(writer, "raw.transactions", Progress(load_id, None))


def assignments(lake: Lake) -> list[tuple[str, int, int]]:
    with lake.reader() as cursor:
        found = find_assignments(cursor, champion_in(cursor, "m"))
    return [(one.version.version, one.after, one.until) for one in found]


def test_assignments_are_ranges_of_loads_without_gaps(lake: Lake) -> None:
    land(lake, 5)
    train(lake, 1, 2)
    promote(lake, "m", name(1), who="me", why="first")
    land(lake, 7)
    promote(lake, "m", name(2), who="me", why="try")
    promote(lake, "m", name(1), who="me", why="back, before anything landed")
    land(lake, 9)
    promote(lake, "m", name(2), who="me", why="again")
    assert [move.load_id for move in reversed(list_transitions(lake, "m"))][:3] == [5, 5, 5]
    assert assignments(lake) == [(name(1), 0, 7), (name(1), 7, 9), (name(2), 9, ALL_LOADS)]
    with lake.reader() as cursor:
        assert trained_until(cursor, champion_in(cursor, "m")) == 5


def test_a_registry_of_an_older_release_gets_the_column_with_the_next_move(lake: Lake) -> None:
    land(lake, 5)
    train(lake, 1, 2)
    promote(lake, "m", name(1), who="me", why="first")
    with lake.writer(Author("test")) as writer:
        writer.execute("ALTER TABLE registry.transitions DROP COLUMN load_id")
    assert {move.load_id for move in list_transitions(lake, "m")} == {None}
    assert assignments(lake) == [(name(1), 0, ALL_LOADS)]
    with lake.reader() as cursor:
        assert trained_until(cursor, champion_in(cursor, "m")) == ALL_LOADS
    land(lake, 7)
    promote(lake, "m", name(2), who="me", why="try")
    assert assignments(lake) == [(name(1), 0, 7), (name(2), 7, ALL_LOADS)]
