import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from lakehouse.lake import Author, Lake
from lakehouse.registry import (
    MOVES,
    NoChampion,
    RegistryError,
    Threshold,
    Version,
    archive,
    champion,
    get_version,
    list_transitions,
    list_versions,
    predecessor,
    promote,
    rollback,
    scoring_versions,
    start_shadow,
    threshold_at,
)
from lakehouse.registry.thresholds import write_thresholds
from lakehouse.registry.versions import register
from tests.lake.server import running_server


def always_ready(_version):
    return ""


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


def promote_at(lake, name, hour):
    return promote(lake, "m", name, who="me", why="better", evidence={"ap": 1}, now=at(hour))


def test_a_version_comes_back_as_it_was_registered(lake, three):
    assert get_version(lake, "m", three[1]) == version(2)
    assert [found.version for found in list_versions(lake, "m")] == three[::-1]


def test_without_a_promotion_no_version_decides(lake, three):
    with pytest.raises(NoChampion, match=r"v0003-00000003 is candidate; see registry\.gates"):
        champion(lake, "m")
    with pytest.raises(NoChampion, match="never trained"):
        champion(lake, "other")


def test_the_champion_is_the_promoted_version_not_the_newest(lake, three):
    promote_at(lake, three[1], 1)
    assert champion(lake, "m").version == three[1]
    promote_at(lake, three[0], 2)
    assert champion(lake, "m").version == three[0]
    states = {found.version: found.state for found in list_versions(lake, "m")}
    assert states == {three[0]: "champion", three[1]: "archived", three[2]: "candidate"}


def test_promoting_the_champion_again_changes_nothing(lake, three):
    promote_at(lake, three[0], 1)
    snapshot = lake.snapshot()
    promote_at(lake, three[0], 2)
    assert lake.snapshot() == snapshot


def test_rollback_restores_the_previous_champion_never_one_that_was_rolled_back(lake, three):
    for hour, name in enumerate((three[1], three[0], three[2])):
        promote_at(lake, name, hour)
    assert (
        rollback(lake, "m", prove=always_ready, who="me", why="decay", now=at(10)).version
        == three[0]
    )
    assert champion(lake, "m").version == three[0]
    assert get_version(lake, "m", three[2]).state == "rolled_back"
    assert (
        rollback(lake, "m", prove=always_ready, who="me", why="decay", now=at(11)).version
        == three[1]
    )
    with pytest.raises(RegistryError, match="no earlier champion to go back to"):
        rollback(lake, "m", prove=always_ready, who="me", why="decay", now=at(12))
    assert champion(lake, "m").version == three[1]


def test_every_move_is_a_row_with_who_when_why_and_evidence(lake, three):
    promote_at(lake, three[0], 1)
    rows = [row for row in list_transitions(lake, "m") if row.version == three[0]]
    made = {(row.from_state, row.to_state, row.who, row.why) for row in rows}
    assert made == {
        ("", "candidate", "training", "first version"),
        ("candidate", "champion", "me", "better"),
    }
    assert rows[0].evidence == {"ap": 1}
    assert rows[0].decided_at == at(1).replace(tzinfo=None)


def test_an_unknown_version_is_an_error_that_names_the_known_ones(lake, three):
    with pytest.raises(RegistryError, match=f"no version v9; known versions: {three[2]}"):
        promote(lake, "m", "v9", who="me", why="hope")


def test_two_processes_cannot_register_the_same_number(lake, three):
    with (
        pytest.raises(RegistryError, match="m already has a version 3"),
        lake.writer(Author("test")) as writer,
    ):
        register(writer, version(3), "training", "again")
    assert len(list_versions(lake, "m")) == 3


def test_a_shadow_may_take_over_and_an_error_names_the_states_of_any_other_move(lake, three):
    first, second, third = three
    promote_at(lake, first, 1)
    assert start_shadow(lake, "m", second, who="me", why="try").state == "shadow"
    assert promote_at(lake, second, 2).state == "champion"
    archive(lake, "m", third, who="me", why="too old")
    rollback(lake, "m", prove=always_ready, who="me", why="decay", now=at(3))
    with pytest.raises(RegistryError, match=r"is rolled_back and cannot become champion .*shadow"):
        promote_at(lake, second, 4)
    with pytest.raises(RegistryError, match="is rolled_back and cannot become archived"):
        archive(lake, "m", second, who="me", why="tidy")
    with pytest.raises(RegistryError, match="is champion and cannot become shadow"):
        start_shadow(lake, "m", first, who="me", why="doubt")
    with pytest.raises(RegistryError, match="decides; promote another version or roll it back"):
        archive(lake, "m", first, who="me", why="tidy")
    states = {found.version: found.state for found in list_versions(lake, "m")}
    assert states == {first: "champion", second: "rolled_back", third: "archived"}


