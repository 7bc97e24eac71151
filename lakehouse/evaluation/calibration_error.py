"""How far probabilities are from what came: bins of equally many rows, and their mean distance."""

import numpy as np

from lakehouse.evaluation.document import Calibration, CalibrationBin
from lakehouse.evaluation.metrics import Bools, Floats

BINS = 15


def calibration_bins(truth: Bools, score: Floats, bins: int = BINS) -> tuple[CalibrationBin, ...]:
    """At most `bins` bins, the lowest scores first, of about equally many rows.

    Equal scores stay together, so a bin may be larger, and the order of rows does not matter. Equal
    mass, as scores of rare events lie close to 0: bins of equal width would hold them all in one
    (Nixon et al., "Measuring Calibration in Deep Learning", CVPR workshops 2019).
    """
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    before = np.cumsum(counts) - counts
    bin_of_value = np.minimum(before * bins // max(len(score), 1), bins - 1)
    bin_of_row = np.unique(bin_of_value, return_inverse=True)[1][place]
    rows = np.bincount(bin_of_row)
    mean_score = np.bincount(bin_of_row, weights=score) / rows
    share = np.bincount(bin_of_row, weights=truth) / rows
    return tuple(
        CalibrationBin(rows=int(n), mean_score=float(said), positive_share=float(was))
        for n, said, was in zip(rows, mean_score, share, strict=True)
    )


def expected_calibration_error(bins: tuple[CalibrationBin, ...]) -> float | None:
    """Mean distance of score and share of positives over rows, 0 to 1; None without rows.

    Naeini, Cooper & Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning",
    AAAI 2015. Chance alone makes it larger than 0: compare it on the same rows, in the same bins.
    """
    rows = sum(each.rows for each in bins)
    distance = sum(each.rows * abs(each.mean_score - each.positive_share) for each in bins)
    return distance / rows if rows else None


def calibration(truth: Bools, before: Floats, after: Floats, bins: int = BINS) -> Calibration:
    """The error of scores before and after calibration on the same rows, and the latter's bins."""
    found = calibration_bins(truth, after, bins)
    return Calibration(
        error_before=expected_calibration_error(calibration_bins(truth, before, bins)),
        error_after=expected_calibration_error(found),
        bins=found,
    )
