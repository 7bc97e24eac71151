"""The evaluation record of one model version, stored as `evaluation.json` next to the artefact.

Holds only the schema, so that gates, reports and the command line read the same record; the other
modules of this package compute the values. Undetermined values are None, never NaN.
"""

from datetime import date
from typing import Literal, Self

from pydantic import Field

from lakehouse.evaluation.record import Interval, Record
from lakehouse.evaluation.review_document import Review, RowCount

__all__ = [
    "ACCEPTABLE_FAIRNESS",
    "Against",
    "Calibration",
    "CalibrationBin",
    "Comparison",
    "Evaluation",
    "FairnessResult",
    "FairnessVerdict",
    "GroupRates",
    "Interval",
    "Metrics",
    "Probe",
    "SegmentMetrics",
    "Verdict",
    "Week",
]

Metrics = dict[str, float | None]
"""Values by metric name; None if the rows do not determine the metric."""


Against = Literal["champion", "last", "baseline", "logistic_regression"]
Verdict = Literal["better", "worse", "no difference shown", "insufficient"]
FairnessVerdict = Literal["within", "not shown to exceed", "exceeds", "insufficient"]

ACCEPTABLE_FAIRNESS: frozenset[FairnessVerdict] = frozenset({"within", "not shown to exceed"})
"""Verdicts where groups were compared and no violation was shown."""


class SegmentMetrics(Record):
    """Metrics of the rows where `column` has `value`; None if there are too few positives."""

    column: str
    value: str
    rows: int
    positives: int
    metrics: dict[str, Interval | None]


class Comparison(Record):
    """A comparison of two predictions. `difference` is ours minus theirs, from paired resamples.

    The verdict is from our point of view and accounts for the metric's direction. "insufficient":
    too few positives for a verdict. The standard error is the deviation of the resampled
    differences.
    """

    against: Against
    version: str
    metric: str
    ours: float | None
    theirs: float | None
    difference: Interval | None
    standard_error: float | None = None
    rows: int
    positives: int
    verdict: Verdict


class GroupRates(Record):
    """Decision rates of one group; without positives `tpr` is None, without negatives `fpr`.

    `counted` is True if the group had enough positives to be included in the differences.
    """

    value: str
    rows: int
    positives: int
    counted: bool
    selection_rate: Interval | None
    tpr: Interval | None
    fpr: Interval | None


class FairnessResult(Record):
    """Differences between the groups of `column`, and whether they exceed `limit`.

    The verdict uses the whole interval of the equalized-odds difference: "within" if all of it is
    at or below the limit, "exceeds" if all of it is above, "not shown to exceed" if it contains the
    limit. "insufficient": fewer than two groups have enough positives.

    For each difference, `value` is the observed one; `low` and `high` account for chance, which
    makes the largest of several gaps large even where no true gap exists.
    """

    column: str
    groups: tuple[GroupRates, ...]
    equalized_odds_difference: Interval | None
    demographic_parity_difference: Interval | None
    limit: float
    verdict: FairnessVerdict


class Probe(Record):
    """One test for leakage or overfitting: the value found, the bound, and why it matters."""

    name: str
    value: float | None
    bound: float
    passed: bool
    explanation: str


class CalibrationBin(Record):
    """Rows with neighbouring scores: their count, mean score and share of positives."""

    rows: int
    mean_score: float
    positive_share: float


class Calibration(Record):
    """Calibration of the scores on the test period.

    Expected calibration error without and with the calibrator. The other fields are with the
    calibrator: bins, positives over the sum of scores, and the slope of outcomes on log odds (both
    ideally 1).
    """

    error_before: float | None
    error_after: float | None
    bins: tuple[CalibrationBin, ...]
    observed_over_expected: Interval | None = None
    slope: float | None = None


class Week(Record):
    """Metrics of seven days of decisions from `start` (UTC)."""

    start: date
    metrics: Metrics


class Evaluation(Record):
    """All evaluation results of one model version.

    `metrics` is by period: "validation", "out_of_fold", "test". `intervals` is by metric on the
    test period, from `repeats` resamples of whole `clustered_by` clusters (column names; empty:
    single rows). `notes` describe what readers must know about the rows, `rows` counts where the
    rows of each period went, and `review` holds the additional results for model-risk review.
    """

    metrics: dict[str, Metrics]
    intervals: dict[str, Interval] = Field(default_factory=dict)
    clustered_by: tuple[str, ...] = ()
    repeats: int = 0
    segments: tuple[SegmentMetrics, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    fairness: tuple[FairnessResult, ...] = ()
    probes: tuple[Probe, ...] = ()
    overfitting_gap: dict[str, float] = Field(default_factory=dict)
    calibration: Calibration | None = None
    by_week: tuple[Week, ...] = ()
    notes: tuple[str, ...] = ()
    rows: tuple[RowCount, ...] = ()
    review: Review = Review()

    def to_json(self) -> str:
        """The record as JSON; equal records give the same bytes."""
        return self.model_dump_json(indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The record that `to_json` wrote; raises pydantic's ValidationError for any other text."""
        return cls.model_validate_json(text)
