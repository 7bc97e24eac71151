import json
from datetime import datetime
from importlib import import_module

import pytest
from sklearn.metrics import average_precision_score

from lakehouse.lake import Lake
from lakehouse.models import BadArtefact, NotEnoughData, TrainingError, load_model
from lakehouse.models.artefact import CARD, EVALUATION, TREES
from lakehouse.models.split import Split
from lakehouse.registry import champion, list_gates, list_transitions, list_versions, promote
from lakehouse.settings import load_settings
from lakehouse.training import identity, train
from lakehouse.training.identity import why_due
from lakehouse.training.judging.decision import decide
from lakehouse.training.judging.replays import replay
from tests.training.conftest import change

train_module = import_module("lakehouse.training.step")


def files(lake, version):
    folder = lake.settings.models_dir / version.artefact
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def declared(lake, version):
    """The verdicts of the declared gates, without the probes."""
    gates = list_gates(lake, version.model, version.version)
    return [gate for gate in gates if not gate.gate.startswith("probe_")]


@pytest.mark.parametrize(
    "task",
    [
        "detector",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("forecast", "scenario")),
    ],
)
def test_the_same_rows_and_recipe_give_the_same_bytes_in_another_lake(
    request, world, lake, tmp_path, task
):
    spec = request.getfixturevalue(task)()
    first = train(spec, lake)
    assert first.trained
    assert first.champion == first.version.version
    with Lake(load_settings({}, data_dir=tmp_path / "other", threads=1)) as other:
        type(world)(other).days(0, 60)
        second = train(spec, other, run_id="another run")
        assert second.version.version == first.version.version
        assert files(other, second.version) == files(lake, first.version)
        assert set(files(lake, first.version)) == {TREES, CARD, EVALUATION}


def test_training_again_is_up_to_date_and_writes_nothing(lake, world, detector):
    first = train(detector(), lake)
    snapshot = lake.snapshot()
    again, forced = train(detector(), lake), train(detector(), lake, force=True)
    assert (again.trained, forced.trained) == (False, False)
    assert again.version == forced.version
    assert again.version.version == first.version.version
    assert lake.snapshot() == snapshot
    assert len(list_versions(lake, "detector")) == 1


def test_a_version_is_due_when_enough_days_settled_or_an_input_changed(
    lake, world, detector, monkeypatch
):
    spec = detector()
    version = train(spec, lake).version

    def why(spec):
        with lake.reader() as cursor:
            return why_due(spec, train_module.plan(cursor, spec), version)

    assert why(spec) == ""
    assert why(detector(seed=1)) == "the configuration changed"
    assert why(detector(description="Other words", gates=[])) == ""
    world.days(60, 66)
    assert why(spec) == ""
    world.days(66, 67)
    assert why(spec) == "labels of 7 more days have settled"
    monkeypatch.setattr(identity, "code_hash", lambda: "other")
    assert why(spec) == "the training code changed"
    monkeypatch.undo()
    change(lake, "CREATE TABLE features.risk__ffffffff AS FROM features.risk__0a1b2c3d")
    change(lake, "CREATE OR REPLACE VIEW features.risk AS FROM features.risk__ffffffff")
    assert why(spec) == "the features changed"


@pytest.mark.slow
def test_a_better_version_takes_over_and_a_worse_one_does_not(lake, world, detector):
    poor = train(detector(include=["channel", "amount_eur"], gates=[]), lake)
    good = train(detector(), lake)
    assert good.champion == good.version.version
    assert "beats" in good.decision
    worse = train(detector(include=["channel", "risk"], gates=[]), lake)
    assert worse.champion == good.version.version
    assert "does not significantly beat" in worse.decision
    states = {v.version: v.state for v in list_versions(lake, "detector")}
    assert states == {
        poor.version.version: "archived",
        good.version.version: "champion",
        worse.version.version: "candidate",
    }
    evidence = next(
        row.evidence
        for row in list_transitions(lake, "detector")
        if (row.version, row.to_state) == (good.version.version, "champion")
    )
    assert evidence["metric"] == "average_precision"
    assert evidence["candidate"] > evidence["champion_value"]


def test_a_failed_gate_prevents_promotion_until_the_gate_changes(lake, world, detector):
    strict = detector(gates=[{"metric": "average_precision", "at_least": 0.999}])
    report = train(strict, lake)
    assert report.champion is None
    assert report.decision == "failed test_average_precision_at_least"
    (gate,) = declared(lake, report.version)
    assert (gate.passed, gate.threshold) == (False, 0.999)
    assert gate.value == report.version.metrics["test"]["average_precision"]
    assert train(detector(), lake).champion == report.version.version
    assert declared(lake, report.version)[0].passed


def test_manual_promotion_waits_for_a_person(lake, world, detector):
    report = train(detector(promotion={"rule": "manual"}), lake)
    assert (report.champion, report.version.state) == (None, "candidate")


@pytest.mark.parametrize("rule", ["better", "shadow"])
def test_a_test_period_without_positives_promotes_no_version(lake, world, detector, rule):
    """No gate is declared, so only the rule itself can refuse it."""
    change(lake, "UPDATE core.truth SET is_fraud = false WHERE event_time >= '2026-02-16'")
    change(lake, "UPDATE core.fct_labels SET is_fraud = false WHERE event_time >= '2026-02-16'")
    report = train(detector(gates=[], promotion={"rule": rule}), lake)
    assert report.version.split["test_from"] == "2026-02-16T00:00:00"
    assert report.trained
    assert report.champion is None
    assert report.version.state == "candidate"
    assert "auc_roc is undefined on the test rows" in report.decision


