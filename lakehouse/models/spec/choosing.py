"""How a model is chosen: search, imbalance, selection, extraction, calibration, threshold.

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

    Each scores `length` of time with a model of everything that had settled by its beginning: the
    label's maturity lies between what a fold learns from and what it scores. Calibration needs all
    of them, so that their positives are many; `search` and selection judge on the newest few.
    """

    count: int = Field(default=8, ge=1)
    length: Duration = timedelta(days=7)
    search: int = Field(default=3, ge=1, description="How many a search and a selection use")
    settled: bool = Field(
        default=True,
        description="Whether what a fold learns from has settled by its beginning; `false` leaves "
        "out the maturity, for training periods that are hardly longer",
    )


class Between(Part):
    """Numbers from `low` to `high`, both included; whole ones if both are written as such."""

    low: Annotated[int, Field(strict=True)] | float
    high: Annotated[int, Field(strict=True)] | float
    log: bool = False
    step: Annotated[int, Field(strict=True)] | float | None = Field(
        default=None, description="Needed by a grid, unless numbers are whole"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"`low` {self.low} must be below `high` {self.high}")
        if self.log and self.low <= 0:
            raise ValueError("a logarithmic range starts above 0")
        if self.log and self.step is not None:
            raise ValueError("a logarithmic range takes no `step`")
        return self


class OneOf(Part):
    """One of the values listed."""

    choices: tuple[int | float | str | bool, ...] = Field(min_length=2)


class Search(Part):
    """A search for LightGBM parameters, judged on the folds by `metric`.

    `sample`: share of the training rows (of the commonest class, unless a regression) that trials
    learn from; what they score is never sampled. The chosen parameters are fitted to all rows.
    """

    method: Literal["tpe", "random", "grid"] = "tpe"
    trials: int = Field(default=20, ge=1)
    space: dict[str, Between | OneOf] = Field(min_length=1)
    metric: str = Field(default="", description="The promotion metric if unset")
    prune: bool = Field(default=True, description="Give trials up that fall behind after a fold")
    sample: float = Field(default=1.0, gt=0, le=1)


class Imbalance(Part):
    """What is done about rare positives of a binary model.

    `weights`: positives count `ratio` times (as much as the negatives together if unset).
    `undersample`: `ratio` negatives are kept per positive, picked by their place in the order of
    keys. Either way scores are corrected back to the true base rate.
    """

    method: Literal["none", "weights", "undersample"] = "none"
    ratio: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _ratio_is_given(self) -> Self:
        if self.method == "undersample" and self.ratio is None:
            raise ValueError("`undersample` needs a `ratio`: how many negatives per positive")
        return self


class FeatureSelection(Part):
    """Features that earn nothing within the folds are left out, with the reason recorded.

    `null_importance`: the gain must exceed the `quantile` of gains under shuffled labels.
    `permutation`: shuffling a group in the scored rows must cost some of the metric. `groups` name
    features by pattern (`customer_*`); a feature of no group is a group of its own.
    """

    method: Literal["null_importance", "permutation"] = "permutation"
    repeats: int = Field(default=5, ge=2)
    quantile: float = Field(default=0.75, gt=0, lt=1)
    groups: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class Extraction(Part):
    """Further features made of others, fitted on the training period and kept with the version.

    `pca`: `components` principal components of the standardized columns. `anomaly`: one score, the
    robust distance from the centre (Mahalanobis). `clusters`: the distance to each of `components`
    centres (k-means).
    """

    name: FeatureName
    kind: Literal["pca", "anomaly", "clusters"]
    columns: tuple[str, ...] = Field(min_length=2)
    components: int = Field(default=2, ge=1)


class Threshold(Part):
    """From which score a binary model flags.

    `capacity`: the score that the declared number of alerts a day reached over the last `trailing`
    days of scoring. `cost`: the score at which an alert begins to pay, given what a false alarm and
    a missed positive cost (any unit).
    """

    rule: Literal["capacity", "cost"] = "capacity"
    trailing: Duration = timedelta(days=14)
    false_alarm: float | None = Field(default=None, gt=0)
    missed: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _costs_are_given(self) -> Self:
        given = self.false_alarm is not None and self.missed is not None
        if (self.rule == "cost") != given:
            raise ValueError("`rule: cost`, and only that, needs `false_alarm` and `missed`")
        return self


Calibration = Literal["none", "sigmoid", "isotonic"]
"""Fitted on out-of-fold and validation scores: Platt's sigmoid, or a monotone curve."""
