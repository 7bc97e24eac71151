from datetime import timedelta

from lakehouse.benchmarks.handbook.benchmark import specs
from lakehouse.training.sets.folds import MIN_TRAIN_RATIO
from tests.project import PROJECT

BOOK = {"book_terminals", "book_amounts"}


def test_models_with_features_from_the_book_are_tagged_as_book_informed() -> None:
    models = specs(PROJECT).models
    informed = {model.name for model in models if BOOK & {*model.feature_sets}}
    tagged = {model.name for model in models if model.tags.get("features") == "book-informed"}
    assert informed == tagged == {"one_week_book", "all_history_book"}


def test_the_calibration_folds_of_every_model_fit_into_its_training_period() -> None:
    for model in specs(PROJECT).models:
        folds, period = model.folds, model.split.train
        assert model.calibration == "sigmoid"
        assert period is not None
        gap = model.gap if folds.settled else timedelta(0)
        assert period - folds.count * folds.length - gap >= MIN_TRAIN_RATIO * folds.length


def test_generic_and_book_informed_models_differ_only_in_features() -> None:
    models = {model.name: model for model in specs(PROJECT).models}
    for name in ("one_week", "all_history"):
        generic = {"name": name, "tags": {}, "feature_sets": models[name].feature_sets}
        assert models[f"{name}_book"].model_copy(update=generic) == models[name]