@pytest.mark.parametrize("step", ["register", "write_gates", "promote_in"])
def test_a_process_killed_before_the_last_commit_leaves_no_version(
    lake, world, detector, monkeypatch, step
):
    class Killed(BaseException):
        pass

    def die(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(train_module, step, die)
        with pytest.raises(Killed):
            train(detector(), lake)
    (left,) = (lake.settings.models_dir / "detector").iterdir()
    assert list_versions(lake, "detector") == []
    report = train(detector(), lake)
    assert report.version.version == left.name
    assert champion(lake, "detector") == report.version.__class__(
        **{**vars(report.version), "state": "champion"}
    )
    (kept,) = (lake.settings.models_dir / "detector").iterdir()
    assert kept == left


def test_a_version_is_not_promoted_over_a_concurrently_promoted_one(
    lake, world, detector, monkeypatch
):
    first = train(detector(promotion={"rule": "manual"}), lake).version

    def decided_and_overtaken(*arguments):
        decision = decide(*arguments)
        assert decision.state == "champion"
        promote(lake, "detector", first.version, who="someone", why="by hand")
        return decision

    monkeypatch.setattr(train_module, "decide", decided_and_overtaken)
    report = train(detector(seed=7), lake)
    assert report.champion == first.version
    assert report.decision.startswith(f"not promoted: {first.version} is champion by now")
    assert champion(lake, "detector").version == first.version


def test_a_concurrently_dropped_training_set_leaves_no_version(lake, world, detector, monkeypatch):
    def decided_and_dropped(*arguments):
        change(lake, "DELETE FROM registry.training_sets")
        return decide(*arguments)

    monkeypatch.setattr(train_module, "decide", decided_and_dropped)
    with pytest.raises(TrainingError, match="has no training set"):
        train(detector(), lake)
    assert list_versions(lake, "detector") == []


def test_a_failure_while_writing_the_artefact_leaves_no_folder(lake, world, detector, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lakehouse.models.artefact.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        train(detector(), lake)
    assert list((lake.settings.models_dir / "detector").iterdir()) == []
    assert list_versions(lake, "detector") == []


def test_a_changed_or_missing_artefact_is_never_used(lake, world, detector):
    version = train(detector(), lake).version
    models = lake.settings.models_dir
    model = load_model(models, version.artefact, version.files)
    assert model.card.trees_sha256 == version.files[TREES]
    trees = models / version.artefact / TREES
    content = trees.read_bytes()
    trees.write_bytes(content.replace(b"0", b"1", 1))
    with pytest.raises(BadArtefact, match=r"model\.txt is not what was registered.*rollback"):
        load_model(models, version.artefact, version.files)
    trees.unlink()
    with pytest.raises(BadArtefact, match=r"model\.txt cannot be read \(No such file"):
        load_model(models, version.artefact, version.files)


def test_labels_of_one_class_are_an_error(lake, world, detector):
    change(lake, "UPDATE core.fct_labels SET is_fraud = false")
    with pytest.raises(NotEnoughData, match="training rows have the same label"):
        train(detector(), lake)


def test_a_parameter_that_lightgbm_rejects_is_a_clear_error(lake, world, detector):
    with pytest.raises(TrainingError, match=r"LightGBM cannot train.*num_leaves"):
        train(detector(params={"num_leaves": 1}), lake)


def test_a_text_with_too_many_values_is_refused(lake, world, detector):
    change(
        lake,
        "UPDATE features.context__0a1b2c3d SET channel = CAST(transaction_id AS VARCHAR)",
    )
    with pytest.raises(TrainingError, match=r"channel has .* different texts"):
        train(detector(), lake)


def test_the_card_records_everything_needed_to_reproduce_the_version(lake, world, detector):
    spec = detector()
    version = train(spec, lake).version
    card = json.loads(files(lake, version)[CARD])
    assert card["recipe"] == spec.recipe()
    assert card["training_set_hash"] == version.training_set_hash
    assert card["params"]["deterministic"] is True
    assert card["params"]["num_threads"] == lake.settings.cores
    assert card["features"]["categories"] == {"channel": ["chip", "contactless", "online"]}
    assert [f["name"] for f in card["features"]["features"]] == [
        "amount_eur",
        "channel",
        "risk",
        "risky",
    ]
    assert set(card["importance"]) == {"amount_eur", "channel", "risk", "risky"}


def test_a_replay_on_pinned_rows_reproduces_the_metrics(lake, world, detector):
    spec = detector()
    version = train(spec, lake).version
    change(lake, "UPDATE features.context__0a1b2c3d SET amount_eur = 0")
    rows, score = replay(spec, lake, version)
    measured = average_precision_score(rows.label > 0, score)
    assert version.metrics["test"]["average_precision"] == pytest.approx(measured)


def test_a_custom_split_needs_no_validation_period(lake, world, detector):
    days = [datetime(2026, 1, day) for day in (5, 19, 26, 26, 26)]
    split = Split(*days, datetime(2026, 2, 2), cutoff=datetime(2026, 2, 10))
    report = train(detector(), lake, split=split)
    assert set(report.version.metrics) == {"train", "test"}
    assert report.version.metrics["train"]["rows"] == 14 * world.per_day
    assert report.version.metrics["test"]["rows"] == 7 * world.per_day
    assert load_model(
        lake.settings.models_dir, report.version.artefact, report.version.files
    ).card.rounds == (detector().rounds)
    assert not train(detector(), lake, split=split).trained
