import pytest

from lakehouse.lake import Lake
from lakehouse.models.artefact import CARD, TREES
from lakehouse.registry import champion, list_versions
from lakehouse.settings import load_settings
from lakehouse.training import reproduction as reproduce_module
from lakehouse.training import train
from lakehouse.training.fitting.collapse import Collapsed
from lakehouse.training.reproduction import NotReproducible, reproduce
from tests.training.conftest import change

EVERYTHING = {
    "folds": {"count": 2, "length": "3d"},
    "search": {"trials": 3, "space": {"num_leaves": {"low": 3, "high": 15}}, "sample": 0.5},
    "selection": {"repeats": 2},
    "extraction": [{"name": "odd", "kind": "anomaly", "columns": ["amount_eur", "risk"]}],
    "imbalance": {"method": "undersample", "ratio": 3},
    "calibration": "sigmoid",
}


@pytest.mark.slow
def test_a_version_with_every_option_is_reproduced_byte_for_byte(lake, world, detector, tmp_path):
    spec = detector(**EVERYTHING)
    version = train(spec, lake).version
    with Lake(load_settings({}, data_dir=tmp_path / "other", threads=1)) as other:
        type(world)(other).days(0, 60)
        assert train(spec, other).version.files[CARD] == version.files[CARD]
    change(lake, "DELETE FROM registry.trials")
    change(lake, "UPDATE features.context__0a1b2c3d SET amount_eur = 0")
    today = detector(seed=9)
    result = reproduce(today, lake, version)
    assert result.same, result.why
    assert set(result.files) == {TREES, CARD}
    assert all(before == now for before, now in result.files.values())


@pytest.mark.parametrize("task", ["forecast", "scenario"])
def test_forecasts_and_classes_are_reproduced_too(request, lake, world, task):
    spec = request.getfixturevalue(task)()
    version = train(spec, lake).version
    assert reproduce(spec, lake, version).same


@pytest.mark.slow
def test_other_code_or_libraries_are_named_and_need_force(lake, world, detector, monkeypatch):
    version = train(detector(), lake).version
    monkeypatch.setattr(reproduce_module, "code_hash", lambda: "f" * 64)
    monkeypatch.setattr(
        reproduce_module, "library_versions", lambda: {"lightgbm": "9.9", "numpy": "1.0"}
    )
    with pytest.raises(
        NotReproducible,
        match=r"duckdb was .*missing; lightgbm was [\d.]+, here it is 9\.9.*code was .*f{12}",
    ):
        reproduce(detector(), lake, version)
    forced = reproduce(detector(), lake, version, force=True)
    assert forced.same
    assert "lightgbm was" in forced.why


@pytest.mark.slow
def test_erased_rows_prevent_reproduction(lake, world, detector):
    version = train(detector(), lake).version
    change(lake, "DELETE FROM training.detector WHERE customer_id = 3")
    with pytest.raises(NotReproducible, match=r"had \d+ rows, now there are \d+.*erasure"):
        reproduce(detector(), lake, version)


@pytest.mark.slow
def test_a_warm_start_records_its_parent_and_is_reproduced_from_it(lake, world, detector):
    spec = detector(warm_start=True, gates=[])
    first = train(spec, lake)
    assert first.notes[-1] == "no warm start: there is no champion yet"
    assert reproduce(spec, lake, first.version).same
    assert not train(spec, lake, force=True).trained
    world.days(60, 67)
    second = train(spec, lake)
    assert second.trained
    model = reproduce_module.artefact.load_model(
        lake.settings.models_dir, second.version.artefact, second.version.files
    )
    assert model.card.parent.version == first.version.version
    assert model.card.parent.trees_sha256 == first.version.files[TREES]
    assert reproduce(spec, lake, second.version).same
    trees = lake.settings.models_dir / first.version.artefact / TREES
    trees.write_bytes(trees.read_bytes() + b" ")
    with pytest.raises(
        NotReproducible, match=rf"trees of {first.version.version}.*cannot be repeated"
    ):
        reproduce(spec, lake, second.version)


@pytest.mark.slow
def test_a_collapse_leaves_champion_and_registry_unchanged(lake, world, detector):
    good = train(detector(), lake).version
    change(
        lake,
        "UPDATE core.fct_labels SET is_fraud = hash(transaction_id) % 5 = 0",
    )
    with pytest.raises(Collapsed, match="No version was registered; the champion stays"):
        train(detector(judging={"near_chance": 0.65}), lake, force=True)
    assert champion(lake, "detector").version == good.version
    assert [version.version for version in list_versions(lake, "detector")] == [good.version]
