"""A rollback to a version whose files are gone is refused, and the working version goes on."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from lakehouse.cli import main
from lakehouse.declarations.specs import Declarations
from lakehouse.lake import Author, Lake
from lakehouse.models import ModelSpec, declared
from lakehouse.models.readiness import prover
from lakehouse.monitoring import Finding, WatchReport
from lakehouse.monitoring.react.step import react, roll_back_failing_champion
from lakehouse.monitoring.review.step import ReviewReport
from lakehouse.registry import champion, list_versions, promote
from lakehouse.scoring import score
from lakehouse.settings import Settings, load_settings
from lakehouse.training import train
from tests.training.conftest import World, spec_values

CASE = Path(__file__).parent / "16-rollback-to-missing-version" / "model.yaml"
JUMP = Finding(
    "score_jump", datetime(2026, 3, 1).date(), False, 9.0, 1.0, "error", "scores jump", "", True
)


def model_specs() -> list[ModelSpec]:
    made = []
    for recipe in yaml.safe_load(CASE.read_text()).values():
        params = {**spec_values()["params"], "learning_rate": recipe["learning_rate"]}
        made.append(ModelSpec(**spec_values(params=params, rounds=recipe["rounds"], gates=[])))
    return made


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({}, data_dir=tmp_path / "data", threads=1)


class Case:
    """v0002 decides after v0001, whose folder was moved away."""

    def __init__(self, lake: Lake) -> None:
        self.lake, self.world = lake, World(lake)
        self.world.days(0, 60)
        first, self.spec = model_specs()
        train(first, lake)
        score(first, lake)
        manual = {"promotion": {"rule": "manual"}}
        second = ModelSpec(**{**self.spec.model_dump(mode="json"), **manual})
        made = train(second, lake).version
        promote(lake, "detector", made.version, who="me", why="better")
        (folder,) = (lake.settings.models_dir / "detector").glob("v0001-*")
        folder.rename(folder.with_name("away"))

    def champion_number(self) -> int:
        return champion(self.lake, "detector").number

    def can_score(self) -> bool:
        """The next day's rows are scored by the champion."""
        with self.lake.reader() as cursor:
            (day,) = cursor.execute("SELECT max(_load_id) FROM core.fct_transactions").fetchall()
        self.world.days(day[0], day[0] + 1)
        report = score(self.spec, self.lake)
        return report.rows == 60 and report.version == champion(self.lake, "detector").version


@pytest.fixture
def case(lake: Lake) -> Case:
    return Case(lake)


def test_16_a_rollback_by_hand_is_refused_and_the_champion_stays(
    case: Case, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`lakehouse models rollback` and what it advises."""
    monkeypatch.setattr(declared, "_read", lambda _: Declarations((case.spec,)))
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> tuple[int, str]:
        case.lake.close()
        result = CliRunner().invoke(main, ["models", *arguments, "--why", "alerts doubled"])
        return result.exit_code, result.stdout + result.stderr

    status, output = run("rollback", "detector")
    assert status == 1
    assert "v0001" in output
    assert "cannot be read" in output
    assert "nothing was moved" in output
    assert case.champion_number() == 2
    assert case.can_score()
    first = next(v.version for v in list_versions(case.lake, "detector") if v.number == 1)
    status, output = run("promote", "detector", first)
    assert status == 1
    assert "cannot score, so nothing was moved" in output
    assert case.champion_number() == 2


def test_16_a_rollback_by_monitoring_is_refused_and_the_champion_stays(case: Case) -> None:
    """A jump of scores asks for a rollback, and so does a champion that cannot score."""
    name = champion(case.lake, "detector").version
    watched = WatchReport("detector", name, (), 0, (JUMP,))
    reviewed = ReviewReport("detector", name, JUMP.day, 0, (), ())
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    for _ in range(2):
        (action,) = react(case.spec, case.lake, watched, reviewed, now=noon)
        assert not action.done
        assert "cannot be read" in action.outcome
    assert not roll_back_failing_champion(case.spec, case.lake, "cannot score", now=noon).done
    assert case.champion_number() == 2
    assert case.can_score()


def test_16_a_champion_without_files_is_replaced_as_the_message_advises(case: Case) -> None:
    """v0002 was taken back before (so it was with the fault), and v0001 decides without files."""
    with case.lake.writer(Author("test")) as writer:
        writer.execute("UPDATE registry.versions SET state = 'rolled_back' WHERE number = 2")
        writer.execute("UPDATE registry.versions SET state = 'champion' WHERE number = 1")
    action = roll_back_failing_champion(case.spec, case.lake, "v0001 cannot be loaded")
    assert not action.done
    second = next(v.version for v in list_versions(case.lake, "detector") if v.number == 2)
    assert f"lakehouse models promote detector {second}" in action.outcome
    prove = prover(case.spec, case.lake)
    promote(case.lake, "detector", second, who="me", why="the advice", prove=prove)
    assert case.champion_number() == 2
    assert case.can_score()


def test_16_training_again_replaces_missing_files(case: Case) -> None:
    """The champion itself lost its files: the same rows and recipe make one that can score."""
    champ = champion(case.lake, "detector")
    (case.lake.settings.models_dir / champ.artefact).rename(
        case.lake.settings.models_dir / "detector" / "away too"
    )
    report = train(case.spec, case.lake)
    assert report.trained
    assert (report.version.number, report.version.state) == (3, "candidate")
    assert f"lakehouse models promote detector {report.version.version}" in report.decision
    action = roll_back_failing_champion(case.spec, case.lake, "v0002 cannot be loaded")
    assert f"lakehouse models promote detector {report.version.version}" in action.outcome
    prove = prover(case.spec, case.lake)
    promote(case.lake, "detector", report.version.version, who="me", why="so", prove=prove)
    assert case.can_score()
