"""The webhook receives a failed run: a real run, a real request."""

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
import requests

from lakehouse.errors import LakehouseError
from lakehouse.orchestration.resources import LakeResource
from lakehouse.orchestration.sensors import build_failure_sensor
from lakehouse.settings import Settings


class Webhook(http.server.ThreadingHTTPServer):
    """Store each posted body, and answer with `status`."""

    def __init__(self) -> None:
        self.posts: list[dict[str, Any]] = []
        self.status = 200

        class Post(http.server.BaseHTTPRequestHandler):
            def do_POST(post) -> None:  # noqa: N805
                body = post.rfile.read(int(post.headers["Content-Length"]))
                self.posts.append(json.loads(body))
                post.send_response(self.status)
                post.end_headers()

            def log_message(post, *_: object) -> None:  # noqa: N805
                pass

        super().__init__(("127.0.0.1", 0), Post)


@pytest.fixture
def webhook(home: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    with Webhook() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("LAKEHOUSE_WEBHOOK_URL", f"http://127.0.0.1:{server.server_port}/hook")
        yield server
        server.shutdown()


@dg.op
def breaks() -> None:
    raise LakehouseError("the disk is full; free some space")


@dg.op
def works() -> None:
    pass


@dg.job
def nightly() -> None:
    works()
    breaks()


def evaluate() -> tuple[dg.ExecuteInProcessResult, Any]:
    """A run that fails, and the sensor's result."""
    with dg.DagsterInstance.ephemeral() as instance:
        result = nightly.execute_in_process(instance=instance, raise_on_error=False)
        context = dg.build_run_status_sensor_context(
            sensor_name="failed_runs",
            dagster_event=result.get_run_failure_event(),
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            resources={"lake": LakeResource()},
        ).for_run_failure()
        with context:
            return result, build_failure_sensor()(context)


def test_a_failed_run_is_posted_with_its_step_and_cause(webhook: Webhook) -> None:
    result, _ = evaluate()
    (post,) = webhook.posts
    assert post["run_id"] == result.dagster_run.run_id
    assert post["job"] == "nightly"
    assert post["run_id"] in post["text"]
    assert post["steps"] == [{"step": "breaks", "error": "the disk is full; free some space"}]


def test_a_webhook_that_answers_with_an_error_fails_the_sensor(webhook: Webhook) -> None:
    webhook.status = 500
    with pytest.raises(requests.HTTPError, match="500"):
        evaluate()


def test_without_a_webhook_nothing_is_posted(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LAKEHOUSE_WEBHOOK_URL")
    _, answer = evaluate()
    assert isinstance(answer, dg.SkipReason)
    assert webhook.posts == []
