"""Decisions: thresholds that depend only on the past, reasons of alerts, and the control stream."""

import json
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from lakehouse.lake import Author
from lakehouse.models import Model, load_model
from lakehouse.models.lots import draw_lots
from lakehouse.models.threshold import cut_at
from lakehouse.registry import champion, start_shadow
from lakehouse.registry.thresholds import Threshold, find_thresholds
from lakehouse.scoring import score
from lakehouse.scoring.log import in_control
from lakehouse.scoring.thresholds import History, target_alerts
from lakehouse.training.sets.dataset import training_set

START = datetime(2026, 1, 1)
DAY = timedelta(days=1)


def rows(lake, table="predictions.detector", where="true"):
    with lake.reader() as cursor:
        query = f"SELECT * FROM {table} WHERE {where} ORDER BY transaction_id"
        return cursor.execute(query).to_arrow_table().to_pylist()


def rescore(lake, spec, **changes):
    """Score everything again under a changed declaration, as if for the first time."""
    spec = spec.model_copy(
        update={k: getattr(spec, k).model_copy(update=v) for k, v in changes.items()}
    )
    with lake.writer(Author("test")) as writer:
        writer.execute("DELETE FROM registry.thresholds")
    score(spec, lake, full_refresh=True)
    return spec


def keys(lake, made):
    with lake.reader() as cursor:
        query = "SELECT key FROM training.detector WHERE training_set_id = ?"
        return [key for (key,) in cursor.execute(query, [made.id]).fetchall()]


def thresholds(lake, version):
    with lake.reader() as cursor:
        return find_thresholds(cursor, "detector", version)


def monday(day):
    return day - timedelta(days=day.weekday())


def reference_thresholds(logged, own, alerts, trailing, unit=None, known=None, start=lambda d: d):
    """The threshold of each period and its share of ties, by a plain loop over the periods before.

    `start` gives the first day of a day's period, and `own` is the version's threshold. An excess
    or shortfall of the periods before is compensated.
    """
    first = min(row["event_time"] for row in logged)
    late = first - datetime.combine(start(first.date()), datetime.min.time()) >= timedelta(hours=1)
    found = {}
    for period in sorted({start(row["event_time"].date()) for row in logged}):
        seen = {}
        for i, row in enumerate(logged):
            date = start(row["event_time"].date())
            if not period - timedelta(days=trailing) <= date < period:
                continue
            if date == start(first.date()) and late:
                continue
            seen.setdefault(date, {})
            name = row[unit] if unit else i
            midnight = datetime.combine(date, datetime.min.time())
            if known and known.get(name, midnight) < midnight:
                continue
            seen[date][name] = max(row["score"], seen[date].get(name, -1))
        whole = {date: list(units.values()) for date, units in seen.items() if units}
        if not whole:
            found[period] = own
            continue
        capacity = alerts * len(whole)
        made = 0.0
        for date, scores in whole.items():
            threshold, ties = found[date]
            made += sum(s > threshold for s in scores) + ties * scores.count(threshold)
        shortfall = min(0.5, max(-0.5, (capacity - made) / capacity))
        target = max(1, round(capacity * (1 + shortfall)))
        scores = sorted((s for scores in whole.values() for s in scores), reverse=True)
        threshold = scores[min(target, len(scores)) - 1]
        above = sum(s > threshold for s in scores)
        found[period] = threshold, min(1.0, (target - above) / scores.count(threshold))
    return found


def in_force(lake, version):
    """The threshold and the share of ties in the registry, by day of the log."""
    found = thresholds(lake, version)
    days = sorted({row["event_time"].date() for row in rows(lake)})
    latest = {d: [t for t in found if t.valid_from.date() <= d][-1] for d in days}
    return {day: (threshold.threshold, threshold.ties) for day, threshold in latest.items()}


def is_alert(spec, row, threshold, ties):
    """Whether a row of the log is an alert, from the row and its key alone."""
    unit = spec.capacity.unit
    units = pa.array([row[unit]]) if unit else None
    day = (row["event_time"].date() - date(1970, 1, 1)).days  # of a week, any day gives the lot
    (lot,) = draw_lots(spec, pa.array([row["transaction_id"]]), units, [day])
    return row["score"] > threshold or (row["score"] == threshold and lot < ties)


