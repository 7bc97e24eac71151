"""The search for LightGBM parameters on walk-forward folds; it resumes from trials in the lake.

`proposals.py` proposes parameters; this module runs, evaluates, prunes and chooses.
"""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from statistics import fmean, median
from typing import Any, Literal

from lakehouse.evaluation.metrics import find_metric
from lakehouse.lake import Lake
from lakehouse.models.errors import TrainingError
from lakehouse.models.model import Study
from lakehouse.models.spec import ModelSpec
from lakehouse.models.threshold import break_ties
from lakehouse.training.choosing.proposals import propose, trial_count
from lakehouse.training.choosing.trials import Trial, read_trials, write_trial
from lakehouse.training.fitting.boosting import library_versions, lightgbm_params
from lakehouse.training.fitting.cross_fitting import threshold_on
from lakehouse.training.fitting.fold_examples import FoldData
from lakehouse.training.fitting.parallel import fit_each
from lakehouse.training.judging.assessment import assess
from lakehouse.training.sets.rows import Rows

OnProgress = Callable[[str], None]

MIN_COMPLETE_TRIALS = 4
"""Complete trials that pruning requires."""

_NO_INFLUENCE = {"calibration", "threshold", "warm_start"}


def search(
    spec: ModelSpec,
    lake: Lake,
    folds: Sequence[FoldData],
    classes: tuple[str, ...],
    threads: int,
    study: str,
    *,
    run_id: str = "",
    on_progress: OnProgress = lambda text: None,
) -> Study:
    """Run the study's missing trials, and choose the one with the best mean over the folds.

    The first trial is the declared parameters, so the chosen trial is never worse than them on the
    folds. Folds stop early on the rows that they score, which favours all trials equally.

    Raises:
        TrainingError: when LightGBM rejects the declared parameters.
    """
    assert spec.search is not None
    metric = spec.search.metric or spec.primary_metric
    minimize = find_metric(metric).lower_is_better
    count = trial_count(spec.search)
    finished = [t for t in read_trials(lake, spec.name, study) if t.number < count]
    if finished:
        on_progress(f"{spec.name}: {len(finished)} of {count} trials are already finished")
    for number in range(len(finished), count):
        if number:
            params = propose(spec.search, spec.seed, number, finished, minimize=minimize)
        else:
            params = {n: v for n, v in spec.params.items() if n in spec.search.space}
        trial = _run_trial(spec, folds, classes, threads, number, params, finished, metric)
        write_trial(lake, spec.name, study, trial, run_id)
        finished.append(trial)
        on_progress(f"{spec.name}: {_describe(trial, count, metric)}")
    complete = [t for t in finished if t.state == "complete" and t.value is not None]
    values = {trial.number: trial.value for trial in complete if trial.value is not None}
    best = min(complete, key=lambda t: (values[t.number] * (1 if minimize else -1), t.number))
    return Study(
        id=study,
        trials=len(finished),
        folds=len(folds),
        metric=metric,
        chosen=best.number,
        value=values[best.number],
        declared_value=values[0],
        params=dict(best.params),
    )


def study_id(spec: ModelSpec, training_set_hash: str, code_hash: str, inputs: Sequence[str]) -> str:
    """A name made from everything that trials depend on; a study of the same name can resume.

    The number of trials, and settings that only matter after the search, are not part of it.
    """
    recipe = {name: value for name, value in spec.recipe().items() if name not in _NO_INFLUENCE}
    recipe["search"] = spec.search and spec.search.model_dump(mode="json", exclude={"trials"})
    content = [recipe, training_set_hash, code_hash, library_versions(), list(inputs)]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def fold_value(spec: ModelSpec, rows: Rows, prediction: Any, classes: Any, metric: str) -> float:
    """`metric` of a prediction for a fold's scored rows.

    Raises:
        TrainingError: when the metric is undefined on these rows.
    """
    cut = threshold_on(spec, rows, prediction)
    threshold = None
    if cut is not None:
        threshold = cut.threshold
        prediction = break_ties(prediction, threshold, cut.ties, spec.seed)
    constant = spec.task.baseline(rows.label)
    value = assess(spec, rows, prediction, threshold, constant, classes)[metric]
    if value is None:
        raise TrainingError(
            f"{spec.name}: {metric} is undefined on the {len(rows)} rows of a fold; declare "
            "longer `folds`, or another metric"
        )
    return value


def _run_trial(
    spec: ModelSpec,
    folds: Sequence[FoldData],
    classes: tuple[str, ...],
    threads: int,
    number: int,
    params: dict[str, Any],
    finished: Sequence[Trial],
    metric: str,
) -> Trial:
    assert spec.search is not None
    started = time.monotonic()
    full_params = lightgbm_params(spec, {**spec.params, **params}, len(classes), threads)
    values: list[float] = []
    state: Literal["complete", "pruned"] = "complete"

    def predict(fold: FoldData, threads: int) -> Any:
        return fold.predict(fold.fit(full_params, spec.rounds, stop=True, threads=threads))

    with closing(fit_each(predict, folds, threads)) as predictions:
        for fold in folds:
            try:
                prediction = next(predictions)
            except TrainingError:
                if not number:
                    raise
                return Trial(number, "failed", params, (), None, time.monotonic() - started)
            values.append(fold_value(spec, fold.scored, prediction, classes, metric))
            unfinished = spec.search.prune and len(values) < len(folds)
            if unfinished and _is_behind(values, finished, find_metric(metric).lower_is_better):
                state = "pruned"
                break
    seconds = time.monotonic() - started
    return Trial(number, state, params, tuple(values), fmean(values), seconds)


def _is_behind(values: Sequence[float], finished: Sequence[Trial], minimize: bool) -> bool:
    """The median rule of Golovin et al., "Google Vizier", 2017: the mean so far is worse than the
    median of the complete trials' means up to the same fold."""
    others = [fmean(t.fold_values[: len(values)]) for t in finished if t.state == "complete"]
    if len(others) < MIN_COMPLETE_TRIALS:
        return False
    mean, reference = fmean(values), median(others)
    return mean > reference if minimize else mean < reference


def _describe(trial: Trial, count: int, metric: str) -> str:
    outcome = "rejected by LightGBM" if trial.value is None else f"{metric} {trial.value:.4f}"
    pruned = f", pruned after {len(trial.fold_values)} folds" * (trial.state == "pruned")
    params = ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in trial.params.items()
    )
    number = f"trial {trial.number + 1} of {count}"
    return f"{number}: {outcome}{pruned}, {trial.seconds:.1f} s ({params})"
