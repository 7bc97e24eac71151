"""Expected metrics of scores, assuming that each score is its row's probability of being positive.

Confidence-based performance estimation, as in NannyML's documentation.
"""

import numpy as np

from lakehouse.evaluation.arrays import Bools, Floats


def expected_metrics(score: Floats, flagged: Bools, alerts: int) -> dict[str, float | None]:
    """Expected metrics of one day's rows (rows,) if each is positive with probability `score`.

    Each is a ratio of expectations. None where the denominator is empty.
    """
    expected = float(score.sum())
    hits = float(score[flagged].sum())
    highest = float(np.sort(score)[::-1][:alerts].sum())
    return {
        "positives": expected,
        "precision": _ratio(hits, float(flagged.sum())),
        "recall": _ratio(hits, expected),
        "average_precision": expected_average_precision(score),
        "precision_at_capacity": _ratio(highest, float(min(alerts, len(score)))),
        "recall_at_capacity": _ratio(highest, expected),
    }


def expected_average_precision(score: Floats) -> float | None:
    """The expected average precision of rows that are positive with probability `score` (rows,).

    A positive row i with score p adds the precision at its threshold: row i plus the expected
    number of positives among the other rows that reach the threshold, over all rows that reach it.
    Ties share one threshold.
    """
    total = float(score.sum())
    p = np.sort(score)[::-1]
    reached = len(p) - np.searchsorted(p[::-1], p, side="left")  # rows with at least this score
    others = p.cumsum()[reached - 1] - p
    return _ratio(float(np.sum(p * (1 + others) / reached)), total) if len(p) else None


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
