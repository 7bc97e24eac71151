"""Making a model: from a pinned training set and a choice to trees and card, the same bytes always.

Nothing is written, judged or registered here, and no test row is read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.explain import gain_importance
from lakehouse.lake.lake import code_version
from lakehouse.training import artefact, calibration
from lakehouse.training.calibration import Calibrator
from lakehouse.training.choose import Choice
from lakehouse.training.collapse import refuse_collapse
from lakehouse.training.columns import Columns, fit_columns
from lakehouse.training.fit import (
    Boosted,
    Examples,
    boost,
    dataset,
    library_versions,
    lightgbm_params,
)
from lakehouse.training.fold_data import examples, weigh
from lakehouse.training.identity import code_hash
from lakehouse.training.imbalance import true_odds
from lakehouse.training.library import import_lightgbm
from lakehouse.training.material import Material
from lakehouse.training.model import Model, ModelCard
from lakehouse.training.out_of_fold import OutOfFold, out_of_fold, threshold_on
from lakehouse.training.rows import Rows
from lakehouse.training.spec import ModelSpec
from lakehouse.training.warm_start import Start

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Made:
    """A model in memory, and the rows it was made of, with the features of its card."""

    model: Model
    rows: Mapping[str, Rows]
    out_of_fold: OutOfFold | None

    @property
    def files(self) -> dict[str, bytes]:
        """What `reproduce` compares byte for byte."""
        return {
            artefact.TREES: self.model.trees.encode(),
            artefact.CARD: artefact.card_bytes(self.model.card),
        }


def make(spec: ModelSpec, material: Material, choice: Choice, start: Start, threads: int) -> Made:
    """Fit trees; fit calibration and threshold to out-of-fold scores; write it all on a card.

    Trees stop growing by the validation rows. Out-of-fold scores come from as many rounds, which
    stop on nothing, so no row of theirs was used for anything before. Without a fold the threshold
    is taken from validation rows (without any, from training rows), and the card's notes say so.

    Raises:
        Collapsed: when the trees learnt next to nothing.
        TrainingError: when LightGBM refuses a parameter.
    """
    columns = fit_columns(spec, material.schema, material.train.matrix, choice.kept)
    material = material.only(columns.schema)
    parts = tuple(state.part for state in columns.extraction)
    cut = spec.model_copy(update={"extraction": parts})
    params = lightgbm_params(spec, choice.params, len(material.classes), threads)
    weighed = weigh(spec, material.train.label)
    learnt = examples(columns, material.train, weighed)
    validation = material.validation.of_classes(material.classes)
    boosted = _fit(spec, columns, params, learnt, validation, start)
    trees = boosted.trees()
    boosted = Boosted(import_lightgbm().Booster(model_str=trees), boosted.rounds)

    def score(rows: Rows) -> Scores:
        return true_odds(boosted.predict(columns.matrix(rows.matrix)), weighed.odds)

    period = "validation" if len(validation) else "train"
    judged = validation if len(validation) else material.train
    judged_score = score(judged)
    found = None
    if material.folds and (spec.task == "binary" or spec.calibration != "none"):
        found = out_of_fold(
            cut,
            columns.schema,
            material.train,
            material.folds,
            columns.used,
            params,
            boosted.rounds,
        )
    if found is not None and period == "train":
        period, judged, judged_score = "out-of-fold", found.rows, found.uncalibrated
    refuse_collapse(spec, judged, judged_score, material.train.label, period)
    calibrator = None
    if found is not None:
        calibrator = calibration.fit_calibration(
            spec.calibration, found.uncalibrated, found.rows.label
        )
        calibrated = np.asarray(calibration.apply(calibrator, found.uncalibrated), np.float64)
        found = replace(found, prediction=calibrated)
    threshold = (
        threshold_on(spec, judged, judged_score)
        if found is None
        else threshold_on(spec, found.rows, found.prediction)
    )
    card = ModelCard(
        model=spec.name,
        task=spec.task,
        features=columns.schema,
        extraction=columns.extraction,
        inputs=columns.used,
        classes=material.classes,
        odds=weighed.odds,
        calibration=calibrator,
        threshold=threshold,
        baseline=_baseline(spec, material.train),
        rounds=boosted.rounds,
        params=params,
        recipe=spec.recipe(),
        selection=choice.selection,
        study=choice.study,
        parent=start.parent,
        notes=_notes(spec, material, start, calibrator, period),
        training_set_hash=material.made.hash,
        split=material.made.split.as_json(),
        importance=gain_importance(boosted.booster, columns.used),
        code_version=code_version(),
        code_hash=code_hash(),
        libraries=library_versions(),
        trees_sha256=artefact.sha256(trees.encode()),
    )
    rows = {"train": material.train, "validation": material.validation}
    return Made(Model(card, trees), rows, found)


def _fit(
    spec: ModelSpec,
    columns: Columns,
    params: Mapping[str, Any],
    learnt: Examples,
    validation: Rows,
    start: Start,
) -> Boosted:
    data = dataset(learnt, columns.categorical, params)
    stop = None
    if spec.early_stopping and len(validation):
        stop = data.create_valid(columns.matrix(validation.matrix), validation.label)
    return boost(spec, params, data, spec.rounds, stop, start.booster)


def _baseline(spec: ModelSpec, train: Rows) -> float:
    """What the trivial model knows: the label's mean, or the position of the commonest class."""
    if spec.task == "multiclass":
        return float(np.bincount(train.label.astype(int)).argmax())
    return float(train.label.mean())


def _notes(
    spec: ModelSpec, material: Material, start: Start, calibrator: Calibrator | None, period: str
) -> tuple[str, ...]:
    """What was declared and could not be done, each with its reason."""
    notes = []
    missed = spec.folds.count - len(material.folds)
    if missed and material.folds:
        notes.append(f"{len(material.folds)} of {spec.folds.count} folds: history is too short")
    elif missed:
        without = {
            "no search": spec.search is not None,
            "no selection": spec.selection is not None,
            "no calibration": spec.calibration != "none",
            f"the threshold is taken from {period} rows": spec.task == "binary",
        }
        said = ", ".join(text for text, applies in without.items() if applies)
        if said:
            notes.append(f"the training period is too short for a walk-forward fold: {said}")
    if material.folds and spec.calibration != "none" and calibrator is None:
        notes.append("no calibration: too few out-of-fold rows of a class, or none that rank")
    if start.why_not:
        notes.append(f"no warm start: {start.why_not}")
    return tuple(notes)
