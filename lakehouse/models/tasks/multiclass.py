"""Multiclass classification: a probability for each class, and the likeliest class."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from lakehouse.evaluation.metrics import metric_values
from lakehouse.evaluation.periods import DAY, Period
from lakehouse.evaluation.predictions import Multiclass, negative_log
from lakehouse.models.tasks.numbers import floats_or_nan
from lakehouse.models.tasks.task import (
    Array,
    Columns,
    LabelledRows,
    LabelSummary,
    Losses,
    Mask,
    Outcome,
    Task,
    Trivial,
)

if TYPE_CHECKING:
    from lakehouse.evaluation.plots import Picture

UNSEEN_CLASS = "not seen in training"
"""The name, in metrics, of classes that the training period does not have; such rows are errors."""


class MulticlassTask(Task):
    """Probabilities (rows, classes) of a label that is a text."""

    name = "multiclass"
    has_classes = True
    label_type = "VARCHAR"
    label_kinds = frozenset({"whole number", "boolean", "text"})
    label_needs = (
        "a text, a whole number or a BOOLEAN that names the class; group it in a dbt model, or "
        "make the `task` a regression"
    )
    label_refused = "false"
    label_remedy = ""
    label_figures = "NULL, NULL"
    objective: ClassVar[Mapping[str, Any]] = {"objective": "multiclass", "metric": "multi_logloss"}
    default_metric = "macro_f1"
    probe_metric = "macro_f1"
    segment_metrics = ("macro_f1", "accuracy")
    expected_metric = "accuracy"
    # a feature may define a class, so no strength of a single feature is suspicious
    lone_feature_bound = 1.0
    logged: ClassVar[Mapping[str, str]] = {"label": "VARCHAR", "probability": "DOUBLE"}

    def forward_label_problem(self, is_yes_or_no: bool) -> str:
        """Neither a number nor yes or no is one of several classes."""
        if is_yes_or_no:
            return "is yes or no, not one of several classes; make the `task` binary"
        return "is a number, not a class; make the `task` a regression"

    def baseline(self, label: Array) -> float:
        """The position of the commonest class."""
        return float(np.bincount(label.astype(int)).argmax())

    def params(self, classes: int) -> dict[str, Any]:
        """LightGBM's parameters, with the number of classes."""
        return {**self.objective, "num_class": classes}

    def fit_linear(self, x: Array, label: Array, x_scored: Array, classes: int) -> Array:
        """Probabilities (rows, `classes`) of a multinomial logistic regression."""
        from sklearn.linear_model import LogisticRegression

        fitted = LogisticRegression(max_iter=300).fit(x, label.astype(int))
        probability = np.zeros((len(x_scored), classes))
        probability[:, fitted.classes_] = fitted.predict_proba(x_scored)
        return probability

    def losses(self, label: Array, prediction: Array, train_label: Array) -> list[Losses]:
        """The model's log loss and that of the class shares."""
        position, classes = label.astype(np.int64), prediction.shape[1]
        shares = np.bincount(train_label.astype(np.int64), minlength=classes) / len(train_label)
        ours = negative_log(prediction[np.arange(len(label)), position])
        return [Losses("log_loss", ours, negative_log(shares[position]))]

    def shape(self, rows: int, classes: int) -> tuple[int, ...]:
        """A probability for each class."""
        return (rows, classes)

    def in_classes(
        self, prediction: Array, theirs: tuple[str, ...], ours: tuple[str, ...]
    ) -> Array:
        """Probabilities (rows, classes) by our classes; 0 for a class that the rival lacks.

        Classes that only the rival has share one additional column. Rows of a class that ours lack
        have this column as their label, so a rival that predicts it is right.
        """
        others = [name for name in theirs if name not in ours]
        result = np.zeros((len(prediction), len(ours) + bool(others)))
        for position, name in enumerate(theirs):
            result[:, ours.index(name) if name in ours else len(ours)] += prediction[:, position]
        return result

    def predictions(
        self,
        rows: LabelledRows,
        prediction: Array,
        constant: float,
        *,
        threshold: float | None = None,
        alerts: int | None = None,
        period: Period = DAY,
    ) -> Multiclass:
        """Probabilities, with one more class if there are labels that training did not have."""
        label = rows.label.astype(int)
        return Multiclass(label, with_unseen(prediction, rows.label), int(constant))

    def trivial(self, train: Array, rows: LabelledRows, classes: int) -> Trivial:
        """The shares of the classes."""
        shares = np.bincount(train.astype(int), minlength=classes) / len(train)
        return Trivial("class shares", np.tile(shares, (len(rows.label), 1)))

    def baselines(
        self, predictions: Multiclass, constant: float, classes: Sequence[str]
    ) -> dict[str, float]:
        """Metrics of always predicting the commonest class, and the confusion of classes."""
        always = np.zeros_like(predictions.probability)
        always[:, predictions.majority] = 1.0
        trivial = replace(predictions, probability=always)
        values = metric_values(trivial, only=("accuracy", "macro_f1"))
        names = (*classes, UNSEEN_CLASS)
        cells = {
            f"confusion[{names[i]}->{names[j]}]": float(count)
            for (i, j), count in np.ndenumerate(predictions.confusion())
        }
        return {**{f"baseline_{name}": value for name, value in values.items()}, **cells}

    def logged_columns(self, prediction: Array, classes: tuple[str, ...]) -> Columns:
        """The likeliest class and its probability."""
        import pyarrow as pa

        best = prediction.argmax(axis=1)
        return {
            "label": pa.array(classes, pa.string()).take(pa.array(best)),
            "probability": pa.array(prediction[np.arange(len(best)), best]),
        }

    def logged_constant(self, number: float, label: str, rows: int) -> Columns:
        """The class `label` with its share `number`."""
        import pyarrow as pa

        labels = pa.array([label] * rows, pa.string())
        return {"label": labels, "probability": pa.array(np.full(rows, number))}

    def constant_query(self, labels: str) -> str:
        """The share of the commonest class, and the class."""
        return (
            f"SELECT count(*) / sum(count(*)) OVER (), label FROM {labels} GROUP BY label "
            "ORDER BY count(*) DESC, label LIMIT 1"
        )

    def from_log(
        self,
        found: Mapping[str, Any],
        naive: Mapping[str, Array],
        alerts: int | None,
        period: Period = DAY,
    ) -> tuple[Multiclass, tuple[str, ...]]:
        """Probabilities: the log has that of the predicted class; the others share the rest."""
        truth = np.asarray(found["label"], dtype=str)
        guess = np.asarray(found["logged_label"], dtype=str)
        classes, codes = np.unique(np.concatenate([truth, guess]), return_inverse=True)
        confidence = np.nan_to_num(floats_or_nan(found["logged_probability"]), nan=0.0)
        count = max(len(classes), 1)
        rest = (1 - confidence) / max(count - 1, 1)
        probability = np.repeat(np.minimum(rest, confidence - 1e-9)[:, None], count, axis=1)
        probability[np.arange(len(truth)), codes[len(truth) :]] = confidence
        truth_codes = codes[: len(truth)]
        return Multiclass(truth_codes, probability, _commonest_class(truth_codes)), tuple(
            classes.tolist()
        )

    def expected(self, number: Array, flagged: Mask, alerts: int) -> dict[str, float | None]:
        """The expected accuracy: the mean probability of the predicted class."""
        return {"accuracy": float(number.mean())}

    def label_headers(self, classes: Sequence[str], unit: str) -> tuple[str, ...]:
        """The classes."""
        return tuple(name.replace("_", " ") for name in classes)

    def label_cells(self, labels: LabelSummary, classes: Sequence[str]) -> tuple[str, ...]:
        """Rows by class."""
        return tuple(f"{labels.classes.get(name, 0):,}" for name in classes)

    def contribution(self, unit: str) -> str:
        """The total over all classes."""
        return "Mean size of contributions (log odds)"

    def pictures(self, outcome: Outcome) -> "dict[str, Picture]":
        """The confusion of classes."""
        from lakehouse.evaluation import plots

        probability = with_unseen(outcome.prediction, outcome.label)
        names = (*outcome.classes, UNSEEN_CLASS)[: probability.shape[1]]
        return {"confusion": plots.confusion_plot(outcome.label, probability, names)}


def with_unseen(probability: Array, label: Array) -> Array:
    """`probability` (rows, classes), with a column of zeros if a row's class is not among them."""
    if not len(label) or label.max() < probability.shape[1]:
        return probability
    return np.column_stack([probability, np.zeros(len(label))])


def in_all_classes(
    predictions: Multiclass, own: Sequence[str], classes: Sequence[str]
) -> Multiclass:
    """The same rows by positions in `classes`, which include all of the predictions' `own`.

    A class of another version gets a probability below all others. The trivial model predicts the
    commonest class of these rows, the hardest constant to beat.
    """
    position = np.array([classes.index(name) for name in own], dtype=np.int64)
    probability = np.full((predictions.rows, len(classes)), -1.0)
    probability[:, position] = predictions.probability[:, : len(position)]
    truth = position[predictions.truth]
    return Multiclass(truth, probability, _commonest_class(truth))


def _commonest_class(truth: Any) -> int:
    return int(np.bincount(truth, minlength=1).argmax())
