from datetime import datetime, timedelta

import pytest

from lakehouse.lake import NoSuchTable
from lakehouse.models import NotEnoughData, TrainingError
from lakehouse.training import training_set
from lakehouse.training.sets.dataset import read_rows
from lakehouse.training.sets.row_hash import content_hash
from tests.training.conftest import change

WEEK = timedelta(days=7)


def read(lake, spec, pinned, period=""):
    with lake.reader() as cursor:
        return read_rows(cursor, spec, pinned, period).read_all().to_pylist()


def test_no_period_uses_labels_that_were_unknown_when_the_next_began(lake, world, detector):
    # a transaction that arrives sixteen days late also settles late
    change(
        lake,
        *(
            f"UPDATE core.{table} SET known_at = event_time + INTERVAL 16 DAY "
            "WHERE transaction_id % 5 = 0"
            for table in ("fct_transactions", "fct_labels")
        ),
    )
    spec = detector()
    pinned = training_set(spec, lake)
    split = pinned.split
    deadlines = {
        "train": split.validation_from,
        "validation": split.test_from,
        "test": split.cutoff + timedelta(microseconds=1),
    }
    for period, deadline in deadlines.items():
        rows = read(lake, spec, pinned, period)
        assert rows
        assert all(row["label_known_at"] < deadline for row in rows)
    late = {row["key"] for row in read(lake, spec, pinned, "train") if row["key"] % 5 == 0}
    assert late, "late labels that still came in time belong to training"


def test_periods_contain_exactly_their_rows(lake, world, detector):
    spec = detector()
    pinned = training_set(spec, lake)
    truth = world.transactions(0, 60)
    for period in ("train", "validation", "test"):
        start, end = (vars(pinned.split)[f"{period}_{side}"] for side in ("from", "until"))
        expected = {
            key: (label, amount, risk)
            for key, time, label, amount, risk in zip(
                *(truth[n] for n in ("transaction_id", "event_time", "is_fraud")),
                truth["amount_eur"],
                truth["risk"],
                strict=True,
            )
            if start <= time < end
        }
        rows = read(lake, spec, pinned, period)
        assert [row["key"] for row in rows] == sorted(expected)
        for row in rows:
            label, amount, risk = expected[row["key"]]
            assert (row["label"], row["risk"]) == (float(label), risk)
            assert row["amount_eur"] == pytest.approx(amount, rel=1e-6)


def test_the_same_lake_gives_the_same_set_and_writes_nothing_again(lake, world, detector):
    first = training_set(detector(), lake)
    snapshot = lake.snapshot()
    assert training_set(detector(), lake).id == first.id
    assert lake.snapshot() == snapshot
    with lake.reader() as cursor:
        stored = read_rows(cursor, detector(), first)
        assert content_hash(stored, stored.schema) == (first.hash, first.rows)


def test_changes_after_the_cutoff_change_no_row_of_a_set(lake, world, detector):
    spec = detector()
    before = training_set(spec, lake)
    world.days(60, 70)
    change(
        lake,
        "UPDATE core.fct_labels SET is_fraud = NOT is_fraud WHERE known_at > "
        f"TIMESTAMP '{before.split.cutoff}'",
    )
    after = training_set(spec, lake, split=before.split)
    assert after.hash == before.hash
    assert after.snapshot > before.snapshot


def test_a_changed_label_feature_or_row_gives_another_set(lake, world, detector):
    ids = {training_set(detector(), lake).id}
    change(lake, "UPDATE core.fct_labels SET is_fraud = NOT is_fraud WHERE transaction_id = 100")
    ids.add(training_set(detector(), lake).id)
    change(lake, "UPDATE features.risk__0a1b2c3d SET risk = 9 WHERE transaction_id = 101")
    ids.add(training_set(detector(), lake).id)
    change(lake, "DELETE FROM core.fct_labels WHERE transaction_id = 102")
    ids.add(training_set(detector(), lake).id)
    assert len(ids) == 4


