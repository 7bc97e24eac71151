import numpy as np
import pytest

from lakehouse.evaluation.metrics import metric_values
from lakehouse.evaluation.predictions import Binary, Multiclass, Regression


def test_a_part_of_the_rows_has_no_metrics_at_capacity():
    day, truth = np.zeros(4, int), np.array([True, False, True, False])
    part = Binary(truth, np.arange(4) / 4, truth, day, 2).take(truth)
    assert part.rows == 2
    assert "precision" in metric_values(part)
    assert "precision_at_capacity" not in metric_values(part)


def test_alerts_a_day_need_days():
    with pytest.raises(ValueError, match="the `day` or `week` of each row as well as `alerts`"):
        Binary(np.array([True]), np.array([0.5]), alerts=1)


def test_positives_are_the_rows_that_carry_evidence():
    assert Binary(np.array([True, False, True]), np.zeros(3)).positives == 2
    assert Regression(np.zeros(3), np.zeros(3)).positives == 3
    assert Multiclass(np.array([0, 0, 1]), np.full((3, 2), 0.5), 0).positives == 1
