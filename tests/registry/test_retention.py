"""Training sets are deleted once no version still needs them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lakehouse.lake import Author, Lake, layout
from lakehouse.registry import Version, promote, rollback, start_shadow, tables
from lakehouse.registry.retention import (
    KEEP_FORMER_CHAMPIONS,
    KEEP_UNUSED,
    KEEP_VERSIONS,
    drop_training_sets,
    kept_versions,
)
from lakehouse.registry.versions import register
from tests.registry.test_registry import version


def always_ready(_version):
    return ""


MADE = datetime(2026, 6, 1, 12, tzinfo=UTC)
LATER = MADE + KEEP_FORMER_CHAMPIONS + timedelta(days=30)
BY = {"who": "a person", "why": "for the test"}


def pin(writer, model: str, set_id: str, at: datetime = MADE) -> None:
    writer.execute(
        f"CREATE TABLE IF NOT EXISTS lake.training.{model} (training_set_id VARCHAR, key BIGINT)"
    )
    writer.execute(f"INSERT INTO lake.training.{model} SELECT ?, range FROM range(10)", [set_id])
    row = dict.fromkeys(["hash", "split", "feature_schema"], "{}")
    row |= {"model": model, "training_set_id": set_id, "rows": 10, "without_features": 0}
    tables.insert(
        writer, layout.TRAINING_SETS, row | {"snapshot": 1, "created_at": at.replace(tzinfo=None)}
    )


def train(lake: Lake, *numbers: int, model: str = "m") -> None:
    """Versions with a training set each."""
    with lake.writer(Author("test")) as writer:
        for number in numbers:
            made: Version = replace(version(number, model), training_set_id=f"s{number}")
            register(writer, made, "training", "first version")
            pin(writer, model, made.training_set_id)


def name(number: int) -> str:
    return version(number).version


def sets(lake: Lake, model: str = "m") -> set[str]:
    with lake.reader() as cursor:
        listed = cursor.execute(
            "SELECT training_set_id FROM registry.training_sets WHERE model = ?", [model]
        ).fetchall()
        query = f"SELECT training_set_id, count(*) FROM training.{model} GROUP BY ALL"
        rows = cursor.execute(query).fetchall()
    assert sorted(rows) == sorted((set_id, 10) for (set_id,) in listed), "rows and list disagree"
    return {set_id for (set_id,) in listed}


def kept(lake: Lake, now: datetime = LATER) -> set[int]:
    return {version.number for version in kept_versions(lake, now=now)}


def test_only_the_sets_of_kept_versions_stay(lake: Lake) -> None:
    train(lake, *range(1, 9))
    dropped = drop_training_sets(lake, now=LATER)
    assert dropped == ["m/s1", "m/s2", "m/s3"]
    assert sets(lake) == {f"s{number}" for number in range(9 - KEEP_VERSIONS, 9)}


def test_the_champion_its_predecessor_and_shadows_are_kept_however_old(lake: Lake) -> None:
    train(lake, *range(1, 6))
    start_shadow(lake, "m", name(1), now=MADE, **BY)
    for number in (2, 3, 4):
        promote(lake, "m", name(number), now=MADE, **BY)
    train(lake, *range(6, 6 + KEEP_VERSIONS))
    newest = set(range(6, 6 + KEEP_VERSIONS))
    assert kept(lake) == newest | {1, 3, 4}
    drop_training_sets(lake, now=LATER)
    assert rollback(lake, "m", prove=always_ready, now=LATER, **BY).number == 3


def test_a_version_that_decided_within_ninety_days_is_kept(lake: Lake) -> None:
    train(lake, *range(1, 5))
    for number in (1, 2, 3):
        promote(lake, "m", name(number), now=MADE, **BY)
    train(lake, *range(5, 5 + KEEP_VERSIONS))
    assert 1 in kept(lake, MADE + KEEP_FORMER_CHAMPIONS)
    assert 1 not in kept(lake, MADE + KEEP_FORMER_CHAMPIONS + timedelta(seconds=1))


def test_the_newest_candidate_is_kept_however_many_came_after(lake: Lake) -> None:
    train(lake, 1, 2)
    for number in range(3, 4 + KEEP_VERSIONS):
        train(lake, number)
        promote(lake, "m", name(number), now=MADE, **BY)
    assert 2 in kept(lake)
    assert 1 not in kept(lake)


def test_models_are_kept_apart(lake: Lake) -> None:
    train(lake, *range(1, 9))
    train(lake, 1, model="other")
    drop_training_sets(lake, now=LATER)
    assert sets(lake, "other") == {"s1"}


def test_a_set_that_two_versions_share_stays_while_one_is_kept(lake: Lake) -> None:
    train(lake, *range(1, 9))
    with lake.writer(Author("test")) as writer:
        register(writer, replace(version(9), training_set_id="s1"), "training", "another recipe")
    drop_training_sets(lake, now=LATER)
    assert "s1" in sets(lake)


@pytest.mark.parametrize("age", [timedelta(), KEEP_UNUSED - timedelta(hours=1)])
def test_a_new_set_without_a_version_is_kept_as_training_may_be_under_way(
    lake: Lake, age: timedelta
) -> None:
    train(lake, 1)
    with lake.writer(Author("test")) as writer:
        pin(writer, "m", "unregistered", LATER - age)
        pin(writer, "m", "forgotten", LATER - KEEP_UNUSED - timedelta(hours=1))
    assert drop_training_sets(lake, now=LATER) == ["m/forgotten"]
    assert sets(lake) == {"s1", "unregistered"}


def test_dropping_is_one_commit_and_doing_it_again_makes_no_snapshot(lake: Lake) -> None:
    train(lake, *range(1, 9))
    before = lake.snapshot()
    drop_training_sets(lake, now=LATER)
    assert lake.snapshot() == before + 1
    assert drop_training_sets(lake, now=LATER) == []
    assert lake.snapshot() == before + 1


def test_an_empty_lake_has_nothing_to_drop(lake: Lake) -> None:
    assert drop_training_sets(lake) == []
    assert kept_versions(lake) == []
