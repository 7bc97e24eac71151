"""The model-risk review of a new version: it prepares rows, refits, money and labels.

`evaluation` computes the figures. Nothing here changes an artefact or decides about a version.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.capacity_curve import compute_capacity_curve
from lakehouse.evaluation.comparisons import finite_or_none
from lakehouse.evaluation.label_risk import hidden_scenarios, late_scenario, reversed_scenario
from lakehouse.evaluation.metrics import ALERTS_PER, AT_CAPACITY, metric_value
from lakehouse.evaluation.proxies import find_proxies
from lakehouse.evaluation.resampling import Resampling
from lakehouse.evaluation.review_document import (
    CapacityCurve,
    LabelRisk,
    LabelScenario,
    Proxy,
    Refit,
    Review,
    Stability,
    StressResult,
)
from lakehouse.evaluation.stability import alerts_kept, rank_agreement
from lakehouse.evaluation.stress import (
    ADVERSARIAL,
    Matrix,
    change_amounts,
    delay_columns,
    drop_columns,
)
from lakehouse.lake import Lake
from lakehouse.models.errors import TrainingError
from lakehouse.models.model import Model
from lakehouse.models.spec import ModelSpec
from lakehouse.training.fitting.refits import refits
from lakehouse.training.judging.assessment import Prediction, predictions, unit_periods
from lakehouse.training.judging.rivals import Rival
from lakehouse.training.sets import outcomes
from lakehouse.training.sets.dataset import TrainingSet
from lakehouse.training.sets.rows import Rows

EXAMINED_ROWS = 30_000
"""With more test rows, only the last whole days are used for stress, refits and proxies."""

_PROXY_ROWS = 10_000

ASSUMED_SHARE = 0.05
"""The share of positives that are late or reversed, assumed as a scenario if none were recorded."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A version and the rows it is evaluated on; `recent` masks the test rows under review."""

    model: Model
    train: Rows
    test: Rows
    prediction: Prediction
    recent: npt.NDArray[np.bool_]
    pinned: TrainingSet
    groups: Mapping[str, Any]


def examine(spec: ModelSpec, lake: Lake, subject: Subject, previous: Rival | None) -> Review:
    """Sensitivity, stability, stress, labels and proxies; `previous` predicts the same test rows.

    Raises:
        TrainingError: for declared tables and columns that are missing or unusable.
    """
    result = Review(
        stability=_stability(spec, subject, previous),
        stress=_stress(spec, subject),
        stress_metric=_metric(spec),
    )
    if not spec.task.decides:
        return result
    return result.model_copy(
        update={
            "capacity": _capacity(spec, lake, subject),
            "labels": _labels(spec, lake, subject),
            "proxies": _proxies(spec, subject),
        }
    )


def _metric(spec: ModelSpec) -> str:
    """The primary metric; the task's default one if the primary counts units, not rows."""
    by_unit = bool(spec.capacity and spec.capacity.unit)
    at_capacity = spec.primary_metric in AT_CAPACITY
    return spec.task.default_metric if by_unit and at_capacity else spec.primary_metric


def _value(spec: ModelSpec, subject: Subject, rows: Rows, prediction: Prediction) -> float | None:
    card, name = subject.model.card, _metric(spec)
    predicted = predictions(spec, rows, prediction, card.threshold, card.baseline)
    return finite_or_none(metric_value(predicted, name))


def _stability(spec: ModelSpec, subject: Subject, previous: Rival | None) -> Stability:
    rows, ours = subject.test.take(subject.recent), subject.prediction[subject.recent]
    found = []
    if previous is not None:
        theirs = previous.prediction[subject.recent]
        found.append(
            Refit(
                kind="previous version",
                name=previous.version,
                value=_value(spec, subject, rows, theirs),
                **_agreement(spec, rows, ours, theirs),
            )
        )
    for number, kind, theirs in refits(spec, subject.model, subject.train, rows):
        found.append(
            Refit(
                kind=kind,
                name=str(number),
                value=_value(spec, subject, rows, subject.model.break_ties(theirs)),
                **_agreement(spec, rows, ours, theirs),
            )
        )
    return Stability(
        metric=_metric(spec), value=_value(spec, subject, rows, ours), refits=tuple(found)
    )


def _agreement(
    spec: ModelSpec, rows: Rows, ours: Prediction, theirs: Prediction
) -> dict[str, float | None]:
    """Rank correlation, and the share of alerts or classes on which both agree."""
    if spec.task.has_classes:
        same = ours.argmax(axis=1) == theirs.argmax(axis=1)
        return {"agree": float(same.mean()) if len(same) else None}
    rank = rank_agreement(ours, theirs)
    if spec.capacity is None:
        return {"rank": rank}
    one, other = unit_periods(spec, rows, ours), unit_periods(spec, rows, theirs)
    if one is None or other is None:
        period = spec.capacity.period.of(rows.day)
        kept = alerts_kept(period, ours, theirs, spec.capacity.alerts)
    else:  # both have the same units and periods in the same order
        kept = alerts_kept(one.period, one.score, other.score, spec.capacity.alerts)
    return {"rank": rank, "agree": kept}


