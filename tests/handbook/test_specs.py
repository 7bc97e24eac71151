from datetime import timedelta

from lakehouse.benchmarks.handbook.benchmark import specs
from lakehouse.training.sets.folds import SHORTEST
from tests.project import PROJECT

BOOK = {"book_terminals", "book_amounts"}


def test_a_model_with_features_that_know_the_book_is_told_apart() -> None:
    models = specs(PROJECT).models
    knowing = {model.name for model in models if BOOK & {*model.feature_sets}}
    tagged = {model.name for model in models if model.tags.get("features") == "book-informed"}
    assert knowing == tagged == {"one_week_book", "all_history_book"}


def test_every_model_is_calibrated_on_folds_that_its_training_period_has_room_for() -> None:
    for model in specs(PROJECT).models:
        folds, period = model.folds, model.split.train
        assert model.calibration == "sigmoid"
        assert period is not None
        gap = model.gap if folds.settled else timedelta(0)
        assert period - folds.count * folds.length - gap >= SHORTEST * folds.length


def test_generic_and_book_informed_models_differ_in_features_alone() -> None:
    models = {model.name: model for model in specs(PROJECT).models}
    for name in ("one_week", "all_history"):
        generic = {"name": name, "tags": {}, "feature_sets": models[name].feature_sets}
        assert models[f"{name}_book"].model_copy(update=generic) == models[name]
