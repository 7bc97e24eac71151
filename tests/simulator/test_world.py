"""A world is the same however it is created, continues after a kill, and is never overwritten."""

import random
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from lakehouse.errors import LakehouseError
from lakehouse.simulator import state
from lakehouse.simulator import world as world_module
from lakehouse.simulator.config import WorldConfig
from lakehouse.simulator.personal import DemoMissing
from lakehouse.simulator.world import (
    WorldError,
    advance_world,
    create_world,
    expected_counts,
    load_world,
)

START = date(2026, 3, 1)
MakeConfig = Callable[..., WorldConfig]
ReadWorld = Callable[[Path], Any]


def test_days_made_one_by_one_equal_days_made_at_once(
    world_files: Any, make_config: MakeConfig, read_world: ReadWorld, tmp_path: Path
) -> None:
    create_world(make_config(days=17), tmp_path / "world", tmp_path / "landing")
    for days in (1, 2, 10, 10):
        advance_world(tmp_path / "world", tmp_path / "landing", days)
    assert read_world(tmp_path).fingerprints() == world_files.fingerprints()
    assert expected_counts(tmp_path / "world") == expected_counts(world_files.world)


def test_another_seed_gives_another_world(
    world_files: Any, make_config: MakeConfig, read_world: ReadWorld, tmp_path: Path
) -> None:
    create_world(make_config(seed=8, days=2), tmp_path / "world", tmp_path / "landing")
    other, this = read_world(tmp_path).fingerprints(), world_files.fingerprints()
    drawn = [path for path in other if path == "bank" or "transactions/" in path]
    assert len(drawn) == 5
    assert not [path for path in drawn if this[path] == other[path]]


class Killed(Exception):
    pass


@pytest.mark.parametrize(
    "victim",
    [
        pytest.param("write_atomically", id="before a landing file"),
        pytest.param("json_lines", id="before any file of the day"),
        pytest.param("_close_bank", id="before the bank closes its day"),
        pytest.param("save", id="before the state is saved"),
        pytest.param("initial_population", id="while the world is created"),
    ],
)
def test_a_world_continues_after_a_kill_as_without_one(
    victim: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    world_files: Any,
    make_config: MakeConfig,
    read_world: ReadWorld,
) -> None:
    config, calls = make_config(days=6), 0
    module = world_module.state if victim == "save" else world_module
    original = getattr(module, victim)

    def fail_at_call(*args: object, **options: object) -> object:
        nonlocal calls
        calls += 1
        if calls == (1 if victim == "initial_population" else 5):
            raise Killed
        return original(*args, **options)

    monkeypatch.setattr(module, victim, fail_at_call)
    with pytest.raises(Killed):
        create_world(config, tmp_path / "world", tmp_path / "landing")
    monkeypatch.undo()
    world = create_world(config, tmp_path / "world", tmp_path / "landing")
    assert world.last_day == START + timedelta(days=5)
    advance_world(tmp_path / "world", tmp_path / "landing", 34)
    assert read_world(tmp_path).fingerprints() == world_files.fingerprints()


def test_a_world_is_not_overwritten_and_the_error_names_the_remedy(
    world_files: Any, make_config: MakeConfig
) -> None:
    with pytest.raises(WorldError, match="lakehouse simulate --days"):
        create_world(make_config(), world_files.world, world_files.landing)


def test_a_landing_zone_of_another_world_is_refused(
    world_files: Any, make_config: MakeConfig, read_world: ReadWorld, tmp_path: Path
) -> None:
    with pytest.raises(WorldError, match="has files"):
        create_world(make_config(), tmp_path / "world", world_files.landing)
    assert not (tmp_path / "world" / "world.json").exists()


def test_without_faker_the_error_names_the_extra_and_the_world_can_be_made_later(
    make_config: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "faker", None)
        with pytest.raises(DemoMissing, match=r"faker; install it with .*lakehouse\[demo\]"):
            create_world(make_config(days=1), tmp_path / "world", tmp_path / "landing")
    world = create_world(make_config(days=1), tmp_path / "world", tmp_path / "landing")
    assert world.is_complete


def test_the_error_names_the_missing_world(tmp_path: Path) -> None:
    with pytest.raises(LakehouseError, match=f"no world in {tmp_path}"):
        advance_world(tmp_path, tmp_path, 1)


def test_two_processes_cannot_advance_one_world(make_config: MakeConfig, tmp_path: Path) -> None:
    create_world(make_config(days=1), tmp_path / "world", tmp_path / "landing")
    with (
        world_module._exclusive_access(tmp_path / "world"),
        pytest.raises(WorldError, match="another process"),
    ):
        advance_world(tmp_path / "world", tmp_path / "landing", 1)


def test_progress_reports_each_day_once_and_counts_agree(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    reported: list[tuple[object, int]] = []
    world = create_world(
        make_config(days=3),
        tmp_path / "world",
        tmp_path / "landing",
        progress=lambda day, count: reported.append((day, count)),
    )
    assert [day for day, _ in reported] == [START + timedelta(days=n) for n in range(3)]
    assert sum(count for _, count in reported) == world.counts.transactions
    assert load_world(tmp_path / "world") == world


def test_a_world_ends_on_the_day_before_today() -> None:
    config = WorldConfig.ending(START, days=30)
    assert config.start + timedelta(days=config.days) == START
    assert (config.drift_days, config.wallet_day, config.truncated_day) == (30, 15, 18)


def test_the_smallest_world_works(make_config: MakeConfig, tmp_path: Path) -> None:
    config = make_config(customers=1, terminals=10, transactions_per_customer_day=0.01, days=30)
    world = create_world(config, tmp_path / "world", tmp_path / "landing")
    assert len(list((tmp_path / "landing" / "transactions").glob("*Z.jsonl.gz"))) == 30
    assert expected_counts(tmp_path / "world")["lines"] <= world.counts.transactions + 1


@pytest.mark.slow
def test_a_world_continues_after_a_kill_at_any_moment(
    make_config: MakeConfig, read_world: ReadWorld, world_files: Any, tmp_path: Path
) -> None:
    config = make_config().model_dump_json()
    script = (
        "import sys; from pathlib import Path\n"
        "from lakehouse.simulator.config import WorldConfig\n"
        "from lakehouse.simulator.world import create_world\n"
        "print('started', flush=True)\n"
        "create_world(WorldConfig.model_validate_json(sys.argv[1]), Path('world'), Path('landing'))"
    )
    chance, kills = random.Random(1), 0
    while not (state.exists(tmp_path / "world") and load_world(tmp_path / "world").is_complete):
        child = subprocess.Popen(
            [sys.executable, "-c", script, config], cwd=tmp_path, stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        child.stdout.readline()
        try:
            assert child.wait(timeout=chance.uniform(0.2, 0.8 + 0.3 * kills)) == 0
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            kills += 1
    assert kills > 0
    assert read_world(tmp_path).fingerprints() == world_files.fingerprints()