def known_positives(lake):
    with lake.reader() as cursor:
        return dict(
            cursor.execute(
                "SELECT t.customer_id, min(l.known_at) FROM core.fct_labels l "
                "JOIN core.fct_transactions t USING (transaction_id) WHERE l.is_fraud GROUP BY 1"
            ).fetchall()
        )


@pytest.fixture
def distinct_scores(monkeypatch):
    """Scores without ties that are higher on some days than on others."""

    def predict(self, matrix):
        score = matrix[:, 0].astype(np.float64)
        return score * 7919 % 997 / 1000

    monkeypatch.setattr(Model, "predict", predict)


@pytest.mark.parametrize(
    ("capacity", "trailing"),
    [
        ({}, 14),
        ({"alerts": 7}, 3),
        ({"alerts": 5, "unit": "customer_id"}, 14),
        ({"alerts": 5, "unit": "customer_id", "known_removed": True}, 5),
    ],
)
def test_the_threshold_of_a_day_is_the_score_that_filled_the_capacity_on_the_days_before(
    ready, lake, distinct_scores, capacity, trailing
):
    known_early, known_late, never = 1, 2, "0, 3, 4, 5, 6, 7"
    with lake.writer(Author("test")) as writer:
        labels = "UPDATE core.fct_labels SET"
        writer.execute(f"{labels} is_fraud = false WHERE customer_id IN ({never})")
        writer.execute(
            f"{labels} known_at = ? WHERE customer_id = {known_late}", [START + 52.5 * DAY]
        )
    spec = rescore(
        lake, ready.spec, capacity=capacity, threshold={"trailing": timedelta(days=trailing)}
    )
    version = champion(lake, "detector")
    card = load_model(lake.settings.models_dir, version.artefact, version.files).card
    own = (card.threshold, card.ties)
    logged = rows(lake)
    positives = known_positives(lake)
    assert positives[known_early] < START + 46 * DAY < positives[known_late]
    known = positives if spec.capacity.known_removed else None
    unit = spec.capacity.unit or None
    expected = reference_thresholds(logged, own, spec.capacity.alerts, trailing, unit, known)
    assert len(set(expected.values())) > 5
    assert in_force(lake, version.version) == expected
    for row in logged:
        threshold, ties = expected[row["event_time"].date()]
        assert row["threshold"] == threshold
        assert row["decision"] == is_alert(spec, row, threshold, ties)


@pytest.mark.parametrize(
    "capacity",
    [{"alerts": 40}, {"alerts": 4, "unit": "customer_id"}, {"alerts": 1}],
)
def test_a_capacity_a_week_gives_each_week_one_threshold_from_the_weeks_before(
    ready, lake, distinct_scores, capacity
):
    ready.world.days(60, 78)
    spec = rescore(lake, ready.spec, capacity={"per": "week", **capacity})
    version = champion(lake, "detector")
    card = load_model(lake.settings.models_dir, version.artefact, version.files).card
    logged = rows(lake)
    unit = spec.capacity.unit or None
    alerts = spec.capacity.alerts
    expected = reference_thresholds(
        logged, (card.threshold, card.ties), alerts, 14, unit, start=monday
    )
    assert [start.weekday() for start in expected] == [0] * 5
    assert len(set(expected.values())) >= 3
    found = thresholds(lake, version.version)
    assert all(each.valid_from.weekday() == 0 for each in found)
    for row in logged:
        threshold, ties = expected[monday(row["event_time"].date())]
        assert row["threshold"] == threshold
        assert row["decision"] == is_alert(spec, row, threshold, ties)
    (second,) = [each for each in found if each.days == 7]
    assert second.alerts_per_day * 7 == pytest.approx(alerts, rel=0.51), "with its correction"


