"""One model's declaration as a whole, and what of it can change a trained artefact."""

from datetime import timedelta
from typing import Self

from pydantic import Field, model_validator

from lakehouse.durations import format_duration
from lakehouse.evaluation.metrics import find_metric
from lakehouse.models.spec.choosing import (
    Calibration,
    Extraction,
    FeatureSelection,
    Folds,
    Imbalance,
    Search,
    Threshold,
)
from lakehouse.models.spec.data import Forward, Settled, Spine, SplitSpec
from lakehouse.models.spec.judging import Capacity, Fairness, Gate, Judging, Papers
from lakehouse.models.spec.lifecycle import (
    Actions,
    Freshness,
    Log,
    Promotion,
    Retrain,
    Shadow,
    Watch,
)
from lakehouse.models.spec.part import ModelName, Part
from lakehouse.models.tasks import DeclaredTask
from lakehouse.reserved import BESIDE_FEATURES, IN_THE_LOG, refuse_alike, refuse_reserved


class ModelSpec(Part):
    """One predictive model."""

    name: ModelName
    description: str
    owners: tuple[str, ...] = ()
    tags: dict[str, str] = Field(default_factory=dict)
    freshness: Freshness | None = None

    task: DeclaredTask
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
    log: Log = Log()
    retrain: Retrain = Retrain()
    watch: Watch = Watch()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for gate in self.gates:
            find_metric(gate.metric, self.task.name)
        searched_by = [self.search.metric] if self.search and self.search.metric else []
        for name in (*searched_by, self.primary_metric):
            if find_metric(name, self.task.name).better == "neither":
                raise ValueError(f"more {name} is neither better nor worse: only a gate")
        if len({gate.name for gate in self.gates}) < len(self.gates):
            raise ValueError("two gates bound the same metric of the same period")
        if self.task.decides and self.capacity is None:
            raise ValueError("a binary model declares its `capacity`: how many alerts a day")
        if not self.task.decides:
            self._refuse_what_only_binary_models_have()
        self._refuse_unfit_labels()
        self._refuse_names()
        searched = set(self.search.space) if self.search else set()
        reserved = (FIXED_PARAMS - self.task.free_params) & (searched | set(self.params))
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

    def _refuse_names(self) -> None:
        """Names that would stand twice in a table, or for two things."""
        spine = (self.spine.key, *self.spine.entities)
        refuse_reserved("the spine's key or entity", spine, IN_THE_LOG)
        refuse_reserved("the spine's entity", self.spine.entities, BESIDE_FEATURES)
        if len({name.lower() for name in spine}) < len(spine):
            raise ValueError(f"the spine's key and entities must differ: {', '.join(spine)}")
        parts = [part.name for part in self.extraction]
        if len(set(parts)) < len(parts):
            raise ValueError(f"two extractions have the same name: {', '.join(parts)}")
        segments = self.judging.segments
        groups = self.fairness.groups if self.fairness else {}
        refuse_alike("segment or group", [*segments, *groups])
        for name in [*segments, *groups]:
            if not name.strip():
                raise ValueError("a segment or group without a name; name it")
            if name in segments and name in groups and segments[name] != groups[name]:
                raise ValueError(
                    f"{name!r} is a segment and another group of `fairness`; rename one of them"
                )

    def _refuse_unfit_labels(self) -> None:
        label, gap = self.label, self.split.gap
        declared = label.maturity if isinstance(label, Settled) else label.horizon
        field = "label.maturity" if isinstance(label, Settled) else "label.horizon"
        if declared is None and gap is None:
            raise ValueError(
                "`label.maturity` must say how long after its event a label is settled, such as 14d"
            )
        if declared is not None and gap is not None and gap < declared:
            raise ValueError(
                f"`split.gap` is {format_duration(gap)}, shorter than `{field}`, which is "
                f"{format_duration(declared)}: the last days of each period would have no labels. "
                "Leave `split.gap` out, or make it at least as long"
            )
        complaint = isinstance(label, Forward) and self.task.complaint_of_forward(label.at_least)
        if isinstance(label, Forward) and complaint:
            raise ValueError(f"a forward label with `op: {label.op}` {complaint}")

    def _refuse_what_only_binary_models_have(self) -> None:
        for field in ("imbalance", "threshold", "fairness", "actions"):
            unset = type(self).model_fields[field].get_default(call_default_factory=True)
            if getattr(self, field) != unset:
                raise ValueError(f"`{field}` is for binary models, this one is {self.task}")
        if self.judging.money or self.judging.reports:
            raise ValueError("`judging.money` and `judging.reports` are for binary models")
        if not self.task.has_probabilities and self.calibration != "none":
            raise ValueError("`calibration` is of scores and probabilities, not of forecasts")

    @property
    def gap(self) -> timedelta:
        """The time between two periods: at least the label's maturity."""
        return self.split.gap if self.split.gap is not None else self.maturity

    @property
    def maturity(self) -> timedelta:
        """How long after its time a row's label counts as settled."""
        if isinstance(self.label, Forward):
            return self.label.horizon
        declared = self.label.maturity or self.split.gap
        return declared if declared is not None else timedelta()

    @property
    def primary_metric(self) -> str:
        """What promotion compares."""
        return self.promotion.metric or self.task.default_metric

    @property
    def clusters(self) -> tuple[str, ...]:
        """The one or two entity columns by which rows are resampled."""
        return self.judging.clusters or self.spine.entities[:2]

    @property
    def training_table(self) -> str:
        """Where its training sets are."""
        return f"training.{self.name}"

    @property
    def predictions_table(self) -> str:
        """Where its predictions are."""
        return f"predictions.{self.name}"

    @property
    def predictions_log(self) -> str:
        """Where every prediction is that ever decided, superseded ones too."""
        return f"{self.predictions_table}__log"

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