@pytest.mark.slow
@given(data=st.data())
@hypothesis_settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_state_follows_from_recorded_allowed_moves_in_any_order_of_calls(lake, data):
    model = f"m{len(list_models(lake))}"
    with lake.writer(Author("test")) as writer:
        for number in (1, 2, 3):
            register(writer, version(number, model), "training", "made")
    names = [version(number).version for number in (1, 2, 3)]
    steps = data.draw(
        st.lists(st.tuples(st.sampled_from("psar"), st.sampled_from(names)), max_size=12)
    )
    expected_before = []  # replaced champions, the last one at the end
    for step, name in steps:
        champions = [v.version for v in list_versions(lake, model) if v.state == "champion"]
        before = predecessor(lake, model)
        try:
            if step == "p":
                promote(lake, model, name, who="me", why="p")
                if champions and champions[0] != name:
                    expected_before.append(champions[0])
            elif step == "s":
                start_shadow(lake, model, name, who="me", why="s")
            elif step == "a":
                archive(lake, model, name, who="me", why="a")
            else:
                assert (
                    rollback(lake, model, prove=always_ready, who="me", why="r").version
                    == before.version
                )
                expected_before = [n for n in expected_before if n != champions[0]]
        except RegistryError:
            continue
    found = {v.version: v.state for v in list_versions(lake, model)}
    assert len([s for s in found.values() if s == "champion"]) <= 1
    last = [n for n in expected_before if found[n] == "archived"]
    before = predecessor(lake, model)
    assert (before.version if before else None) == (last[-1] if last else None)
    replayed = {}
    for row in reversed(list_transitions(lake, model)):
        assert replayed.get(row.version, "") == row.from_state
        assert not row.from_state or row.to_state in MOVES[row.from_state]
        replayed[row.version] = row.to_state
    assert replayed == found


def list_models(lake):
    with lake.reader() as cursor:
        if not lake.exists("registry.versions"):
            return []
        return cursor.execute("SELECT DISTINCT model FROM registry.versions").fetchall()


def test_the_predecessor_is_the_last_replaced_champion_never_a_rolled_back_one(lake, three):
    assert predecessor(lake, "m") is None
    promote_at(lake, three[0], 1)
    assert predecessor(lake, "m") is None
    for name in three[1:]:
        promote_at(lake, name, 1)  # at the same time: the later record is the later move
    assert predecessor(lake, "m").version == three[1]
    rollback(lake, "m", prove=always_ready, who="me", why="decay", now=at(1))
    assert predecessor(lake, "m").version == three[0]
    start_shadow(lake, "m", three[2], who="me", why="second chance")
    archive(lake, "m", three[2], who="me", why="no")
    assert predecessor(lake, "m").version == three[0]


def test_the_champion_its_shadows_and_its_predecessor_score(lake, three):
    with lake.reader() as cursor, pytest.raises(NoChampion):
        scoring_versions(cursor, "m")
    with lake.writer(Author("test")) as writer:
        register(writer, version(4), "training", "made")
    promote_at(lake, three[0], 1)
    promote_at(lake, three[1], 2)
    start_shadow(lake, "m", three[2], who="me", why="try")
    with lake.reader() as cursor:
        found = [(v.version, v.state) for v in scoring_versions(cursor, "m")]
    assert found == [(three[1], "champion"), (three[2], "shadow"), (three[0], "archived")]


def test_two_callers_that_see_the_same_problem_roll_back_once(lake, three):
    for name in three:
        promote_at(lake, name, 1)
    rollback(lake, "m", prove=always_ready, who="watch", why="decay", expected_champion=three[2])
    with pytest.raises(RegistryError, match=f"about {three[2]}, but now {three[1]} decides"):
        rollback(
            lake, "m", prove=always_ready, who="watch", why="decay", expected_champion=three[2]
        )
    with pytest.raises(RegistryError, match="review the decision"):
        promote(lake, "m", three[0], who="watch", why="better", expected_champion=three[2])
    assert champion(lake, "m").version == three[1]


PROMOTE = """
import sys
from lakehouse.lake import Lake
from lakehouse.registry import promote
from lakehouse.settings import load_settings
with Lake(load_settings()) as lake:
    lake.snapshot()
    print("ready", flush=True)
    sys.stdin.readline()
    for turn in range(5):
        promote(lake, "m", sys.argv[1], who=sys.argv[1], why="mine")
"""


def race(settings, names):
    """Processes that each promote their own version, repeatedly, from one start."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROMOTE, name],
            env={**os.environ, **settings.environment()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0] * len(names)


def assert_one_champion(lake, names):
    states = [found.state for found in list_versions(lake, "m")]
    assert sorted(states) == ["archived"] * (len(names) - 1) + ["champion"]
    deciding = None
    for row in reversed(list_transitions(lake, "m")):
        if row.to_state == "champion":
            assert deciding is None
            deciding = row.version
        elif row.from_state == "champion":
            assert deciding == row.version
            deciding = None
    assert champion(lake, "m").version == deciding


@pytest.mark.slow
def test_processes_that_promote_at_once_leave_one_champion(lake, settings, three):
    race(settings, three)
    assert_one_champion(lake, three)


@pytest.mark.slow
def test_processes_that_promote_at_once_leave_one_champion_on_a_server(tmp_path):
    with running_server(tmp_path / "server") as server:
        settings = server.settings(tmp_path / "data", lock_timeout=60)
        with Lake(settings) as lake:
            with lake.writer(Author("test")) as writer:
                for number in (1, 2, 3):
                    register(writer, version(number), "training", "first version")
            names = [version(number).version for number in (1, 2, 3)]
            race(settings, names)
            assert_one_champion(lake, names)


def test_the_threshold_in_force_is_the_last_that_began(lake, three):
    june = datetime(2026, 6, 1)
    rows = [Threshold(june + timedelta(days=d), d / 10, "capacity", 3, 90, 5.0) for d in (0, 2)]
    with lake.writer(Author("test")) as writer:
        write_thresholds(writer, "m", three[0], rows, "run")
    with lake.reader() as cursor:
        assert threshold_at(cursor, "m", three[0], june - timedelta(seconds=1)) is None
        assert threshold_at(cursor, "m", three[0], june + timedelta(days=1)) == rows[0]
        assert threshold_at(cursor, "m", three[0], june + timedelta(days=2)) == rows[1]
        assert threshold_at(cursor, "m", three[1], june + timedelta(days=2)) is None
