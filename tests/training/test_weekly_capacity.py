"""A model with a capacity a week, from its split to its report, against plain Python."""

import numpy as np
import pytest

from lakehouse.models.artefact import load_evaluation, load_model
from lakehouse.training import train
from lakehouse.training.report.gathering import gather
from lakehouse.training.report.summary import summarize
from lakehouse.training.sets.dataset import pinned_set
from lakehouse.training.sets.rows import load_rows


@pytest.mark.slow
def test_alerts_of_a_weekly_model_are_counted_by_weeks_everywhere(lake, world, detector, settings):
    spec = detector(
        capacity={"alerts": 20, "per": "week"},
        split={"test": "14d", "validation": "7d", "gap": "7d"},
        gates=[{"metric": "alerts_per_week", "at_most": 1000}],
    )
    version = train(spec, lake).version
    model = load_model(settings.models_dir, version.artefact, version.files)
    with lake.reader() as cursor:
        pinned = pinned_set(cursor, spec.name, version.training_set_id)
        rows, validation = (
            load_rows(cursor, spec, pinned, model.card.features, (), period)
            for period in ("test", "validation")
        )
    assert pinned.split.test_from.weekday() == pinned.split.validation_from.weekday() == 0
    score = model.break_ties(model.predict(rows.matrix))
    week = (rows.day + 3) // 7
    hits = reviewed = 0
    for each in np.unique(week):
        best = np.argsort(-score[week == each], kind="stable")[:20]
        hits, reviewed = hits + rows.label[week == each][best].sum(), reviewed + len(best)
    found = load_evaluation(settings.models_dir, version)
    test = found.metrics["test"]
    assert test["precision_at_capacity"] == hits / reviewed
    assert test["alerts_per_week"] == (score >= model.card.threshold).sum() / 2
    assert "alerts_per_day" not in test
    seen = model.break_ties(model.predict(validation.matrix))
    assert abs((seen >= model.card.threshold).sum() - 20) <= 2, "one week of validation"
    assert (found.review.capacity.per, found.review.capacity.days) == ("week", 2)
    assert found.review.stress[0].alerts_per_week == test["alerts_per_week"]
    assert found.review.stress[0].alerts_per_day is None
    assert f"{test['alerts_per_week']:,.4g} alerts a week, " in summarize(
        gather(spec, lake, version)
    )
