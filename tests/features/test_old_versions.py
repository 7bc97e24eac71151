"""A version that a model still reads keeps growing after its declaration has changed."""

import pytest

from lakehouse.features import FeatureError, refresh
from lakehouse.features.declared import refresh_problem
from lakehouse.features.increments import refresh_old_version
from lakehouse.features.retention import drop_old_versions
from lakehouse.lake import Author, Lake, qualified
from tests.features.test_increments import LABELS, TRANSACTIONS, days, deliver, seal, spec, table
from tests.features.test_retention import LATER

CHANGED = {"features": {"n": "n", "half": "n_1d / 2"}}


def problem(lake: Lake, name: str) -> str:
    with lake.reader() as cursor:
        return refresh_problem(cursor, name)


@pytest.mark.slow
@pytest.mark.parametrize("spine", [None, "hours"])
def test_an_old_version_keeps_growing_as_its_declaration_defines_it(
    lake: Lake, spine: str | None
) -> None:
    loads = days(4)
    spines = [
        *spec().model_dump()["spines"],
        {"name": "hours", "table": TRANSACTIONS, "key": "transaction_id"},
    ]
    before, changed = spec(spines=spines), spec(spines=spines, **CHANGED)
    deliver(lake, loads, 1)
    old = refresh(before, lake, spine=spine)
    new = refresh(changed, lake, spine=spine)
    assert old.table != new.table
    for load in range(2, 7):
        deliver(lake, loads, load)
        refresh(changed, lake, spine=spine)
        report = refresh_old_version(old.table, lake)
        assert (report.table, report.rows_total) == (old.table, sum(map(len, loads[:load])))
        assert report.seal == seal(load)
        with lake.reader() as cursor:
            view = f"features.risk{f'__{spine}' if spine else ''}"
            shown = [row[0] for row in cursor.execute(f"DESCRIBE lake.{view}").fetchall()]
        assert "half" in shown, "the view still shows the current declaration"
    snapshot, grown = lake.snapshot(), table(lake, old.table)
    assert refresh_old_version(old.table, lake).rows_added == 0
    assert lake.snapshot() == snapshot
    refresh(before, lake, spine=spine, full_refresh=True)
    assert table(lake, old.table) == grown


def test_the_next_refresh_stores_a_missing_declaration(
    lake: Lake,
) -> None:
    deliver(lake, days(1), 1)
    name = refresh(spec(), lake).table
    with lake.writer(Author("test")) as writer:
        writer.execute("DROP TABLE lake.ops.feature_versions")
    assert problem(lake, name) == f"the declaration of {name} was not stored"
    with pytest.raises(FeatureError, match="was not stored"):
        refresh_old_version(name, lake)
    refresh(spec(), lake)
    assert problem(lake, name) == ""
    snapshot = lake.snapshot()
    refresh(spec(), lake)
    assert lake.snapshot() == snapshot


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        (
            f"ALTER TABLE lake.{TRANSACTIONS} DROP COLUMN amount_cents",
            "has no column amount_cents",
        ),
        (
            f"ALTER TABLE lake.{TRANSACTIONS} ALTER amount_cents TYPE DOUBLE",
            "exact over integers only",
        ),
        (f"DROP TABLE lake.{LABELS}", "there is no table core.fct_labels"),
    ],
)
def test_a_version_that_cannot_be_computed_as_before_is_reported_and_nothing_is_written(
    lake: Lake, statement: str, reason: str
) -> None:
    deliver(lake, days(1), 1)
    name = refresh(spec(), lake).table
    with lake.writer(Author("test")) as writer:
        writer.execute(statement)
    snapshot = lake.snapshot()
    assert reason in problem(lake, name)
    assert lake.snapshot() == snapshot


def test_an_input_of_another_type_makes_the_old_version_uncomputable(lake: Lake) -> None:
    deliver(lake, days(1), 1)
    name = refresh(spec(), lake).table
    with lake.writer(Author("test")) as writer:
        writer.execute(f"ALTER TABLE {qualified(TRANSACTIONS)} ADD COLUMN small INTEGER")
        writer.execute(f"UPDATE {qualified(TRANSACTIONS)} SET small = amount_cents")
        writer.execute(f"ALTER TABLE {qualified(TRANSACTIONS)} DROP COLUMN amount_cents")
        writer.execute(f"ALTER TABLE {qualified(TRANSACTIONS)} RENAME small TO amount_cents")
    assert "cannot be computed as before" in problem(lake, name)


def test_dropping_a_version_deletes_its_declaration(lake: Lake) -> None:
    deliver(lake, days(1), 1)
    old = refresh(spec(), lake).table
    refresh(spec(**CHANGED), lake)
    assert drop_old_versions(lake, pinned=(), now=LATER) == [old]
    assert "was not stored" in problem(lake, old)
