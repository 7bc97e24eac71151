"""The parameters that a search tries next, proposed by Optuna's samplers.

A proposal depends only on the declaration, the trial's number and the finished trials before it.
Each trial has a new sampler, so a search that was killed resumes on exactly the same path.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from lakehouse.models.errors import TrainingError
from lakehouse.models.spec import Between, OneOf, Search
from lakehouse.training.choosing.trials import Params, Trial

STARTUP = 6
"""Trials that TPE draws at random before it uses the results."""


def trial_count(search: Search) -> int:
    """The number of trials, including the declared parameters as the first.

    A grid may have fewer points than declared trials.
    """
    if search.method == "grid":
        return min(search.trials, 1 + len(_grid(search)))
    return search.trials


def propose(
    search: Search, seed: int, number: int, finished: Sequence[Trial], *, minimize: bool
) -> dict[str, Any]:
    """The parameters of trial `number` (1 or more), given the finished trials before it.

    `tpe`: Bergstra et al., "Algorithms for hyper-parameter optimization", 2011, as implemented in
    Optuna. `grid`: its points in shuffled order, so that a small budget covers the whole grid.

    Raises:
        TrainingError: for a grid over numbers without a step.
    """
    if search.method == "grid":
        points = _grid(search)
        return dict(points[np.random.default_rng(seed).permutation(len(points))[number - 1]])
    optuna = _optuna()
    space = {name: _distribution(optuna, domain) for name, domain in search.space.items()}
    trial_seed = seed + number
    if search.method == "tpe":
        sampler = optuna.samplers.TPESampler(
            seed=trial_seed, n_startup_trials=STARTUP, multivariate=False
        )
    else:
        sampler = optuna.samplers.RandomSampler(seed=trial_seed)
    study = optuna.create_study(direction="minimize" if minimize else "maximize", sampler=sampler)
    study.add_trials(
        [_optuna_trial(optuna, search, space, trial) for trial in finished if trial.fold_values]
    )
    chosen: dict[str, Any] = study.ask(space).params
    return chosen


def _optuna_trial(optuna: Any, search: Search, space: dict[str, Any], trial: Trial) -> Any:
    """A finished trial in Optuna's form, with those of its parameters that are in the space."""
    params = {
        name: value
        for name, value in trial.params.items()
        if name in space and _contains(search.space[name], value)
    }
    means = np.cumsum(trial.fold_values) / np.arange(1, len(trial.fold_values) + 1)
    pruned = trial.state == "pruned"
    return optuna.trial.create_trial(
        state=optuna.trial.TrialState.PRUNED if pruned else optuna.trial.TrialState.COMPLETE,
        params=params,
        distributions={name: space[name] for name in params},
        value=None if pruned else trial.value,
        intermediate_values=dict(enumerate(means.tolist())),
    )


def _contains(domain: Between | OneOf, value: Any) -> bool:
    """Whether the space contains a value; the declared ones of the first trial may lie outside."""
    if isinstance(domain, OneOf):
        return value in domain.choices
    if not isinstance(value, int | float) or not domain.low <= value <= domain.high:
        return False
    step = domain.step or (1 if _is_integer(domain) else None)
    return step is None or abs((value - domain.low) / step % 1) < 1e-9


def _distribution(optuna: Any, domain: Between | OneOf) -> Any:
    if isinstance(domain, OneOf):
        return optuna.distributions.CategoricalDistribution(domain.choices)
    low, high, step = domain.low, domain.high, domain.step
    if _is_integer(domain):
        return optuna.distributions.IntDistribution(low, high, domain.log, step or 1)
    return optuna.distributions.FloatDistribution(low, high, domain.log, step)


def _grid(search: Search) -> list[Params]:
    axes = [[(name, value) for value in _values(name, a)] for name, a in search.space.items()]
    return [dict(point) for point in product(*axes)]


def _values(name: str, domain: Between | OneOf) -> list[Any]:
    if isinstance(domain, OneOf):
        return list(domain.choices)
    step = domain.step or (1 if _is_integer(domain) else None)
    if step is None:
        raise TrainingError(
            f"search: a grid over {name} from {domain.low} to {domain.high} needs a `step`, or "
            "`choices`"
        )
    count = int((domain.high - domain.low) / step + 1e-9) + 1
    return [domain.low + i * step for i in range(count)]


def _is_integer(domain: Between) -> bool:
    return all(isinstance(bound, int) for bound in (domain.low, domain.high, domain.step or 1))


def _optuna() -> Any:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)  # Optuna logs every study by default
    return optuna