@pytest.mark.slow
def test_scores_of_a_week_day_by_day_give_the_decisions_of_the_whole_week(ready, lake):
    """The threshold of a week that has begun stays as it is."""
    weekly = {"per": "week", "alerts": 20}
    spec = rescore(lake, ready.spec, capacity=weekly)
    for day in range(60, 68):
        ready.world.days(day, day + 1)
        score(spec, lake)
    daily = [(row["transaction_id"], row["threshold"], row["decision"]) for row in rows(lake)]
    rescore(lake, ready.spec, capacity=weekly)
    assert daily == [
        (row["transaction_id"], row["threshold"], row["decision"]) for row in rows(lake)
    ]


@pytest.mark.parametrize("capacity", [{"alerts": 20}, {"unit": "customer_id", "alerts": 3}])
@pytest.mark.parametrize("values", [1, 2, 4])
def test_a_model_with_few_distinct_scores_uses_its_capacity_and_no_more(
    ready, lake, monkeypatch, capacity, values
):
    """A model of few trees: many rows share a score, and the highest is far below the base rate."""
    few = [0.001, 0.002, 0.003, 0.004][-values:]

    def predict(self, matrix):
        place = (matrix[:, 0] * 7919 % 997 / 997 * values**2).astype(int)
        return np.array(few)[np.minimum(np.sqrt(place).astype(int), values - 1)]

    monkeypatch.setattr(Model, "predict", predict)
    spec = rescore(lake, ready.spec, capacity=capacity)
    logged = rows(lake)
    days = sorted({row["event_time"].date() for row in logged})
    unit = spec.capacity.unit
    alerts = {
        (row["event_time"].date(), row[unit] if unit else row["transaction_id"])
        for row in logged
        if row["decision"]
    }
    mean = np.mean(
        [sum(d == day for d, _ in alerts) for day in days]
    )  # the first day has the version's own threshold
    assert mean == pytest.approx(spec.capacity.alerts, rel=0.15)
    found = in_force(lake, champion(lake, "detector").version)
    for row in logged:
        assert row["decision"] == is_alert(spec, row, *found[row["event_time"].date()])


def test_scores_that_rise_for_weeks_bring_no_more_alerts_than_the_capacity():
    """With a trailing quantile alone, every day of a rise would bring too many."""
    days, per_day = 60, 60
    alerts, trailing = [], []
    random = np.random.default_rng(0)
    logged = [random.random(per_day) * 1.003**day for day in range(days)]
    recorded = []
    for day in range(1, days):
        past = range(max(0, day - 14), day)
        of_days = [START + d * DAY for d in past]
        history = History(
            start=np.repeat(np.array(of_days, dtype="datetime64[us]"), per_day),
            score=np.concatenate([logged[d] for d in past]),
            times=np.ones(per_day * len(past)),
            counts=dict.fromkeys(of_days, per_day),
        )
        target = target_alerts(history, recorded, of_days, 5)
        cut = cut_at(history.score, history.times, target)
        recorded.append(Threshold(START + day * DAY, cut.threshold, "capacity", ties=cut.ties))
        alerts.append((logged[day] >= cut.threshold).sum())
        plain = cut_at(history.score, history.times, 5 * len(past)).threshold
        trailing.append((logged[day] >= plain).sum())
    assert np.mean(trailing[-28:]) > 1.15 * 5
    assert np.mean(alerts[-28:]) == pytest.approx(5, rel=0.15)


def test_each_change_of_the_threshold_is_recorded_with_the_days_and_rows_behind_it(
    ready, lake, distinct_scores
):
    rescore(lake, ready.spec)
    first, *later = thresholds(lake, champion(lake, "detector").version)
    assert (first.valid_from, first.rule, first.days) == (START + 46 * DAY, "first", 0)
    current = first
    for day in sorted({row["event_time"].date() for row in rows(lake)})[1:]:
        threshold = next((t for t in later if t.valid_from.date() == day), None)
        logged = [row for row in rows(lake) if row["event_time"].date() == day]
        if threshold:
            assert threshold.threshold != current.threshold
            current = threshold
            number = (day - first.valid_from.date()).days
            assert (threshold.rule, threshold.days) == ("capacity", number)
            assert threshold.rows == number * ready.world.per_day
            earlier = [row for row in rows(lake) if row["event_time"].date() < day]
            reached = [row for row in earlier if row["score"] >= threshold.threshold]
            assert threshold.alerts_per_day == pytest.approx(len(reached) / number)
            assert 2 <= threshold.alerts_per_day <= 8, "five, plus or minus the correction"
        assert {row["threshold"] for row in logged} == {current.threshold}
    assert len(later) > 3


