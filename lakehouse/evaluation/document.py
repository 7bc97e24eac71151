"""What the evaluation of one model version holds, kept as `evaluation.json` beside the artefact.

Only the shape of the record, so that gates, reports and the command line read one thing; how its
figures come about is in the other modules here. What cannot be told is None, never NaN.
"""

from datetime import date
from typing import Literal, Self

from pydantic import Field

from lakehouse.evaluation.record import Interval, Record
from lakehouse.evaluation.review_document import Review, RowCount

__all__ = [
    "FAIR_ENOUGH",
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
"""Values by name of the metric; None for what these rows cannot tell."""


Against = Literal["champion", "last", "baseline", "logistic_regression"]
Verdict = Literal["better", "worse", "no difference shown", "insufficient"]
FairnessVerdict = Literal["within", "not shown to exceed", "exceeds", "insufficient"]

FAIR_ENOUGH: frozenset[FairnessVerdict] = frozenset({"within", "not shown to exceed"})
"""Verdicts of groups that were compared, and between which no violation was shown."""


class SegmentMetrics(Record):
    """The rows in which `column` has `value`; None for a metric that too few positives tell."""

    column: str
    value: str
    rows: int
    positives: int
    metrics: dict[str, Interval | None]


class Comparison(Record):
    """Two predictions on the same rows. `difference` is ours minus theirs, resampled in pairs.

    The verdict is about us and knows which way the metric is good. "insufficient": too few
    positives to say. The standard error is the deviation of the resampled differences.
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
    """Rates of decisions in one group; `tpr` and `fpr` are None without positives, negatives.

    `counted` says whether the group had positives enough to take part in the differences.
    """

    value: str
    rows: int
    positives: int
    counted: bool
    selection_rate: Interval | None
    tpr: Interval | None
    fpr: Interval | None


class FairnessResult(Record):
    """How differently the groups of `column` fare, and whether by more than `limit`.

    The verdict is of the whole interval of the equalized-odds difference: "within" if all of it is
    at or below the limit, "exceeds" if all of it is above, "not shown to exceed" if it holds the
    limit. "insufficient": fewer than two groups have positives enough.

    Of a difference, `value` is what was observed, and `low` and `high` allow for the chance that
    makes the largest of several gaps large also where there is none.
    """

    column: str
    groups: tuple[GroupRates, ...]
    equalized_odds_difference: Interval | None
    demographic_parity_difference: Interval | None
    limit: float
    verdict: FairnessVerdict


class Probe(Record):
    """One test for leakage or overfitting: what was found, what was allowed, and why it matters."""

    name: str
    value: float | None
    bound: float
    passed: bool
    explanation: str


class CalibrationBin(Record):
    """Rows with neighbouring scores: their number, their mean score, their share of positives."""

    rows: int
    mean_score: float
    positive_share: float


class Calibration(Record):
    """How far scores on test are from outcomes.

    Expected calibration error without and with the calibrator; the rest is with it: bins, positives
    over the sum of scores, and the slope of outcomes on log odds (both 1 at best).
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
    """Everything that was found out about one model version.

    `metrics` is by period: "validation", "out_of_fold", "test". `intervals` is by metric, on test,
    from `repeats` resamples of whole `clustered_by` (columns; none: of single rows). `notes` say
    what of the rows a reader must know, `rows` where the rows of each period went, and `review`
    what a reviewer of risks asks beside.
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
        """The record as text: the same record gives the same bytes."""
        return self.model_dump_json(indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The record that `to_json` wrote; raises pydantic's ValidationError on any other."""
        return cls.model_validate_json(text)
