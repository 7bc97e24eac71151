"""Make a model's trees and card from a pinned training set and a choice, deterministically.

This module reads no test rows and does not write, evaluate or register anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.explanations import gain_importance
from lakehouse.lake import code_version
from lakehouse.models import artefact, calibration
from lakehouse.models.calibration import Calibrator
from lakehouse.models.columns import Columns, fit_columns
from lakehouse.models.imbalance import correct_odds
from lakehouse.models.library import import_lightgbm
from lakehouse.models.model import Model, ModelCard
from lakehouse.models.prior import prior_shift, shift_odds
from lakehouse.models.spec import ModelSpec
from lakehouse.training.choosing.choice import Choice
from lakehouse.training.fitting.boosting import (
    Boosted,
    Examples,
    boost,
    dataset,
    library_versions,
    lightgbm_params,
    stopping,
)
from lakehouse.training.fitting.collapse import refuse_collapse
from lakehouse.training.fitting.cross_fitting import OutOfFold, out_of_fold, threshold_on
from lakehouse.training.fitting.fold_examples import examples, weight_rows
from lakehouse.training.fitting.parallel import useful_threads
from lakehouse.training.fitting.warm_start import WarmStart
from lakehouse.training.identity import code_hash
from lakehouse.training.sets.rows import Rows
from lakehouse.training.sets.training_data import TrainingData

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FittedModel:
    """A model in memory, and the rows that it was fitted on, with the features of its card."""

    model: Model
    rows: Mapping[str, Rows]
    out_of_fold: OutOfFold | None

    @property
    def files(self) -> dict[str, bytes]:
        """The files that `reproduce` compares byte for byte."""
        return {
            artefact.TREES: self.model.trees.encode(),
            artefact.CARD: artefact.card_bytes(self.model.card),
        }


def fit_model(
    spec: ModelSpec, data: TrainingData, choice: Choice, start: WarmStart, threads: int
) -> FittedModel:
    """Fit trees, then calibration and threshold on rows outside the training data; write a card.

    Early stopping uses the validation rows. Out-of-fold scores come from models with the same
    number of rounds and no early stopping. Calibration is fitted on both. The prior's shift and the
    threshold come from validation rows (without any, from out-of-fold rows, else from training
    rows, with a note).

    Raises:
        Collapsed: when the model is hardly better than chance.
        TrainingError: when LightGBM rejects a parameter.
    """
    columns = fit_columns(spec, data.schema, data.train.matrix, choice.kept)
    data = data.only(columns.schema)
    parts = tuple(state.part for state in columns.extraction)
    fold_spec = spec.model_copy(update={"extraction": parts})
    params = lightgbm_params(spec, choice.params, len(data.classes), threads)
    weighted = weight_rows(spec, data.train.label)
    train_examples = examples(columns, data.train, weighted)
    validation = data.validation.of_classes(data.classes)
    boosted = _fit(spec, columns, params, train_examples, weighted.odds, validation, start)
    trees = boosted.trees()
    boosted = Boosted(import_lightgbm().Booster(model_str=trees), boosted.rounds)

    def score(rows: Rows) -> Scores:
        return correct_odds(boosted.predict(columns.matrix(rows.matrix)), weighted.odds)

    period = "validation" if len(validation) else "train"
    holdout = validation if len(validation) else data.train
    holdout_score = score(holdout)
    found = None
    if data.folds and (spec.task.decides or spec.calibration != "none"):
        first_fold = 0 if spec.calibration != "none" else -spec.folds.search
        found = out_of_fold(
            fold_spec,
            columns.schema,
            data.train,
            data.folds[first_fold:],
            columns.used,
            params,
            boosted.rounds,
        )
    if found is not None and period == "train":
        period, holdout, holdout_score = "out-of-fold", found.rows, found.uncalibrated
    refuse_collapse(spec, holdout, holdout_score, data.train.label, period)
    calibrator, shift = _calibrate(spec, found, validation, holdout, holdout_score)

    def final(uncalibrated: Scores) -> Scores:
        return np.asarray(
            shift_odds(calibration.apply(calibrator, uncalibrated), shift), np.float64
        )

    if found is not None:
        found = replace(found, prediction=final(found.uncalibrated))
    chosen = threshold_on(spec, holdout, final(holdout_score))
    card = ModelCard(
        model=spec.name,
        task=spec.task,
        features=columns.schema,
        extraction=columns.extraction,
        inputs=columns.used,
        classes=data.classes,
        odds=weighted.odds,
        calibration=calibrator,
        shift=shift,
        threshold=chosen.threshold if chosen else None,
        ties=chosen.ties if chosen else 1.0,
        baseline=spec.task.baseline(data.train.label),
        rounds=boosted.rounds,
        params=params,
        recipe=spec.recipe(),
        selection=choice.selection,
        study=choice.study,
        parent=start.parent,
        notes=_notes(spec, data, start, calibrator, period, holdout),
        training_set_hash=data.pinned.hash,
        split=data.pinned.split.as_json(),
        importance=gain_importance(boosted.booster, columns.used),
        code_version=code_version(),
        code_hash=code_hash(),
        libraries=library_versions(),
        trees_sha256=artefact.sha256(trees.encode()),
    )
    rows = {"train": data.train, "validation": data.validation}
    return FittedModel(Model(card, trees), rows, found)


def _fit(
    spec: ModelSpec,
    columns: Columns,
    params: Mapping[str, Any],
    train_examples: Examples,
    odds: float,
    validation: Rows,
    start: WarmStart,
) -> Boosted:
    threads = useful_threads(params["num_threads"], len(train_examples.label))
    params = {**params, "num_threads": threads}
    data = dataset(train_examples, columns.categorical, params)
    stop = None
    if spec.early_stopping and len(validation):
        stop = stopping(data, columns.matrix(validation.matrix), validation.label, odds)
    return boost(spec, params, data, spec.rounds, stop, start.booster)


def _calibrate(
    spec: ModelSpec, found: OutOfFold | None, validation: Rows, newest: Rows, score: Scores
) -> tuple[Calibrator | None, float]:
    """A calibrator, and the prior's shift since; None and 0 if there are no rows for it.

    It is fitted on the many out-of-fold predictions of the fold models, and on the model's own
    predictions of the validation rows, which are newer. Early stopping on the validation rows chose
    only one number, the rounds. The shift is estimated on `newest`.
    """
    scores = [found.uncalibrated] if found else []
    labels = [found.rows.label] if found else []
    if len(validation):
        scores.append(score)
        labels.append(validation.label)
    if not scores or spec.calibration == "none":
        return None, 0.0
    calibrator = calibration.fit_calibration(
        spec.calibration, np.concatenate(scores), np.concatenate(labels)
    )
    if not spec.task.decides:
        return calibrator, 0.0
    clusters = tuple(newest.entities[name] for name in spec.spine.entities[:2])
    calibrated = calibration.apply(calibrator, score)
    return calibrator, prior_shift(calibrated, newest.label > 0, clusters)


def _notes(
    spec: ModelSpec,
    data: TrainingData,
    start: WarmStart,
    calibrator: Calibrator | None,
    period: str,
    holdout: Rows,
) -> tuple[str, ...]:
    """What was declared and could not be done, each with its reason."""
    notes = []
    missed = spec.folds.count - len(data.folds)
    used = spec.task.decides or spec.calibration != "none" or spec.search or spec.selection
    if missed and data.folds and used:
        notes.append(f"{len(data.folds)} of {spec.folds.count} folds: history is too short")
    elif missed and not data.folds:
        without = {
            "no search": spec.search is not None,
            "no selection": spec.selection is not None,
            f"calibration uses only {period} rows": calibrator is not None,
            f"the threshold is taken from {period} rows": spec.task.decides,
        }
        missing = ", ".join(text for text, applies in without.items() if applies)
        if missing:
            notes.append(f"the training period is too short for a walk-forward fold: {missing}")
    if spec.calibration != "none" and calibrator is None:
        notes.append(
            "no calibration: too few rows of a class, or labels that do not rise with the score"
        )
    if spec.capacity is not None and spec.threshold.rule == "capacity":
        unit, alerts = spec.capacity.unit, spec.capacity.alerts
        counting = spec.capacity.period
        counted_in = counting.of(holdout.day)
        units = holdout.entities[unit] if unit else np.arange(len(holdout))
        seen = len(np.unique(np.column_stack([counted_in, units]), axis=0))
        mean = seen / max(1, len(np.unique(counted_in)))
        if mean < alerts:
            counted = f"{mean:.1f} {unit or 'rows'} {counting.rate} ({period})"
            notes.append(f"capacity exceeds the rows: {counted} for {alerts} alerts")
    if start.why_not:
        notes.append(f"no warm start: {start.why_not}")
    return tuple(notes)
