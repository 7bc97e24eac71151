"""One model's declaration as a whole, and what of it can change a trained artefact."""

from datetime import timedelta
from typing import Self

from pydantic import Field, model_validator

from lakehouse.training.spec.choosing import (
    Calibration,
    Extraction,
    FeatureSelection,
    Folds,
    Imbalance,
    Search,
    Threshold,
)
from lakehouse.training.spec.data import Forward, Settled, Spine, SplitSpec
from lakehouse.training.spec.judging import Capacity, Fairness, Gate, Judging, Papers
from lakehouse.training.spec.lifecycle import (
    Actions,
    Freshness,
    Promotion,
    Retrain,
    Shadow,
    Watch,
)
from lakehouse.training.spec.part import ModelName, Part, Task

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


class ModelSpec(Part):
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

    folds: Folds = Folds()
    search: Search | None = None
    imbalance: Imbalance = Imbalance()
    selection: FeatureSelection | None = None
    extraction: tuple[Extraction, ...] = ()
    warm_start: bool = Field(
        default=False, description="Go on from the champion's trees, if its features are the same"
    )
    calibration: Calibration = "none"
    threshold: Threshold = Threshold()

    capacity: Capacity | None = None
    gates: tuple[Gate, ...] = ()
    judging: Judging = Judging()
    fairness: Fairness | None = None
    papers: Papers = Papers()

    promotion: Promotion = Promotion()
    shadow: Shadow = Shadow()
    actions: Actions = Actions()
    retrain: Retrain = Retrain()
    watch: Watch = Watch()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        known = METRICS[self.task]
        searched_by = [self.search.metric] if self.search and self.search.metric else []
        for metric in [gate.metric for gate in self.gates] + searched_by + [self.primary_metric]:
            if metric not in known:
                raise ValueError(f"{metric!r} is no {self.task} metric; known are {known}")
        if "alerts_per_day" in [*searched_by, self.primary_metric]:
            raise ValueError("more `alerts_per_day` are neither better nor worse: only a gate")
        if len({gate.name for gate in self.gates}) < len(self.gates):
            raise ValueError("two gates bound the same metric of the same period")
        if self.task == "binary" and self.capacity is None:
            raise ValueError("a binary model declares its `capacity`: how many alerts a day")
        if self.task != "binary":
            self._refuse_what_only_binary_models_have()
        if isinstance(self.label, Settled) and self.split.gap is None:
            raise ValueError("`split.gap` must give the label's maturity, such as 14d")
        if isinstance(self.label, Forward) and self.gap < self.label.horizon:
            raise ValueError("`split.gap` is shorter than the label's `horizon`")
        fixed = FIXED_PARAMS - ({"objective"} if self.task == "regression" else set())
        searched = set(self.search.space) if self.search else set()
        reserved = fixed & (searched | set(self.params))
        if reserved:
            raise ValueError(f"params {sorted(reserved)} are set by the trainer; leave them out")
        unknown = {*self.judging.clusters, self.capacity.unit if self.capacity else ""}
        unknown |= set(self.judging.stress.stale.values())
        unknown -= {"", *self.spine.entities}
        if unknown:
            raise ValueError(f"{sorted(unknown)} are none of the spine's entities")
        if sets := sorted(set(self.judging.stress.stale) - set(self.feature_sets)):
            raise ValueError(f"`judging.stress.stale` names {sets}, which are none of the sets")
        return self

    def _refuse_what_only_binary_models_have(self) -> None:
        for field in ("imbalance", "threshold", "fairness", "actions"):
            unset = type(self).model_fields[field].get_default(call_default_factory=True)
            if getattr(self, field) != unset:
                raise ValueError(f"`{field}` is for binary models, this one is {self.task}")
        if self.judging.money or self.judging.reports:
            raise ValueError("`judging.money` and `judging.reports` are for binary models")
        if self.task == "regression" and self.calibration != "none":
            raise ValueError("`calibration` is of scores and probabilities, not of forecasts")

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
        keep |= {"params", "rounds", "early_stopping", "seed", "capacity", "folds", "search"}
        keep |= {"imbalance", "selection", "extraction", "warm_start", "calibration", "threshold"}
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
