"""The differences between tasks: labels, parameters, predictions, log columns, and texts for
people.

Each task is a subclass without state. Training, scoring and monitoring in general do not belong
here.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import numpy as np
import numpy.typing as npt

from lakehouse.evaluation.metrics import metric_values, metrics_of
from lakehouse.evaluation.periods import DAY, Period
from lakehouse.evaluation.predictions import Predictions, TaskName
from lakehouse.models.tasks.label_kinds import LabelKind, label_kind

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
    """Each row's loss (rows,) by the model and by a constant prediction, in the same measure."""

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
    """Predictions and labels for pictures.

    `scores` maps names to the final prediction and the one before calibration; `unit` is the unit
    of forecasts, if known.
    """

    label: Array
    prediction: Array
    threshold: float | None
    classes: tuple[str, ...]
    scores: Mapping[str, Array]
    unit: str


class Task(ABC):
    """One kind of prediction. Two tasks of the same kind are equal.

    Attributes:
        decides: whether a threshold turns scores into decisions: alerts, capacity, fairness.
        has_classes: whether labels are texts, and predictions are (rows, classes).
        has_probabilities: whether predictions are probabilities, which can be calibrated.
        label_type: SQL type of labels in training sets.
        label_kinds: kinds of columns that can be labels.
        label_needs: the same in words.
        label_refused: SQL condition on `label` for values that cannot be trained on.
        label_remedy: what to do about such a value.
        label_figures: SQL for the positives and the mean of labels; NULL where there are none.
        least_labels_scored: the number of distinct labels that scored rows need to define a metric.
        objective: LightGBM's objective and metrics; the first metric stops training.
        free_params: parameters set by the trainer that a declaration may override.
        default_metric: the metric that compares versions unless the declaration names another.
        probe_metric: the metric of the shuffled-label probe, which every valid test must define.
        segment_metrics: the metrics for parts of the rows.
        expected_metric: the metric that can be estimated from scores alone; None if there is none.
        lone_feature_bound: strength above which a single feature is suspicious.
        linear_name: the linear model that the trees are compared with.
        logged: columns of the prediction log that hold the prediction, with their SQL types; the
            last is the number.
    """

    name: ClassVar[TaskName]
    decides: ClassVar[bool] = False
    has_classes: ClassVar[bool] = False
    has_probabilities: ClassVar[bool] = True
    label_type: ClassVar[Literal["DOUBLE", "VARCHAR"]] = "DOUBLE"
    label_kinds: ClassVar[frozenset[LabelKind]]
    label_needs: ClassVar[str]
    label_refused: ClassVar[str]
    label_remedy: ClassVar[str]
    label_figures: ClassVar[str]
    min_scored_labels: ClassVar[int] = 1
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

    def label_type_problem(self, sql_type: str) -> str:
        """Why a column of this type cannot be a label; empty if it can."""
        if label_kind(sql_type) in self.label_kinds:
            return ""
        return f"is a {sql_type.upper()}, and a {self.name} model needs {self.label_needs}"

    @abstractmethod
    def forward_label_problem(self, is_yes_or_no: bool) -> str:
        """Why a forward label, yes or no or a number, is not valid; empty if it is valid."""

    def classes_of(self, label: Array) -> list[Mask] | None:
        """A mask of the rows of each class; with two classes one mask is enough."""
        return [label == each for each in np.unique(label)]

    def commonest(self, label: Array) -> Mask | None:
        """The rows of the commonest class; None for a regression."""
        values, counts = np.unique(label, return_counts=True)
        return np.asarray(label == values[counts.argmax()])

    def baseline(self, label: Array) -> float:
        """The trivial model's summary of training labels: their mean."""
        return float(label.mean())

    # training

    def params(self, classes: int) -> dict[str, Any]:
        """LightGBM's parameters of the task."""
        return dict(self.objective)

    @abstractmethod
    def fit_linear(self, x: Array, label: Array, x_scored: Array, classes: int) -> Array:
        """Predictions for `x_scored` (rows, columns) by a linear model of `x` and `label`.

        Raises:
            ValueError: when `label` has a single value and the task is not a regression.
        """

    @abstractmethod
    def losses(self, label: Array, prediction: Array, train_label: Array) -> list[Losses]:
        """The model's losses and those of constants from the training labels `train_label`.

        None for scores, which are compared by their order.
        """

    # predictions

    def shape(self, rows: int, classes: int) -> tuple[int, ...]:
        """The shape of a prediction."""
        return (rows,)

    def in_classes(
        self, prediction: Array, theirs: tuple[str, ...], ours: tuple[str, ...]
    ) -> Array:
        """Convert a prediction from `theirs` to `ours`; unchanged if the task has no classes."""
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
        period: Period = DAY,
    ) -> Predictions:
        """Predictions with the true labels. `constant` is the `baseline` of training labels.

        `alerts` is the capacity of each `period`.
        """

    @abstractmethod
    def trivial(self, train: Array, rows: LabelledRows, classes: int) -> Trivial:
        """The prediction for `rows` without a model, from the training labels `train`."""

    def evaluate(
        self, predictions: Predictions, constant: float, classes: Sequence[str] = ()
    ) -> dict[str, float]:
        """All metrics, and those of the trivial model on the same rows.

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
        """The trivial model's metrics, which `evaluate` adds."""

    # the prediction log

    def logged_columns(self, prediction: Array, classes: tuple[str, ...]) -> Columns:
        """The columns `logged` of a prediction."""
        import pyarrow as pa

        return {self.logged_number: pa.array(prediction)}

    def logged_constant(self, number: float, label: str, rows: int) -> Columns:
        """The columns `logged` if every row gets the same prediction."""
        import pyarrow as pa

        return {self.logged_number: pa.array(np.full(rows, number))}

    def constant_query(self, labels: str) -> str:
        """SQL for the trivial model's number and label, from the `labels` of training rows."""
        return f"SELECT fsum(label) / count(*), '' FROM {labels}"

    @abstractmethod
    def from_log(
        self,
        found: Mapping[str, Any],
        naive: Mapping[str, Array],
        alerts: int | None,
        period: Period = DAY,
    ) -> tuple[Predictions, tuple[str, ...]]:
        """Predictions from masked columns of the log, and the classes that occur.

        `found` has the true `label`, `day`, and each of `logged` and `decision` as `logged_<name>`.
        """

    def expected(self, number: Array, flagged: Mask, alerts: int) -> dict[str, float | None]:
        """Expected metrics of one day's logged numbers (rows,), assuming that they are correct."""
        return {}

    # words and pictures

    @abstractmethod
    def label_headers(self, classes: Sequence[str], unit: str) -> tuple[str, ...]:
        """Heads of the columns `label_cells`; `unit` is the unit of forecasts, if known."""

    @abstractmethod
    def label_cells(self, labels: LabelSummary, classes: Sequence[str]) -> tuple[str, ...]:
        """A period's labels in figures."""

    def contribution(self, unit: str) -> str:
        """The unit of a feature's contribution."""
        return "Contribution to the raw output (log odds)"

    @abstractmethod
    def pictures(self, outcome: Outcome) -> "dict[str, Picture]":
        """Pictures of predictions and labels, by name; needs at least one row."""
