"""Requests for a new version: recorded once within the cool-down, open until a version follows."""

from datetime import datetime, timedelta

from lakehouse.lake import Author
from lakehouse.registry.requests import (
    Request,
    last_request,
    open_request,
    record_answer,
    record_request,
)

COOLDOWN = timedelta(days=3)
NOON = datetime(2026, 6, 1, 12)


def request_on(lake, day, reason="decay", model="m"):
    request = Request(model, NOON + day * timedelta(days=1), reason, {"value": 0.2})
    with lake.writer(Author("test")) as writer:
        return record_request(writer, request, COOLDOWN)


def test_daily_alarms_make_one_request_per_cooldown(lake):
    recorded = [request_on(lake, day) for day in range(7)]
    assert recorded == [True, False, False, True, False, False, True]
    with lake.reader() as cursor:
        assert cursor.execute("SELECT count(*) FROM registry.requests").fetchone() == (3,)


def test_a_request_within_the_cooldown_makes_no_snapshot(lake):
    request_on(lake, 0)
    snapshot = lake.snapshot()
    assert not request_on(lake, 2)
    assert lake.snapshot() == snapshot


def test_each_model_has_its_own_cooldown(lake):
    assert request_on(lake, 0)
    assert request_on(lake, 1, model="other")


def test_a_request_is_open_until_a_version_answers_it(lake):
    with lake.reader() as cursor:
        assert last_request(cursor, "m") is None
        assert open_request(cursor, "m", None) is None
    request_on(lake, 0, "drift")
    request_on(lake, 3, "decay")
    request = Request("m", NOON + 3 * timedelta(days=1), "decay", {"value": 0.2})
    for made in (None, NOON - COOLDOWN, NOON + 99 * COOLDOWN):  # whatever the training's clock
        with lake.reader() as cursor:
            assert last_request(cursor, "m") == open_request(cursor, "m", made) == request
            assert open_request(cursor, "other", made) is None
    with lake.writer(Author("test")) as writer:
        record_answer(writer, request)
    with lake.reader() as cursor:
        assert open_request(cursor, "m", None) is None
    request_on(lake, 6, "drift")
    with lake.reader() as cursor:
        assert open_request(cursor, "m", NOON + 99 * COOLDOWN).reason == "drift"


def test_a_clock_set_back_neither_silences_a_request_nor_hides_it(lake):
    assert request_on(lake, 300, "drift")
    assert request_on(lake, 0, "decay")
    assert not request_on(lake, 1)
    with lake.reader() as cursor:
        assert open_request(cursor, "m", None).reason == "decay"


def test_a_request_without_a_recorded_answer_is_answered_by_any_newer_version(lake):
    request_on(lake, 0)
    with lake.writer(Author("an older version")) as writer:
        writer.execute("ALTER TABLE registry.requests DROP COLUMN answered")
    with lake.reader() as cursor:
        assert open_request(cursor, "m", NOON) is None
        assert open_request(cursor, "m", NOON - COOLDOWN) is not None
    request_on(lake, 9, "drift")
    with lake.reader() as cursor:
        assert open_request(cursor, "m", NOON + 99 * COOLDOWN).reason == "drift"
