"""Calibration of probabilities: error by bin, observed over expected positives, and slope."""

import math

import numpy as np

from lakehouse.evaluation.arrays import Bools, Floats
from lakehouse.evaluation.document import Calibration, CalibrationBin, Interval
from lakehouse.evaluation.intervals import LEVEL
from lakehouse.evaluation.resampling import Resampling, cluster_codes

BINS = 15

_EDGE = 1e-9
_STEPS = 50


def calibration_bins(truth: Bools, score: Floats, bins: int = BINS) -> tuple[CalibrationBin, ...]:
    """At most `bins` bins of about equally many rows, in ascending order of score.

    Equal scores stay in one bin, so a bin may be larger than the others and the order of rows does
    not matter. Bins have equal mass because scores of rare events lie close to 0: with bins of
    equal width, one bin would hold nearly all rows (Nixon et al., "Measuring Calibration in Deep
    Learning", CVPR workshops 2019).
    """
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    before = np.cumsum(counts) - counts
    bin_of_value = np.minimum(before * bins // max(len(score), 1), bins - 1)
    bin_of_row = np.unique(bin_of_value, return_inverse=True)[1][place]
    rows = np.bincount(bin_of_row)
    mean_score = np.bincount(bin_of_row, weights=score) / rows
    share = np.bincount(bin_of_row, weights=truth) / rows
    return tuple(
        CalibrationBin(rows=int(n), mean_score=float(mean), positive_share=float(positive))
        for n, mean, positive in zip(rows, mean_score, share, strict=True)
    )


def expected_calibration_error(bins: tuple[CalibrationBin, ...]) -> float | None:
    """Row-weighted mean distance of score from share of positives, 0 to 1; None without rows.

    Naeini, Cooper & Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning",
    AAAI 2015. Chance alone makes it larger than 0: compare values only on the same rows and bins.
    """
    rows = sum(each.rows for each in bins)
    distance = sum(each.rows * abs(each.mean_score - each.positive_share) for each in bins)
    return distance / rows if rows else None


def calibration(truth: Bools, before: Floats, after: Floats, bins: int = BINS) -> Calibration:
    """Calibration errors before and after calibration on the same rows, with the bins after it."""
    found = calibration_bins(truth, after, bins)
    return Calibration(
        error_before=expected_calibration_error(calibration_bins(truth, before, bins)),
        error_after=expected_calibration_error(found),
        bins=found,
    )


def observed_over_expected(
    truth: Bools, score: Floats, resampling: Resampling, level: float = LEVEL
) -> Interval | None:
    """Positives over the sum of scores (rows,), ideally 1; None without rows or scores.

    The ends come from a Poisson count of effective independent events: the positives divided by the
    design effect, which is the clustered variance of observed minus expected over the variance of
    single rows (Rao & Scott, "A simple method for the analysis of clustered binary data",
    Biometrics 48, 1992). The limits are Garwood's exact ones ("Fiducial limits for the Poisson
    distribution", Biometrika 28, 1936). So zero positives also have an upper end; resamples of the
    rows would always find zero. With two crossed keys the variances are added as in `resample`.
    Only the clusters of `resampling` are used; nothing is drawn.
    """
    effect = design_effect(truth, score, resampling)
    if effect is None:
        return None
    from scipy.special import chdtri

    expected, observed = float(np.sum(score)), int(np.sum(truth))
    ratio = observed / expected
    events, tail = observed / effect, (1 - level) / 2
    low = chdtri(2 * events, 1 - tail) / 2 if observed else 0.0
    high = chdtri(2 * events + 2, tail) / 2
    unit = effect / expected
    return Interval(value=ratio, low=float(low) * unit, high=float(high) * unit, level=level)


def design_effect(truth: Bools, score: Floats, resampling: Resampling) -> float | None:
    """Positives per effective independent event.

    None if the variance is 0, or the sum of scores is 0 or not finite."""
    expected, observed = float(np.sum(score)), int(np.sum(truth))
    if not expected > 0 or not math.isfinite(expected):
        return None
    variance = _clustered_variance(truth - observed / expected * score, resampling)
    single = float(np.sum(score * (1 - score))) / expected
    effect = max(variance / observed if observed else 0.0, single)
    return effect if effect > 0 else None  # probabilities of exactly 0 and 1 have no variance


def calibration_slope(truth: Bools, score: Floats) -> float | None:
    """Slope of a logistic regression of `truth` on the logit of `score`, (rows,) each; ideally 1.

    Below 1 the scores are too extreme, above 1 not extreme enough (Cox, "Two further applications
    of a model for binary regression", Biometrika 45, 1958). None if the slope is undetermined: a
    single class, equal scores, or scores that separate the classes. Scores are clipped to 1e-9 from
    0 and 1.
    """
    p = np.clip(score.astype(np.float64), _EDGE, 1 - _EDGE)
    x = np.log(p) - np.log1p(-p)
    if not 0 < np.sum(truth) < len(truth) or not np.isfinite(x).all() or np.ptp(x) == 0:
        return None
    if x[truth].min() >= x[~truth].max() or x[truth].max() <= x[~truth].min():
        return None
    middle, spread = float(x.mean()), float(x.std())
    x, share = (x - middle) / spread, float(truth.mean())
    at, now = np.array([0.0, math.log(share / (1 - share))]), math.inf
    step = np.zeros(2)
    for _ in range(_STEPS):
        candidate = at - step
        z = candidate[0] * x + candidate[1]
        loss = float(np.sum(np.logaddexp(0, z) - truth * z))
        if loss > now:
            step = step / 2
            continue
        # sums, not matrix products: the last bits of a product depend on the number of threads
        fitted = np.exp(-np.logaddexp(0, -z))
        residual, w = fitted - truth, fitted * (1 - fitted)
        across = float(np.sum(w * x))
        hessian = np.array([[np.sum(w * x * x), across], [across, np.sum(w)]])
        if now - loss <= 1e-12 * loss:
            return float(candidate[0]) / spread
        at, now = candidate, loss
        step = np.linalg.solve(hessian, np.array([np.sum(residual * x), np.sum(residual)]))
    return None


def _clustered_variance(residual: Floats, resampling: Resampling) -> float:
    """Variance of the sum of `residual` (rows,) when whole clusters are resampled."""
    codes = resampling.clusters
    if not codes:
        return float(np.sum(residual**2))
    by_key = [float(np.sum(np.bincount(each, residual) ** 2)) for each in codes]
    if len(codes) == 1:
        return by_key[0]
    pair = cluster_codes(*codes)
    common = float(np.sum(np.bincount(pair, residual) ** 2))
    return max(sum(by_key) - common, *by_key)
