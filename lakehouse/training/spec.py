"""What a person declares about a model, as plain data: the fields of `defs.yaml`.

Nothing here reads the lake or trains; unknown fields and metrics are refused when the file is read.
"""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lakehouse.durations import Duration

Task = Literal["binary", "regression", "multiclass"]
TableName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")]
ModelName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]

METRICS: dict[Task, tuple[str, ...]] = {
    "binary": (
        "average_precision",
        "auc_roc",
        "log_loss",
        "accuracy",
        "precision",
        "recall",
        "f1",
        "precision_at_capacity",
        "recall_at_capacity",
        "alerts_per_day",
    ),
    "regression": ("mae", "rmse", "better_than_naive"),
    "multiclass": ("macro_f1", "accuracy", "log_loss", "better_than_majority"),
}
"""Metrics by task; the first is what early promotion compares unless the spec names another."""

LOWER_IS_BETTER = frozenset({"log_loss", "mae", "rmse"})


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Spine(_Part):
    """The rows that are trained on and scored: one row per `key`, decided at `time`."""

    table: TableName
    key: str
    time: str = "event_time"
    entities: tuple[str, ...] = ()


class Settled(_Part):
    """Labels in a table: one row per `key`, in `column`, visible from `known_at` on."""

    table: TableName
    column: str
    key: str = Field(default="", description="Column of the label table; the spine's key if unset")
    known_at: str = "known_at"


class Forward(_Part):
    """A label computed from what an entity does within `horizon` after the spine row's time t.

    It is `op` over the rows of `stream` with t <= known_at < t + horizon, so it is known at
    t + horizon - 1 us: the exact complement of a feature window, on the same time axis.
    """

    stream: TableName
    entity: str
    op: Literal["sum", "count"] = "sum"
    value: str = ""
    known_at: str = "known_at"
    horizon: Duration

    @model_validator(mode="after")
    def _has_value(self) -> Self:
        if (self.op == "sum") != bool(self.value):
            raise ValueError("`op: sum` needs a `value` column, and `op: count` takes none")
        return self


class SplitSpec(_Part):
    """Periods of whole days, oldest first: train, gap, validation, gap, test, gap, now."""

    test: Duration = timedelta(days=14)
    validation: Duration = timedelta(days=14)
    gap: Duration | None = Field(
        default=None, description="The label's maturity; by default the horizon of a forward label"
    )
    train: Duration | None = Field(default=None, description="All history if unset")
    every: int = Field(default=1, ge=1, description="Train on one row in so many, picked by key")


class Capacity(_Part):
    """How many alerts a day can be looked at."""

    alerts: int = Field(ge=1)
    per: Literal["day"] = "day"


class Gate(_Part):
    """A bound that a version's metric must keep before it may be promoted."""

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    of: Literal["validation", "test"] = "test"

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(f"gate on {self.metric} needs either `at_least` or `at_most`")
        return self

    @property
    def name(self) -> str:
        """Unique within a model, and readable: `test_auc_roc_at_least`."""
        bound = "at_least" if self.at_least is not None else "at_most"
        return f"{self.of}_{self.metric}_{bound}"


class Promotion(_Part):
    """`better`: promote when gates pass and the champion is beaten; `manual`: a person decides."""

    rule: Literal["better", "manual"] = "better"
    metric: str = ""


class Retrain(_Part):
    """A new version is due when the test period could end this much later."""

    every: Duration = timedelta(days=7)


class Freshness(_Part):
    """How old a version and its predictions may get."""

    warn: Duration | None = None
    fail: Duration


class ModelSpec(_Part):
    """One predictive model."""

    name: ModelName
    description: str
    owners: tuple[str, ...] = ()
    tags: dict[str, str] = Field(default_factory=dict)
    freshness: Freshness | None = None

    task: Task
    spine: Spine
    feature_sets: tuple[str, ...] = Field(min_length=1)
    include: tuple[str, ...] = Field(default=(), description="Only these features, if any given")
    exclude: tuple[str, ...] = ()
    label: Settled | Forward
    split: SplitSpec = SplitSpec()

    params: dict[str, int | float | str | bool] = Field(
        default_factory=dict, description="LightGBM parameters beside the fixed ones"
    )
    rounds: int = Field(default=300, ge=1)
    early_stopping: int = Field(default=30, ge=0, description="Rounds without gain; 0 means never")
    seed: int = 42

    capacity: Capacity | None = None
    gates: tuple[Gate, ...] = ()
    promotion: Promotion = Promotion()
    retrain: Retrain = Retrain()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        known = METRICS[self.task]
        for metric in [gate.metric for gate in self.gates] + [self.promotion.metric or known[0]]:
            if metric not in known:
                raise ValueError(f"{metric!r} is no {self.task} metric; known are {known}")
        if len({gate.name for gate in self.gates}) < len(self.gates):
            raise ValueError("two gates bound the same metric of the same period")
        if self.task == "binary" and self.capacity is None:
            raise ValueError("a binary model declares its `capacity`: how many alerts a day")
        if isinstance(self.label, Settled) and self.split.gap is None:
            raise ValueError("`split.gap` must give the label's maturity, such as 14d")
        if isinstance(self.label, Forward) and self.gap < self.label.horizon:
            raise ValueError("`split.gap` is shorter than the label's `horizon`")
        fixed = FIXED_PARAMS - ({"objective"} if self.task == "regression" else set())
        reserved = fixed.intersection(self.params)
        if reserved:
            raise ValueError(f"params {sorted(reserved)} are set by the trainer; leave them out")
        return self

    @property
    def gap(self) -> timedelta:
        """How long after its time a row's label counts as settled."""
        if self.split.gap is not None:
            return self.split.gap
        assert isinstance(self.label, Forward)
        return self.label.horizon

    @property
    def primary_metric(self) -> str:
        """What promotion compares."""
        return self.promotion.metric or METRICS[self.task][0]

    @property
    def training_table(self) -> str:
        """Where its training sets are."""
        return f"training.{self.name}"

    @property
    def predictions_table(self) -> str:
        """Where its predictions are."""
        return f"predictions.{self.name}"

    @property
    def upstream_tables(self) -> tuple[str, ...]:
        """Every table it reads, feature sets under their current view; sorted."""
        label = self.label.table if isinstance(self.label, Settled) else self.label.stream
        features = {f"features.{name}" for name in self.feature_sets}
        return tuple(sorted({self.spine.table, label} | features))

    def recipe(self) -> dict[str, object]:
        """The fields that can change a trained artefact, ready for JSON; texts and gates cannot."""
        keep = {"name", "task", "spine", "feature_sets", "include", "exclude", "label", "split"}
        keep |= {"params", "rounds", "early_stopping", "seed", "capacity"}
        return self.model_dump(mode="json", include=keep)


FIXED_PARAMS = frozenset(
    {
        "objective",
        "num_class",
        "seed",
        "deterministic",
        "force_row_wise",
        "num_threads",
        "verbosity",
    }
)
"""LightGBM parameters that the trainer sets; a regression may choose its objective."""