def test_a_redo_does_not_change_thresholds_that_were_in_force(ready, lake):
    version = champion(lake, "detector").version
    before, logged = thresholds(lake, version), rows(lake)
    with lake.writer(Author("test")) as writer:
        writer.execute("UPDATE features.context__0a1b2c3d SET amount_eur = amount_eur * 2")
    score(ready.spec, lake, full_refresh=True)
    assert thresholds(lake, version) == before
    assert [r["threshold"] for r in rows(lake)] == [r["threshold"] for r in logged]
    assert [r["score"] for r in rows(lake)] != [r["score"] for r in logged]


def test_an_unchanged_threshold_adds_no_row_and_the_cost_rule_never_changes_it(ready, lake):
    cost = {"rule": "cost", "false_alarm": 1.0, "missed": 20.0}
    rescore(lake, ready.spec, threshold=cost)
    version = champion(lake, "detector")
    own = load_model(lake.settings.models_dir, version.artefact, version.files).card.threshold
    (only,) = thresholds(lake, version.version)
    assert (only.threshold, only.rule, only.valid_from) == (own, "cost", START + 46 * DAY)
    assert {row["threshold"] for row in rows(lake)} == {own}


def test_a_partial_first_day_of_a_version_does_not_count(ready, lake):
    noon = START + 46 * DAY + DAY / 2
    with lake.writer(Author("test")) as writer:
        writer.execute("DELETE FROM registry.thresholds")
        for table in ("core.fct_transactions", "predictions.detector__log"):
            writer.execute(f"DELETE FROM {table} WHERE event_time < ?", [noon])
    score(ready.spec, lake, full_refresh=True)
    found = thresholds(lake, champion(lake, "detector").version)
    assert [t.days for t in found[:2]] == [0, 1]
    assert [t.rule for t in found[:2]] == ["first", "capacity"]
    assert [t.valid_from for t in found[:2]] == [START + 46 * DAY, START + 48 * DAY]


def test_a_shadow_has_thresholds_of_its_own_scores(ready, lake):
    start_shadow(lake, "detector", ready.other.version, who="me", why="try")
    score(ready.spec, lake)
    logged = rows(lake, "predictions.detector__shadow")
    model = load_model(lake.settings.models_dir, ready.other.artefact, ready.other.files)
    expected = reference_thresholds(logged, (model.card.threshold, model.card.ties), 5, 14)
    for row in logged:
        assert row["threshold"] == expected[row["event_time"].date()][0]


def test_only_alerts_have_reasons_and_the_strongest_is_first(ready, lake):
    logged = rows(lake)
    assert any(row["decision"] for row in logged)
    for row in logged:
        assert (row["reasons"] is not None) == row["decision"]
    version = champion(lake, "detector")
    model = load_model(lake.settings.models_dir, version.artefact, version.files)
    names = model.card.features.names
    for row in [row for row in logged if row["decision"]][:20]:
        with lake.reader() as cursor:
            values = cursor.execute(
                "SELECT amount_eur, channel, risk, risky FROM features.context JOIN features.risk "
                "USING (transaction_id) WHERE transaction_id = ?",
                [row["transaction_id"]],
            ).to_arrow_table()
        (batch,) = values.to_batches()
        moved = model.booster.predict(model.card.features.matrix(batch), pred_contrib=True)[0][:-1]
        strongest = sorted(zip(-moved, names, strict=True))[:3]
        reasons = json.loads(row["reasons"])
        assert [(r["feature"], r["contribution"]) for r in reasons] == [
            (name, pytest.approx(-value, abs=1e-4)) for value, name in strongest if value < 0
        ]
        for reason in reasons:
            truth = batch.column(reason["feature"])[0].as_py()
            assert reason["value"] == (truth if isinstance(truth, str) else pytest.approx(truth))


