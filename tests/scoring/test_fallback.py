"""The declared fallback scores rows that no version can score, and the log records it."""

from datetime import UTC, timedelta

import pytest

from lakehouse.lake import Author
from lakehouse.models import ModelSpec, load_model
from lakehouse.models.expiry import Expired
from lakehouse.registry import NoChampion, champion, promote, rollback
from lakehouse.scoring import find_log_problems, score
from lakehouse.training import train
from tests.training.conftest import spec_values

FALLBACK = {"promotion": {"fallback": "base_rate"}}


def log(lake, spec, where="true"):
    with lake.reader() as cursor:
        query = f"FROM {spec.predictions_table} WHERE {where} ORDER BY transaction_id"
        return cursor.execute(query).to_arrow_table().to_pylist()


def fall_back(lake, model="detector"):
    """Make every version unable to score."""
    return rollback(
        lake, model, who="me", why="broken", prove=lambda _: "gone", fallback="base_rate"
    )


def test_without_a_version_every_row_gets_the_base_rate_and_none_is_flagged(ready, lake):
    spec = ready.spec.model_copy(update=ModelSpec(**spec_values(**FALLBACK)).__dict__)
    before = log(lake, spec)
    base = load_model(
        lake.settings.models_dir,
        champion(lake, "detector").artefact,
        champion(lake, "detector").files,
    ).card.baseline
    assert fall_back(lake) is None
    ready.world.days(60, 62)
    report = score(spec, lake, run_id="r")
    assert (report.version, report.rows) == ("fallback", 2 * ready.world.per_day)
    rows = log(lake, spec, "model_version = 'fallback'")
    assert [row["transaction_id"] for row in rows] == [*range(60 * 60, 62 * 60)]
    assert [row["score"] for row in rows] == pytest.approx([base] * len(rows), abs=1e-12)
    assert not any(row["decision"] for row in rows)
    assert {row["feature_hash"] for row in rows} == {None}
    assert log(lake, spec, "model_version <> 'fallback'") == before
    assert find_log_problems(spec, lake) == ""
    snapshot = lake.snapshot()
    assert score(spec, lake).rows == 0
    assert lake.snapshot() == snapshot


def test_the_next_champion_continues_after_the_rows_of_the_fallback(ready, lake):
    spec = ModelSpec(**spec_values(**FALLBACK))
    fall_back(lake)
    ready.world.days(60, 61)
    score(spec, lake)
    promote(lake, "detector", ready.other.version, who="me", why="works", prove=lambda _: "")
    ready.world.days(61, 62)
    assert score(spec, lake).version == ready.other.version
    new = log(lake, spec, "_load_id > 60")
    assert [row["model_version"] for row in new] == ["fallback"] * 60 + [ready.other.version] * 60


def test_without_a_declared_fallback_rows_wait(ready, lake):
    fall_back(lake)
    ready.world.days(60, 61)
    with pytest.raises(NoChampion):
        score(ready.spec, lake)


def test_the_fallback_does_not_decide_for_a_model_that_never_had_a_champion(ready, lake):
    with lake.writer(Author("test")) as writer:
        writer.execute("UPDATE registry.versions SET state = 'candidate'")
        writer.execute("DELETE FROM registry.transitions WHERE to_state = 'champion'")
    with_fallback = ModelSpec(**spec_values(**FALLBACK))
    with pytest.raises(NoChampion):
        score(with_fallback, lake)


@pytest.mark.parametrize("kind", ["forecast", "scenario"])
def test_forecasts_get_the_mean_and_classes_the_most_common_one(ready, lake, request, kind):
    spec = request.getfixturevalue(kind)(**FALLBACK)
    train(spec, lake)
    fall_back(lake, kind)
    assert score(spec, lake).version == "fallback"
    with lake.reader() as cursor:
        table = f"training.{kind} WHERE split = 'train'"
        if kind == "forecast":
            ((expected,),) = cursor.execute(f"SELECT avg(label) FROM {table}").fetchall()
        else:
            expected, _ = cursor.execute(
                f"SELECT label, count(*) FROM {table} GROUP BY label ORDER BY 2 DESC LIMIT 1"
            ).fetchone()
    rows = log(lake, spec)
    assert rows
    if kind == "forecast":
        assert [row["prediction"] for row in rows] == pytest.approx(
            [expected] * len(rows), rel=1e-12
        )
    else:
        assert {row["label"] for row in rows} == {expected}
        assert 0.3 < rows[0]["probability"] <= 1


@pytest.mark.slow
def test_an_expired_champion_scores_until_the_declared_rule_stops_it(ready, lake):
    warns = ModelSpec(**spec_values(model_card={"expires_after_days": 10}))
    stops = ModelSpec(
        **spec_values(model_card={"expires_after_days": 10, "after_expiry": "stop", "grace": "5d"})
    )
    made = champion(lake, "detector").created_at.replace(tzinfo=UTC)
    for day, (spec, now) in enumerate(
        ((warns, made + timedelta(days=99)), (stops, made + timedelta(days=14.9))), 60
    ):
        ready.world.days(day, day + 1)
        assert score(spec, lake, now=now).rows == 60
    ready.world.days(62, 63)
    snapshot = lake.snapshot()
    with pytest.raises(Expired, match="may no longer decide since"):
        score(stops, lake, now=made + timedelta(days=15))
    assert lake.snapshot() == snapshot
