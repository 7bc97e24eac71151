from datetime import UTC, datetime

import pytest

from lakehouse.lake import Author
from lakehouse.registry import (
    NoChampion,
    RegistryError,
    Version,
    champion,
    get_version,
    list_transitions,
    list_versions,
    promote,
    rollback,
)
from lakehouse.registry.versions import register

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def version(number, model="m"):
    name = f"v{number:04d}-{number:08x}"
    return Version(
        model=model,
        version=name,
        number=number,
        state="candidate",
        created_at=datetime(2026, 6, 1),
        run_id="run",
        snapshot=7,
        training_set_id="set",
        training_set_hash="hash",
        split={"test_from": "2026-05-01T00:00:00"},
        code_version="1",
        code_hash="code",
        config_hash="config",
        feature_schema_hash="schema",
        params={"seed": 1},
        metrics={"test": {"auc_roc": 0.9, "recall": None}},
        artefact=f"{model}/{name}",
        files={"model.txt": "abc"},
    )


@pytest.fixture
def three(lake):
    with lake.writer(Author("test")) as writer:
        for number in (1, 2, 3):
            register(writer, version(number), "training", "first version")
    return [version(number).version for number in (1, 2, 3)]


def at(hour):
    return NOON.replace(hour=hour)


def reign(lake, name, hour):
    return promote(lake, "m", name, who="me", why="better", evidence={"ap": 1}, now=at(hour))


def test_a_version_comes_back_as_it_was_registered(lake, three):
    assert get_version(lake, "m", three[1]) == version(2)
    assert [found.version for found in list_versions(lake, "m")] == three[::-1]


def test_without_a_promotion_nobody_decides(lake, three):
    with pytest.raises(NoChampion, match="newest version v0003-00000003 is candidate"):
        champion(lake, "m")
    with pytest.raises(NoChampion, match="never trained"):
        champion(lake, "other")


def test_the_champion_is_who_was_promoted_not_who_is_newest(lake, three):
    reign(lake, three[1], 1)
    assert champion(lake, "m").version == three[1]
    reign(lake, three[0], 2)
    assert champion(lake, "m").version == three[0]
    states = {found.version: found.state for found in list_versions(lake, "m")}
    assert states == {three[0]: "champion", three[1]: "archived", three[2]: "candidate"}


def test_promoting_the_champion_again_changes_nothing(lake, three):
    reign(lake, three[0], 1)
    snapshot = lake.snapshot()
    reign(lake, three[0], 2)
    assert lake.snapshot() == snapshot


def test_rollback_brings_back_the_champion_before_and_never_the_one_taken_back(lake, three):
    for hour, name in enumerate((three[1], three[0], three[2])):
        reign(lake, name, hour)
    assert rollback(lake, "m", who="me", why="decay", now=at(10)).version == three[0]
    assert champion(lake, "m").version == three[0]
    assert get_version(lake, "m", three[2]).state == "rolled_back"
    assert rollback(lake, "m", who="me", why="decay", now=at(11)).version == three[1]
    with pytest.raises(RegistryError, match="no earlier champion to go back to"):
        rollback(lake, "m", who="me", why="decay", now=at(12))
    assert champion(lake, "m").version == three[1]


def test_every_step_is_a_row_with_who_when_why_and_evidence(lake, three):
    reign(lake, three[0], 1)
    rows = [row for row in list_transitions(lake, "m") if row.version == three[0]]
    made = {(row.from_state, row.to_state, row.who, row.why) for row in rows}
    assert made == {
        ("", "candidate", "training", "first version"),
        ("candidate", "champion", "me", "better"),
    }
    assert rows[0].evidence == {"ap": 1}
    assert rows[0].decided_at == at(1).replace(tzinfo=None)


def test_an_unknown_version_is_an_error_that_names_the_known_ones(lake, three):
    with pytest.raises(RegistryError, match=f"no version v9; known are: {three[2]}"):
        promote(lake, "m", "v9", who="me", why="hope")


def test_two_processes_cannot_register_the_same_number(lake, three):
    with (
        pytest.raises(RegistryError, match="m already has a version 3"),
        lake.writer(Author("test")) as writer,
    ):
        register(writer, version(3), "training", "again")
    assert len(list_versions(lake, "m")) == 3