def test_rows_whose_reasons_cost_too_much_are_scored_and_the_report_gives_the_cause(
    ready, lake, monkeypatch
):
    monkeypatch.setattr("lakehouse.evaluation.explanations.AFFORDABLE_MS", 1e-9)
    ready.world.days(60, 61)
    report = score(ready.spec, lake)
    assert report.rows == ready.world.per_day
    assert "reasons for one alert would take" in report.unexplained
    new = rows(lake, where="event_time >= TIMESTAMP '2026-03-02'")
    assert {row["reasons"] for row in new} == {None}
    assert any(row["decision"] for row in new)


@pytest.mark.slow
def test_a_model_that_blocks_lets_a_random_share_of_all_rows_through_and_logs_which(ready, lake):
    spec = rescore(lake, ready.spec, actions={"mode": "block", "control": 0.25})
    logged = rows(lake)
    for row in logged:
        assert row["control"] == in_control(spec, row["transaction_id"])
        assert row["blocked"] == (row["decision"] and not row["control"])
    share = np.mean([row["control"] for row in logged])
    assert abs(share - 0.25) < 4 * (0.25 * 0.75 / len(logged)) ** 0.5
    assert any(row["decision"] and row["control"] for row in logged)
    assert any(row["blocked"] for row in logged)
    alert_only = rescore(lake, ready.spec, actions={"mode": "alert_only", "control": 0.0})
    assert alert_only.actions.mode == "alert_only"
    assert {row["blocked"] for row in rows(lake)} == {None}


@pytest.mark.slow
def test_training_excludes_blocked_rows_and_keeps_the_control_stream(ready, lake):
    """A stopped payment is never reported, so its label carries no information."""
    before = set(keys(lake, training_set(ready.spec, lake)))
    spec = rescore(lake, ready.spec, actions={"mode": "block", "control": 0.25})
    logged = rows(lake)
    blocked = {row["transaction_id"] for row in logged if row["blocked"]}
    kept = {row["transaction_id"] for row in logged if row["decision"] and row["control"]}
    after = set(keys(lake, training_set(spec, lake)))
    assert before - after == blocked & before
    assert blocked & before
    assert kept & before
    assert kept & before <= after
    alert_only = rescore(lake, ready.spec, actions={"mode": "alert_only", "control": 0.0})
    assert not any(row["blocked"] for row in rows(lake))
    assert set(keys(lake, training_set(alert_only, lake))) == after, "blocked rows stay blocked"


def test_a_control_stream_does_not_depend_on_the_version_and_differs_between_models(detector):
    def control(name, share=0.1):
        spec = detector(name=name, actions={"mode": "block", "control": share})
        return {key for key in range(20_000) if in_control(spec, key)}

    one, two = control("one"), control("two")
    assert one <= control("one", 0.2), "a larger share contains the smaller one"
    assert abs(len(one) - 2_000) < 4 * 1_800**0.5
    assert abs(len(one & two) - 200) < 4 * 200**0.5


def test_the_log_of_an_alert_only_model_has_no_columns_about_blocking(ready, lake):
    assert not {"blocked", "control"} & rows(lake)[0].keys()


def test_a_nan_score_is_not_an_alert_and_sets_no_threshold(ready, lake, monkeypatch):
    def predict(self, matrix):
        score = matrix[:, 0].astype(np.float64) * 7919 % 997 / 1000
        return np.where(score > 0.9, np.nan, score)

    monkeypatch.setattr(Model, "predict", predict)
    rescore(lake, ready.spec)
    logged = rows(lake)
    broken = [row for row in logged if np.isnan(row["score"])]
    assert broken
    assert not any(row["decision"] for row in broken)
    assert {row["reasons"] for row in broken} == {None}
    assert not any(np.isnan(row["threshold"]) for row in logged)
