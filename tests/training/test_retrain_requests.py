"""A requested retrain is due with the next day of settled labels, once."""

from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest

from lakehouse.models.split import plan_split
from lakehouse.registry.requests import Request
from lakehouse.training.identity import code_hash, config_hash, why_due

NOW = datetime(2026, 6, 1)
REQUEST = Request("detector", NOW, "it decays", {})


def split_of(spec, days):
    return plan_split(spec, NOW + timedelta(days=days), NOW - timedelta(days=90))


@pytest.mark.parametrize(
    ("requested", "days", "why"),
    [
        (None, 1, ""),
        (REQUEST, 0, ""),
        (REQUEST, 1, "requested: it decays"),
        (None, 7, "labels of 7 more days have settled"),
    ],
    ids=["no request", "no newly settled labels", "requested", "regular interval"],
)
def test_a_requested_retrain_is_due_with_the_next_day_of_settled_labels(
    detector, requested, days, why
):
    spec = detector(retrain={"every": "7d"})
    newest = SimpleNamespace(
        config_hash=config_hash(spec),
        code_hash=code_hash(),
        feature_schema_hash="same",
        split=split_of(spec, 0).as_json(),
    )
    planned = SimpleNamespace(split=split_of(spec, days), schema=SimpleNamespace(hash="same"))
    assert why_due(spec, planned, newest, request=requested) == why
