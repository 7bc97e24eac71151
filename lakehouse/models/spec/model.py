"""One model's complete declaration, and the part of it that can change a trained artefact."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from pydantic import AliasChoices, Field

from lakehouse.declarations.declaration import Declaration
from lakehouse.declarations.durations import format_duration, longest
from lakehouse.declarations.names import did_you_mean
from lakehouse.declarations.part import FieldError
from lakehouse.declarations.reserved import (
    FEATURE_TABLE_COLUMNS,
    PREDICTION_LOG_COLUMNS,
    TablePart,
    refuse_case_duplicates,
    refuse_reserved,
)
from lakehouse.evaluation.metrics import ALERTS_PER, Metric, metrics_of
from lakehouse.lake import Table, layout
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
from lakehouse.models.spec.judging import Capacity, DeclaredCard, Fairness, Gate, Judging
from lakehouse.models.spec.lifecycle import Actions, Log, Promotion, Retrain, Shadow, Watch
from lakehouse.models.tasks import DeclaredTask


class ModelSpec(Declaration):
    """One predictive model."""

    name: TablePart
    task: DeclaredTask
    spine: Spine
    feature_sets: tuple[str, ...] = Field(min_length=1)
    include: tuple[str, ...] = Field(default=(), description="Only these features; all if unset")
    exclude: tuple[str, ...] = ()
    label: Settled | Forward
    split: SplitSpec = SplitSpec()

    params: dict[str, int | float | str | bool] = Field(
        default_factory=dict, description="LightGBM parameters in addition to the fixed ones"
    )
    rounds: int = Field(default=300, ge=1)
    early_stopping: int = Field(
        default=30, ge=0, description="Stop after so many rounds without gain; 0 never stops"
    )
    seed: int = 42

    folds: Folds = Folds()
    search: Search | None = None
    imbalance: Imbalance = Imbalance()
    selection: FeatureSelection | None = None
    extraction: tuple[Extraction, ...] = ()
    warm_start: bool = Field(
        default=False, description="Continue from the champion's trees if its features are the same"
    )
    calibration: Calibration = "none"
    threshold: Threshold = Threshold()

    capacity: Capacity | None = None
    gates: tuple[Gate, ...] = ()
    judging: Judging = Judging()
    fairness: Fairness | None = None
    model_card: DeclaredCard = Field(
        default=DeclaredCard(), validation_alias=AliasChoices("model_card", "papers")
    )

    promotion: Promotion = Promotion()
    shadow: Shadow = Shadow()
    actions: Actions = Actions()
    log: Log = Log()
    retrain: Retrain = Retrain()
    watch: Watch = Watch()

    def errors(self) -> Iterator[ValueError]:
        """Contradictions in the declaration, each with the field to change."""
        yield from self._wrong_metrics()
        yield from self._wrong_params()
        yield from self._binary_only_fields()
        yield from self._invalid_labels()
        yield from self._wrong_names()
        yield from self._unknown_entities_and_sets()

    def _wrong_metrics(self) -> Iterator[ValueError]:
        compared = {("promotion", "metric"): self.primary_metric}
        if self.search and self.search.metric:
            compared["search", "metric"] = self.search.metric
        for path, metric in compared.items():
            yield from self._unknown_metric(metric, *path)
            if metric in self._metrics and self._metrics[metric].better == "neither":
                message = (
                    f"a higher {metric} is neither better nor worse, so it cannot compare "
                    "versions; use it only in a gate"
                )
                yield FieldError(message, *path)
        for number, gate in enumerate(self.gates):
            yield from self._unknown_metric(gate.metric, "gates", number, "metric")
        names = [gate.name for gate in self.gates]
        for number, name in enumerate(names):
            if name in names[:number]:
                message = "two gates bound the same metric of the same period; remove one"
                yield FieldError(message, "gates", number)

    @property
    def _metrics(self) -> Mapping[str, Metric]:
        return {metric.name: metric for metric in metrics_of(self.task.name)}

    def _unknown_metric(self, metric: str, *path: str | int) -> Iterator[ValueError]:
        if metric not in self._metrics:
            message = f"{metric!r} is not a metric of {self.task} models"
            yield FieldError(message + did_you_mean(metric, self._metrics), *path)

    def _wrong_params(self) -> Iterator[ValueError]:
        fixed = FIXED_PARAMS - self.task.free_params
        searched = self.search.space if self.search else {}
        for path, names in ((("params",), self.params), (("search", "space"), searched)):
            for name in names:
                if name in fixed:
                    yield FieldError(f"{name!r} is set by the trainer; remove it", *path, name)

    def _binary_only_fields(self) -> Iterator[ValueError]:
        if self.task.decides:
            if self.capacity is None:
                yield ValueError(
                    "a binary model must declare `capacity`: how many alerts a day, or a week"
                )
            else:
                yield from self._capacity_errors(self.capacity)
            return
        for field in ("imbalance", "threshold", "fairness", "actions"):
            unset = type(self).model_fields[field].get_default(call_default_factory=True)
            if getattr(self, field) != unset:
                message = f"`{field}` is only for binary models; this is a {self.task} model"
                yield FieldError(message, field)
        for field in ("money", "reports", "near_chance"):
            if getattr(self.judging, field):
                message = (
                    f"`judging.{field}` is only for binary models; this is a {self.task} model"
                )
                yield FieldError(message, "judging", field)
        if not self.task.has_probabilities and self.calibration != "none":
            message = (
                "`calibration` applies to scores and probabilities, not to forecasts; remove it"
            )
            yield FieldError(message, "calibration")

    def _capacity_errors(self, capacity: Capacity) -> Iterator[ValueError]:
        if capacity.known_removed and isinstance(self.label, Forward):
            message = (
                "`known_removed` needs a label table that holds the positives; a forward label "
                "has none: remove it"
            )
            yield FieldError(message, "capacity", "known_removed")
        period = capacity.period
        others = {*ALERTS_PER.values()} - {ALERTS_PER[capacity.per]}
        for number, gate in enumerate(self.gates):
            if gate.metric in others:
                message = f"the capacity is {period.rate}; use {ALERTS_PER[capacity.per]}"
                yield FieldError(message, "gates", number, "metric")
        lengths = {
            ("split", "test"): self.split.test,
            ("split", "validation"): self.split.validation,
            ("folds", "length"): self.folds.length,
            ("threshold", "trailing"): self.threshold.trailing,
        }
        for path, length in lengths.items():
            if isinstance(length, timedelta) and length % period.length and period.days > 1:
                message = (
                    f"`{'.'.join(path)}` is {format_duration(length)}, and the capacity is "
                    f"{period.rate}: make it whole {period.name}s, such as 14d"
                )
                yield FieldError(message, *path)

    def _invalid_labels(self) -> Iterator[ValueError]:
        label, gap = self.label, self.split.gap
        declared = label.maturity if isinstance(label, Settled) else longest(label.horizon)
        field = "label.maturity" if isinstance(label, Settled) else "label.horizon"
        if declared is None and gap is None:
            message = (
                "declare `label.maturity`: how long after its event a label is settled, such as 14d"
            )
            yield FieldError(message, "label")
        if declared is not None and gap is not None and gap < declared:
            message = (
                f"`split.gap` is {format_duration(gap)}, shorter than `{field}`, which is "
                f"{format_duration(declared)}: the last days of each period would have no labels. "
                "Leave `split.gap` out, or make it at least as long"
            )
            yield FieldError(message, "split", "gap")
        problem = isinstance(label, Forward) and self.task.forward_label_problem(label.is_yes_or_no)
        if isinstance(label, Forward) and problem:
            yield FieldError(f"a forward label with `op: {label.op}` {problem}", "label")

    def _wrong_names(self) -> Iterator[ValueError]:
        """Names that would occur twice in a table, or have two meanings."""
        spine = (self.spine.key, *self.spine.entities)
        segments = self.judging.segments
        groups = self.fairness.groups if self.fairness else {}
        try:
            refuse_reserved("the spine's key or entity", spine, PREDICTION_LOG_COLUMNS)
            refuse_reserved("the spine's entity", self.spine.entities, FEATURE_TABLE_COLUMNS)
        except ValueError as error:
            yield FieldError(str(error), "spine")
        if len({name.lower() for name in spine}) < len(spine):
            message = f"the spine's key and entities must differ: {', '.join(spine)}"
            yield FieldError(message, "spine")
        parts = [part.name for part in self.extraction]
        if len(set(parts)) < len(parts):
            message = f"two extractions have the same name: {', '.join(parts)}"
            yield FieldError(message, "extraction")
        try:
            refuse_case_duplicates("segment or group", [*segments, *groups])
        except ValueError as error:
            yield FieldError(str(error), "judging", "segments")
        for name in [*segments, *groups]:
            path = ("judging", "segments") if name in segments else ("fairness", "groups")
            if not name.strip():
                yield FieldError("a segment or group without a name; name it", *path, name)
            if name in segments and name in groups and segments[name] != groups[name]:
                message = (
                    f"{name!r} is both a segment and a different `fairness` group; rename one of "
                    "them"
                )
                yield FieldError(message, *path, name)

    def _unknown_entities_and_sets(self) -> Iterator[ValueError]:
        judging, stale = self.judging, self.judging.stress.stale
        references: list[tuple[str, tuple[str | int, ...]]] = [
            *((name, ("judging", "clusters", n)) for n, name in enumerate(judging.clusters)),
            *((name, ("judging", "stress", "stale", of)) for of, name in stale.items()),
        ]
        if self.capacity and self.capacity.unit:
            references.append((self.capacity.unit, ("capacity", "unit")))
        for name, path in references:
            if name not in self.spine.entities:
                entities = ", ".join(self.spine.entities) or "none"
                message = f"{name!r} is not an entity of the spine; its entities are {entities}"
                yield FieldError(message, *path)
        for name in stale:
            if name not in self.feature_sets:
                message = f"{name!r} is not one of this model's `feature_sets`"
                yield FieldError(message, "judging", "stress", "stale", name)

    @property
    def gap(self) -> timedelta:
        """The time between two periods: at least the label's maturity."""
        return self.split.gap if self.split.gap is not None else self.maturity

    @property
    def maturity(self) -> timedelta:
        """How long after its time a row's label counts as settled."""
        if isinstance(self.label, Forward):
            return longest(self.label.horizon)
        declared = self.label.maturity or self.split.gap
        return declared if declared is not None else timedelta()

    @property
    def primary_metric(self) -> str:
        """The metric that promotion compares."""
        return self.promotion.metric or self.task.default_metric

    @property
    def clusters(self) -> tuple[str, ...]:
        """The one or two entity columns by which rows are resampled."""
        return self.judging.clusters or self.spine.entities[:2]

    @property
    def label_table(self) -> str:
        """The table that labels are read from, or the stream that they are computed from."""
        return self.label.table if isinstance(self.label, Settled) else self.label.stream

    @property
    def training_table(self) -> Table:
        """The table of its training sets."""
        return layout.training_table(self.name)

    @property
    def predictions_table(self) -> Table:
        """The table of its predictions."""
        return layout.predictions_view(self.name)

    @property
    def predictions_log(self) -> Table:
        """The table of all predictions that were ever decided on, including superseded ones."""
        return layout.log_table(self.predictions_table)

    @property
    def upstream_tables(self) -> tuple[str, ...]:
        """Every table it reads, with feature sets as their current view; sorted."""
        features = {layout.feature_view(name) for name in self.feature_sets}
        return tuple(sorted({self.spine.table, self.label_table} | features))

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