def test_a_forward_label_sums_the_entitys_activity_in_the_horizon_after_t(lake, world, forecast):
    spec = forecast()
    pinned = training_set(spec, lake)
    truth = world.transactions(0, 60)
    events = list(zip(truth["customer_id"], truth["known_at"], truth["amount_eur"], strict=True))

    def spent(customer, start, end):
        return sum(a for c, at, a in events if c == customer and start <= at < end)

    for row in read(lake, spec, pinned)[::37]:
        t, customer = row["event_time"], row["customer_id"]
        first = min(at for c, at, _ in events if c == customer)
        lived = max((t - first) / WEEK, 1)
        four_weeks = timedelta(days=28)
        assert row["label"] == pytest.approx(spent(customer, t, t + WEEK))
        assert row["label_known_at"] == t + WEEK - timedelta(microseconds=1)
        assert row["naive_last"] == pytest.approx(spent(customer, t - WEEK, t))
        season = spent(customer, t - four_weeks, t - four_weeks + WEEK)
        assert row["naive_season"] == pytest.approx(season)
        assert row["naive_mean"] == pytest.approx(spent(customer, datetime.min, t) / lived)


@pytest.mark.slow
def test_training_on_every_third_row_leaves_validation_and_test_whole(lake, world, detector):
    split = {"test": "7d", "validation": "7d", "gap": "7d"}
    whole, part = (
        [
            len(read(lake, spec, training_set(spec, lake), period))
            for period in ("train", "validation", "test")
        ]
        for spec in (detector(), detector(split=split | {"every": 3}))
    )
    assert part[1:] == whole[1:]
    assert whole[0] / 4 < part[0] < whole[0] / 2


def test_rows_without_features_are_counted(lake, world, detector):
    change(lake, "DELETE FROM features.risk__0a1b2c3d WHERE transaction_id IN (100, 101)")
    assert training_set(detector(), lake).without_features == 2


def test_a_key_that_is_not_unique_is_an_error(lake, world, detector):
    change(
        lake,
        "INSERT INTO core.fct_labels FROM core.fct_labels WHERE transaction_id = 100",
    )
    with pytest.raises(TrainingError, match="1 rows repeat a transaction_id"):
        training_set(detector(), lake)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"feature_sets": ["context", "luck"]}, "feature set features.luck is not in the lake"),
        ({"label": {"table": "core.labels", "column": "is_fraud"}}, "reads core.labels"),
    ],
)
def test_a_missing_table_is_named(lake, world, detector, changes, complaint):
    with pytest.raises(NoSuchTable, match=complaint):
        training_set(detector(**changes), lake)


def test_a_label_that_sums_floating_point_numbers_is_refused(lake, world, forecast):
    change(lake, "ALTER TABLE core.fct_transactions ALTER amount_eur SET DATA TYPE DOUBLE")
    with pytest.raises(TrainingError, match="which is DOUBLE"):
        training_set(forecast(), lake)


def test_wrong_features_are_named(lake, world, detector):
    with pytest.raises(
        TrainingError, match="lists colour, which none of the feature sets context, risk"
    ):
        training_set(detector(exclude=["colour"]), lake)
    change(lake, "ALTER TABLE features.risk__0a1b2c3d RENAME risky TO channel")
    with pytest.raises(TrainingError, match="channel is in the sets context and risk"):
        training_set(detector(), lake)
    change(lake, "ALTER TABLE features.risk__0a1b2c3d DROP channel")
    change(lake, "ALTER TABLE features.risk__0a1b2c3d ADD seen TIMESTAMP")
    change(lake, "CREATE OR REPLACE VIEW features.risk AS FROM features.risk__0a1b2c3d")
    with pytest.raises(TrainingError, match=r"seen of features.risk__0a1b2c3d is a TIMESTAMP"):
        training_set(detector(), lake)
    assert training_set(detector(exclude=["seen"]), lake).rows > 0


def test_an_empty_lake_and_a_day_with_one_row_are_not_enough(lake, world, detector):
    change(lake, "DELETE FROM core.fct_transactions WHERE transaction_id <> 100")
    with pytest.raises(NotEnoughData, match=r"no row with a settled label.*validation"):
        training_set(detector(), lake)
    change(lake, "DELETE FROM core.fct_transactions")
    with pytest.raises(NotEnoughData, match=r"core.fct_transactions has no rows yet"):
        training_set(detector(), lake)
