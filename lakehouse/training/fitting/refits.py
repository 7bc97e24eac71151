"""Refit a version's recipe with another seed or on a resample of its training rows."""

import numpy as np

from lakehouse.models import calibration
from lakehouse.models.imbalance import correct_odds
from lakehouse.models.model import Model
from lakehouse.models.spec import ModelSpec
from lakehouse.training.fitting.boosting import boost, dataset
from lakehouse.training.fitting.fold_examples import examples, weight_rows
from lakehouse.training.judging.assessment import Prediction
from lakehouse.training.sets.rows import Rows


def refit(
    spec: ModelSpec, model: Model, train: Rows, scored: Rows, number: int, sample: bool
) -> Prediction:
    """A refit's predictions of `scored`; `number` (from 1) selects the seed or the resample.

    Parameters, columns, rounds and calibrator stay those of the version, without early stopping.
    The refit differs by its random draws (undersampling, bagging, columns of a tree), or with
    `sample` by a resample of whole clusters with replacement. This is the instability of Riley &
    Collins, "Stability of clinical prediction models developed using statistical or machine
    learning methods", Biometrical Journal 65, 2023.
    """
    card, columns = model.card, model.columns
    seed = spec.seed if sample else spec.seed + number
    sampled = train.take(_resample(spec, train, number)) if sample else train
    weighted = weight_rows(spec.model_copy(update={"seed": seed}), sampled.label)
    params = {**card.params, "seed": seed}
    data = dataset(examples(columns, sampled, weighted), columns.categorical, params)
    raw = boost(spec, params, data, card.rounds).predict(columns.matrix(scored.matrix))
    final = calibration.apply(card.calibration, correct_odds(raw, weighted.odds))
    return np.asarray(final, dtype=np.float64)


def _resample(
    spec: ModelSpec, rows: Rows, number: int
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Positions of rows, in order, each repeated as often as its cluster was drawn."""
    random = np.random.default_rng([spec.seed, number])
    clusters = spec.judging.clusters or spec.spine.entities
    code = np.arange(len(rows))
    if clusters:
        code = np.unique(rows.entities[clusters[0]], return_inverse=True)[1]
    size = int(code.max(initial=-1)) + 1
    drawn = np.bincount(random.integers(size, size=size), minlength=size)
    return np.repeat(np.arange(len(rows)), drawn[code])
