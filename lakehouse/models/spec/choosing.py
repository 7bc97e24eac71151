"""Declared model selection: search, imbalance, selection, extraction, calibration, threshold.

All of these change a trained artefact, so all of them are part of a model's recipe.
"""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lakehouse.declarations.durations import Duration
from lakehouse.declarations.part import Part
from lakehouse.declarations.reserved import FeatureName


class Folds(Part):
    """Walk-forward folds at the end of the training period, oldest first.

    Each fold scores a period of `length` with a model trained on everything that had settled when
    the period began: the label's maturity separates training rows from scored rows. Calibration
    uses all folds, to have many positives; `search` and selection use the newest few.
    """

    count: int = Field(default=8, ge=1)
    length: Duration = timedelta(days=7)
    search: int = Field(
        default=3, ge=1, description="Number of newest folds that search and selection use"
    )
    settled: bool = Field(
        default=True,
        description="Train a fold only on labels that had settled when its scored period began; "
        "`false` ignores the maturity, for training periods that are hardly longer",
    )


class Between(Part):
    """Numbers from `low` to `high`, both included; whole numbers if both bounds are whole."""

    low: Annotated[int, Field(strict=True)] | float
    high: Annotated[int, Field(strict=True)] | float
    log: bool = False
    step: Annotated[int, Field(strict=True)] | float | None = Field(
        default=None, description="Required for a grid unless both bounds are whole numbers"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"`low` {self.low} must be below `high` {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"`low` {self.low} of a logarithmic range must be above 0")
        if self.log and self.step is not None:
            raise ValueError("a logarithmic range cannot have a `step`; remove it, or `log`")
        return self


class OneOf(Part):
    """One of the values listed."""

    choices: tuple[int | float | str | bool, ...] = Field(min_length=2)


class Search(Part):
    """A search for LightGBM parameters, evaluated on the folds by `metric`.

    `sample`: share of the training rows (of the commonest class, except in a regression) that
    trials train on; scored rows are never sampled. The final model uses the chosen parameters and
    all rows.
    """

    method: Literal["tpe", "random", "grid"] = "tpe"
    trials: int = Field(default=20, ge=1)
    space: dict[str, Between | OneOf] = Field(min_length=1)
    metric: str = Field(default="", description="The promotion metric by default")
    prune: bool = Field(default=True, description="Stop trials that fall behind after a fold")
    sample: float = Field(default=1.0, gt=0, le=1)


class Imbalance(Part):
    """How a binary model handles rare positives.

    `weights`: positives have the weight `ratio` (as much in total as the negatives if unset).
    `undersample`: `ratio` negatives are kept per positive, picked by their position in the order of
    keys. Both ways, scores are corrected to the true base rate.
    """

    method: Literal["none", "weights", "undersample"] = "none"
    ratio: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _ratio_is_given(self) -> Self:
        if self.method == "undersample" and self.ratio is None:
            raise ValueError("`undersample` needs a `ratio`: how many negatives per positive")
        return self


class FeatureSelection(Part):
    """Drops features that add nothing within the folds, and records the reason.

    `null_importance`: the gain must exceed the `quantile` of gains under shuffled labels.
    `permutation`: shuffling a group in the scored rows must make the metric worse. `groups` lists
    features by pattern (`customer_*`); a feature without a group is a group of its own.
    """

    method: Literal["null_importance", "permutation"] = "permutation"
    repeats: int = Field(default=5, ge=2)
    quantile: float = Field(default=0.75, gt=0, lt=1)
    groups: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class Extraction(Part):
    """Columns computed from features, fitted on the training period, stored in the version.

    `pca`: `components` principal components of the standardized columns. `anomaly`: one score, the
    robust distance from the centre (Mahalanobis). `clusters`: the distance to each of `components`
    centres (k-means).
    """

    name: FeatureName
    kind: Literal["pca", "anomaly", "clusters"]
    columns: tuple[str, ...] = Field(min_length=2)
    components: int = Field(default=2, ge=1)


class Threshold(Part):
    """The score from which a binary model flags.

    `capacity`: the score that the declared number of alerts a day reached over the last `trailing`
    days of scoring. `cost`: the score above which an alert pays, given the costs of a false alarm
    and of a missed positive (any unit).
    """

    rule: Literal["capacity", "cost"] = "capacity"
    trailing: Duration = timedelta(days=14)
    false_alarm: float | None = Field(default=None, gt=0)
    missed: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _costs_are_given(self) -> Self:
        given = self.false_alarm is not None and self.missed is not None
        if (self.rule == "cost") != given:
            raise ValueError(
                "`rule: cost` requires `false_alarm` and `missed`; other rules must not set them"
            )
        return self


Calibration = Literal["none", "sigmoid", "isotonic"]
"""Fitted on out-of-fold and validation scores: Platt's sigmoid, or a monotone curve."""
