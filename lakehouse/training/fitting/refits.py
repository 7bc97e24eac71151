"""Refit a version's recipe with another seed or on a resample of its training rows."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import numpy as np

from lakehouse.models import calibration
from lakehouse.models.imbalance import correct_odds
from lakehouse.models.model import Model
from lakehouse.models.spec import ModelSpec
from lakehouse.training.fitting.boosting import boost, dataset
from lakehouse.training.fitting.fold_examples import examples, weight_rows
from lakehouse.training.fitting.parallel import fit_each
from lakehouse.training.judging.assessment import Prediction
from lakehouse.training.sets.rows import Rows

Kind = Literal["seed", "sample"]
KINDS: tuple[Kind, ...] = ("seed", "sample")


def refits(
    spec: ModelSpec, model: Model, train: Rows, scored: Rows
) -> Iterator[tuple[int, Kind, Prediction]]:
    """The declared number of refits of each kind, counted from 1, with predictions of `scored`."""
    counted = range(1, spec.judging.refits + 1)
    asked: list[tuple[int, Kind]] = [(n, kind) for n in counted for kind in KINDS]

    def predict(refit: tuple[int, Kind], threads: int) -> Prediction:
        return _refit(spec, model, train, scored, *refit, threads)

    predictions = fit_each(predict, asked, int(model.card.params["num_threads"]))
    return ((*refit, prediction) for refit, prediction in zip(asked, predictions, strict=True))


def _refit(
    spec: ModelSpec,
    model: Model,
    train: Rows,
    scored: Rows,
    number: int,
    kind: Kind,
    threads: int,
) -> Prediction:
    """A refit's predictions of `scored`; `number` selects the seed or the resample.

    Parameters, columns, rounds and calibrator stay those of the version, without early stopping.
    The refit differs by its random draws (undersampling, bagging, columns of a tree), or, as a
    "sample", by a resample of whole clusters with replacement. This is the instability of Riley &
    Collins, "Stability of clinical prediction models developed using statistical or machine
    learning methods", Biometrical Journal 65, 2023.
    """
    card, columns = model.card, model.columns
    seed = spec.seed if kind == "sample" else spec.seed + number
    drawn = _resample(spec, train, number) if kind == "sample" else np.arange(len(train))
    weighted = weight_rows(spec.model_copy(update={"seed": seed}), train.label[drawn])
    chosen = drawn if weighted.positions is None else drawn[weighted.positions]
    params = {**card.params, "seed": seed, "num_threads": threads}
    fitted = examples(columns, train, replace(weighted, positions=chosen))
    data = dataset(fitted, columns.categorical, params)
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
