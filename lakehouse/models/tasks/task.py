"""What differs between tasks: labels, parameters, predictions, their log, and words for people.

A subclass per task, without state. How a model of any task is trained, scored or watched does not
belong here.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.metrics import metric_values, metrics_of
from lakehouse.evaluation.predictions import Predictions, TaskName

if TYPE_CHECKING:
    import pyarrow as pa

    from lakehouse.evaluation.plots import Picture

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Columns = dict[str, "pa.Array"]


class LabelledRows(Protocol):
    """Rows in the order of their keys: labels as numbers, days since 1970, naive forecasts."""

    @property
    def label(self) -> Array: ...  # noqa: D102
    @property
    def day(self) -> npt.NDArray[np.int64]: ...  # noqa: D102
    @property
    def naive(self) -> Mapping[str, Array]: ...  # noqa: D102


@dataclass(frozen=True)
class Trivial:
    """The best prediction (rows, ...) without a model, and its name."""

    name: str
    prediction: Array
    threshold: float | None = None


@dataclass(frozen=True)
class Losses:
    """What each row loses (rows,) by the model and by a constant prediction, in one measure."""

    name: str
    ours: Array
    constant: Array


@dataclass(frozen=True)
class LabelSummary:
    """Labels of a period: rows, positives, mean (None for classes), and rows by class."""

    rows: int
    positives: int | None
    mean: float | None
    classes: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class Outcome:
    """A prediction beside the labels, as people see it.

    `scores` are the prediction and what it was before calibration, by their names; `unit` is what
    forecasts are counted in, if known.
    """

    label: Array
    prediction: Array
    threshold: float | None
    classes: tuple[str, ...]
    scores: Mapping[str, Array]
    unit: str


class Task(ABC):
    """One kind of prediction. Two of the same kind are equal.

    Attributes:
        decides: whether a threshold makes decisions of scores: alerts, capacity, fairness.
        has_classes: whether labels are texts, and predictions are (rows, classes).
        has_probabilities: whether predictions are probabilities, which can be calibrated.
        label_type: SQL type of labels in training sets.
        label_refused: SQL condition on `label` for values that cannot be trained on.
        label_remedy: what to do about such a value.
        label_figures: SQL for the positives and the mean of labels; NULL where there are none.
        least_labels_scored: distinct labels without which scored rows determine no metric.
        objective: LightGBM's objective, and metrics of which the first stops training.
        free_params: parameters set by the trainer that a declaration may choose all the same.
        default_metric: what versions are compared by unless the declaration names another.
        probe_metric: what shuffled labels are judged by, and any honest test must determine.
        segment_metrics: what is computed for parts of the rows.
        expected_metric: what scores alone promise; None where they promise nothing.
        lone_feature_bound: strength above which one feature alone is suspicious.
        linear_name: the linear model that trees are compared with.
        logged: columns of the prediction log that hold the prediction, with their SQL types; the
            last is the number.
    """

    name: ClassVar[TaskName]
    decides: ClassVar[bool] = False
    has_classes: ClassVar[bool] = False
    has_probabilities: ClassVar[bool] = True
    label_type: ClassVar[Literal["DOUBLE", "VARCHAR"]] = "DOUBLE"
    label_refused: ClassVar[str]
    label_remedy: ClassVar[str]
    label_figures: ClassVar[str]
    least_labels_scored: ClassVar[int] = 1
    objective: ClassVar[Mapping[str, Any]]
    free_params: ClassVar[frozenset[str]] = frozenset()
    default_metric: ClassVar[str]
    probe_metric: ClassVar[str]
    segment_metrics: ClassVar[tuple[str, ...]]
    expected_metric: ClassVar[str | None]
    lone_feature_bound: ClassVar[float] = 0.95
    linear_name: ClassVar[str] = "logistic"
    logged: ClassVar[Mapping[str, str]]

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    @property
    def logged_number(self) -> str:
        """The column of the log that holds the predicted number."""
        return list(self.logged)[-1]

    # labels

    @abstractmethod
    def complaint_of_forward(self, at_least: Decimal | None) -> str:
        """Why a number computed ahead, bounded or not, is not a label; empty if it is one."""

    def classes_of(self, label: Array) -> list[Mask] | None:
        """A mask of the rows of each class, of which one is enough if there are two."""
        return [label == each for each in np.unique(label)]

    def commonest(self, label: Array) -> Mask | None:
        """The rows of the commonest class; None where all rows are alike."""
        values, counts = np.unique(label, return_counts=True)
        return np.asarray(label == values[counts.argmax()])

    def baseline(self, label: Array) -> float:
        """What the trivial model knows of training labels: their mean."""
        return float(label.mean())

    # training

    def params(self, classes: int) -> dict[str, Any]:
        """LightGBM's parameters of the task."""
        return dict(self.objective)

    @abstractmethod
    def fit_linear(self, x: Array, label: Array, asked: Array, classes: int) -> Array:
        """Predictions for `asked` (rows, columns) by a linear model of `x` and `label`.

        Raises:
            ValueError: when `label` has a single value and the task is not a regression.
        """

    @abstractmethod
    def losses(self, label: Array, prediction: Array, learnt: Array) -> list[Losses]:
        """Losses beside those of constants that know only the training labels `learnt`.

        None for scores, which are judged by their order.
        """

    # predictions

    def shape(self, rows: int, classes: int) -> tuple[int, ...]:
        """The shape of a prediction."""
        return (rows,)

    def in_classes(
        self, prediction: Array, theirs: tuple[str, ...], ours: tuple[str, ...]
    ) -> Array:
        """A prediction by `theirs` as one by `ours`; the same where there are no classes."""
        return prediction

    @abstractmethod
    def predictions(
        self,
        rows: LabelledRows,
        prediction: Array,
        constant: float,
        *,
        threshold: float | None = None,
        alerts: int | None = None,
    ) -> Predictions:
        """Predictions beside their truth. `constant` is the `baseline` of training labels."""

    @abstractmethod
    def trivial(self, train: Array, rows: LabelledRows, classes: int) -> Trivial:
        """What would be predicted for `rows` without a model, from the training labels `train`."""

    def evaluate(
        self, predictions: Predictions, constant: float, classes: Sequence[str] = ()
    ) -> dict[str, float]:
        """All metrics, and beside them those of the trivial model on the same rows.

        NaN where the rows do not determine a value.
        """
        names = [metric.name for metric in metrics_of(self.name)]
        values = metric_values(predictions, only=names)
        baselines = self.baselines(predictions, constant, classes)
        return {"rows": float(predictions.rows), **values, **baselines}

    @abstractmethod
    def baselines(
        self, predictions: Any, constant: float, classes: Sequence[str]
    ) -> dict[str, float]:
        """What `evaluate` adds to the metrics."""

    # the prediction log

    def logged_columns(self, prediction: Array, classes: tuple[str, ...]) -> Columns:
        """The columns `logged` of a prediction."""
        import pyarrow as pa

        return {self.logged_number: pa.array(prediction)}

    def logged_constant(self, number: float, label: str, rows: int) -> Columns:
        """The columns `logged` where every row gets the same."""
        import pyarrow as pa

        return {self.logged_number: pa.array(np.full(rows, number))}

    def constant_query(self, labels: str) -> str:
        """SQL for the trivial model's number and label, from the `labels` of training rows."""
        return f"SELECT fsum(label) / count(*), '' FROM {labels}"

    @abstractmethod
    def from_log(
        self, found: Mapping[str, Any], naive: Mapping[str, Array], alerts: int | None
    ) -> tuple[Predictions, tuple[str, ...]]:
        """Predictions from masked columns of the log, and the classes that occur.

        `found` has the true `label`, `day`, and each of `logged` and `decision` as `logged_<name>`.
        """

    def expected(self, number: Array, flagged: Mask, alerts: int) -> dict[str, float | None]:
        """Metrics to expect of one day's logged numbers (rows,), if they are right."""
        return {}

    # words and pictures

    @abstractmethod
    def label_heads(self, classes: Sequence[str], unit: str) -> tuple[str, ...]:
        """Heads of the columns `label_cells`; `unit` is what forecasts are counted in, if known."""

    @abstractmethod
    def label_cells(self, labels: LabelSummary, classes: Sequence[str]) -> tuple[str, ...]:
        """A period's labels in figures."""

    def contribution(self, unit: str) -> str:
        """What a feature's contribution is measured in."""
        return "Contribution to the raw output (log odds)"

    @abstractmethod
    def pictures(self, outcome: Outcome) -> "dict[str, Picture]":
        """Pictures of a prediction beside the labels, by name; there must be rows."""