def _stress(spec: ModelSpec, subject: Subject) -> tuple[StressResult, ...]:
    rows, schema = subject.test.take(subject.recent), subject.model.card.features
    if not len(rows):
        return ()
    matrix, names, declared = rows.matrix, schema.names, spec.judging.stress
    columns = {
        name: [position for position, each in enumerate(schema.features) if each.set == name]
        for name in schema.feature_sets
    }
    proportional = _proportional(spec, names)

    def result(name: str, kind: Any, changed: Matrix, share: float) -> StressResult:
        predicted = subject.prediction[subject.recent]
        if kind != "none":
            predicted = subject.model.break_ties(subject.model.predict(changed))
        return StressResult(
            name=name,
            kind=kind,
            changed=share,
            value=_value(spec, subject, rows, predicted),
            **_alerts(spec, subject.model, rows, predicted),
        )

    found = [result("as it was", "none", matrix, 0.0)]
    for name, positions in columns.items():
        if positions:
            found.append(result(name, "lost", *drop_columns(matrix, positions)))
    for name, entity in declared.stale.items():
        if columns.get(name):
            amount = proportional[0] if proportional else None
            by, day = rows.entities[entity], rows.day
            changed = delay_columns(matrix, columns[name], by, day, amount, proportional)
            found.append(result(name, "stale", *changed))
    if proportional and spec.task.decides:
        for name, (only_positives, change) in ADVERSARIAL.items():
            chosen = rows.label > 0 if only_positives else np.ones(len(rows), dtype=bool)
            found.append(
                result(name, "adversarial", *change_amounts(matrix, proportional, chosen, change))
            )
    return tuple(found)


def _proportional(spec: ModelSpec, names: list[str]) -> list[int]:
    """Columns of the declared amounts that this model has, the row's own amount first.

    Empty without the row's own amount, because the others are multiples of it.
    """
    patterns = spec.judging.stress.amounts
    if not patterns or patterns[0] not in names:
        return []
    matching = [n for n in names if any(fnmatch(n, each) for each in patterns[1:])]
    return [names.index(name) for name in dict.fromkeys([patterns[0], *matching])]


def _alerts(
    spec: ModelSpec, model: Model, rows: Rows, prediction: Prediction
) -> dict[str, float | None]:
    """Alerts at the version's threshold, in the unit of the capacity, by the metric's name."""
    if model.card.threshold is None or spec.capacity is None or not len(rows):
        return {}
    units = unit_periods(spec, rows, prediction)
    score = prediction if units is None else units.score
    periods = len(np.unique(spec.capacity.period.of(rows.day)))
    name = ALERTS_PER[spec.capacity.per]
    return {name: float((score >= model.card.threshold).sum() / periods)}


def _capacity(spec: ModelSpec, lake: Lake, subject: Subject) -> CapacityCurve | None:
    assert spec.capacity is not None
    test, prediction = subject.test, subject.prediction
    money = None
    if spec.judging.money is not None:
        money = outcomes.money(spec, lake, subject.pinned, len(test))
    alerts, period, truth = spec.capacity.alerts, spec.capacity.period, test.label > 0
    units = unit_periods(spec, test, prediction)
    if units is None:
        resampling = resample(spec, test)
        return compute_capacity_curve(
            period.of(test.day), truth, prediction, alerts, resampling, money, per=period.name
        )
    if money is not None:
        unit = test.entities[spec.capacity.unit]
        money = outcomes.by_unit(money, period.of(test.day), unit, truth, units.row)
    resampling = resample(spec, test.take(units.row))
    return compute_capacity_curve(
        units.period, units.truth, units.score, alerts, resampling, money, per=period.name
    )


def resample(spec: ModelSpec, rows: Rows) -> Resampling:
    """The resampled rows, by the clusters that the model declares."""
    keys = [rows.entities[name] for name in spec.clusters]
    return Resampling.of(len(rows), *keys, repeats=spec.judging.repeats, seed=spec.seed)


def _labels(spec: ModelSpec, lake: Lake, subject: Subject) -> LabelRisk:
    test, prediction = subject.test, subject.prediction
    truth, name = test.label > 0, _metric(spec)
    errors = outcomes.find_label_errors(spec, lake, subject.pinned)
    card = subject.model.card

    def metric(labels: npt.NDArray[np.bool_]) -> float:
        rows = Rows(**{**vars(test), "label": labels.astype(np.float64)})
        predicted = predictions(spec, rows, prediction, card.threshold, card.baseline)
        return metric_value(predicted, name)

    late_share = _share(errors.late, errors.positives, among=False)
    reversed_share = _share(errors.reversed, errors.positives, among=True)
    scenarios: list[LabelScenario] = []
    if truth.any():
        if errors.late_in_test is not None:
            scenarios.append(late_scenario(truth, errors.late_in_test, metric))
        scenarios += hidden_scenarios(truth, prediction, late_share, metric, spec.seed)
        scenarios.append(reversed_scenario(truth, reversed_share, metric, spec.seed))
    return LabelRisk(
        metric=name,
        value=finite_or_none(metric(truth)),
        positives=errors.positives,
        late=errors.late,
        reversed=errors.reversed,
        late_share=late_share,
        reversed_share=reversed_share,
        scenarios=tuple(scenarios),
    )


def _share(found: Mapping[str, int] | None, positives: Mapping[str, int], *, among: bool) -> float:
    """The share of all true positives of the training period; assumed if none were found there."""
    count = (found or {}).get("train", 0)
    whole = positives.get("train", 0) + (0 if among else count)
    return min(count / whole, 0.5) if count and whole else ASSUMED_SHARE


def _proxies(spec: ModelSpec, subject: Subject) -> tuple[Proxy, ...]:
    if spec.fairness is None:
        return ()
    positions = np.flatnonzero(subject.recent)
    positions = positions[:: max(1, -(-len(positions) // _PROXY_ROWS))]
    rows, card = subject.test.take(positions), subject.model.card
    found: list[Proxy] = []
    for name, group in spec.fairness.groups.items():
        if name not in subject.groups:
            raise TrainingError(f"{spec.name}: the groups by {name} were not read")
        cluster = rows.entities.get(group.entity)
        values = subject.groups[name][positions]
        found += find_proxies(
            name, values, card.features.names, rows.matrix, card.importance, cluster,
            seed=spec.seed,
        )  # fmt: skip
    return tuple(found)
