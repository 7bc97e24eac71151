"""The API connector against a real HTTP server that also fails."""

import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lakehouse.sources import SourceSpec, extract, load_spec, pending
from lakehouse.sources.errors import SourceDown, SpecError

from .conftest import DEFS, Harness

DAY = date(2026, 5, 1)
Answer = tuple[int, dict[str, str], bytes]


class Api(ThreadingHTTPServer):
    """Answers each path with its prepared answers, and repeats the last one."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, list[Answer | float]] = {}
        self.requested: list[str] = []

    def put(self, path: str, *answers: Answer | float) -> None:
        self.answers["/rates/" + path] = list(answers)


class Handler(BaseHTTPRequestHandler):
    server: Api

    def do_GET(self) -> None:
        self.server.requested.append(self.path)
        remaining = self.server.answers.get(self.path, [(404, {}, b"")])
        answer = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        if isinstance(answer, float):
            time.sleep(answer)
            return
        status, headers, body = answer
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def page(day: date, *currencies: str, next: str | None = None, **more: Any) -> Answer:
    data = [
        {"date": f"{day}", "currency": c, "rate": "0.9", "published_at": f"{day}T15:00:00Z"}
        for c in currencies
    ]
    body = {"data": data, "next": next, "complete_through": f"{day}T23:59:59.999999Z", **more}
    return 200, {}, json.dumps(body).encode()


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Api()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("PAYMENTS_RATES_URL", f"http://127.0.0.1:{server.server_port}/rates")
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def spec() -> SourceSpec:
    spec = load_spec(DEFS / "exchange_rates" / "defs.yaml")
    quick = {"start": DAY, "backoff": timedelta(milliseconds=10), "timeout": timedelta(seconds=0.3)}
    return spec.model_copy(update={"connector": spec.connector.model_copy(update=quick)})


def landed(harness: Harness) -> dict[str, list[str]]:
    folder = Path(harness.settings.landing) / "exchange_rates"
    files = sorted(folder.iterdir()) if folder.exists() else []
    return {
        path.name: [
            json.loads(line)["currency"] for line in gzip.decompress(path.read_bytes()).splitlines()
        ]
        for path in files
    }


FIRST, SECOND = "20260501T235959999999Z.jsonl.gz", "20260502T235959999999Z.jsonl.gz"


def test_each_complete_day_is_landed_with_all_its_pages(
    harness: Harness, api: Api, spec: SourceSpec
) -> None:
    api.put("2026-05-01.json", page(DAY, "USD", "GBP", next="2026-05-01-2.json"))
    api.put("2026-05-01-2.json", page(DAY, "CHF"))
    api.put("2026-05-02.json", page(date(2026, 5, 2), "USD"))

    extraction = extract(spec, harness.settings)

    assert landed(harness) == {FIRST: ["USD", "GBP", "CHF"], SECOND: ["USD"]}
    assert (extraction.files, extraction.rows) == ((FIRST, SECOND), 4)
    assert harness.load(spec).rows == 4
    api.requested.clear()
    assert extract(spec, harness.settings).files == ()
    assert api.requested == ["/rates/2026-05-03.json"]
    now = datetime(2026, 5, 3, 12, tzinfo=UTC)
    assert pending(spec, harness.lake, now=now) == ""
    assert "2026-05-03" in pending(spec, harness.lake, now=now + timedelta(days=1))


def test_a_day_that_is_not_yet_complete_waits(harness: Harness, api: Api, spec: SourceSpec) -> None:
    api.put("2026-05-01.json", page(DAY, "USD", complete_through="2026-05-01T15:00:00Z"))
    assert extract(spec, harness.settings).files == ()
    assert landed(harness) == {}


def test_a_request_that_fails_twice_and_then_succeeds_is_landed(
    harness: Harness, api: Api, spec: SourceSpec
) -> None:
    api.put("2026-05-01.json", (500, {}, b""), (503, {}, b""), page(DAY, "USD"))
    extract(spec, harness.settings)
    assert landed(harness) == {FIRST: ["USD"]}


def test_a_rate_limit_is_obeyed_for_the_time_it_gives(
    harness: Harness, api: Api, spec: SourceSpec
) -> None:
    api.put("2026-05-01.json", (429, {"Retry-After": "1"}, b""), page(DAY, "USD"))
    start = time.monotonic()
    extract(spec, harness.settings)
    assert time.monotonic() - start >= 1
    assert landed(harness) == {FIRST: ["USD"]}


def test_a_slow_answer_times_out_and_is_requested_again(
    harness: Harness, api: Api, spec: SourceSpec
) -> None:
    api.put("2026-05-01.json", 0.6, page(DAY, "USD"))
    extract(spec, harness.settings)
    assert landed(harness) == {FIRST: ["USD"]}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((500, {}, b""), "returned 500 .* after 5 attempts"),
        ((401, {}, b""), "returned 401"),
        ((200, {}, b'{"data": ['), "did not return a page of the form .* a value is missing"),
        ((200, {}, b"[]"), "did not return a page of the form"),
        ((200, {}, b'{"data": [], "next": "2026-05-02.json"}'), "form a loop"),
        ((200, {}, b'{"data": [], "next": "none.json"}'), "none.json returned 404"),
        ((200, {}, b'{"data": [], "next": "file:///etc/hosts"}'), "a file on this machine"),
        ((200, {"Content-Length": "999"}, b'{"data": []}'), "cannot be reached"),
    ],
)
def test_a_bad_day_is_an_error_and_the_days_before_it_stay_landed(
    harness: Harness, api: Api, spec: SourceSpec, answer: Answer, message: str
) -> None:
    api.put("2026-05-01.json", page(DAY, "USD"))
    api.put("2026-05-02.json", answer)
    with pytest.raises(SourceDown, match=message):
        extract(spec, harness.settings)
    assert landed(harness) == {FIRST: ["USD"]}


def test_an_api_that_is_down_is_an_error(
    harness: Harness, spec: SourceSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("PAYMENTS_RATES_URL", f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(SourceDown, match=r"cannot be reached \(5 attempts"):
            extract(spec, harness.settings)


def test_canned_answers_in_a_folder_are_landed_like_those_of_a_server(
    harness: Harness, spec: SourceSpec, tmp_path: Path
) -> None:
    folder = tmp_path / "world" / "api" / "exchange_rates"
    folder.mkdir(parents=True)
    (folder / "2026-05-01.json").write_bytes(page(DAY, "USD", next="2026-05-01-2.json")[2])
    (folder / "2026-05-01-2.json").write_bytes(page(DAY, "CHF")[2])
    spec = load_spec(DEFS / "exchange_rates" / "defs.yaml")
    assert "2026-05-01" in pending(spec, harness.lake)
    extract(spec, harness.settings)
    assert landed(harness) == {FIRST: ["USD", "CHF"]}


def test_an_http_api_without_a_first_day_is_an_error(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAYMENTS_RATES_URL", "http://127.0.0.1:9")
    with pytest.raises(SpecError, match="needs `start`"):
        extract(load_spec(DEFS / "exchange_rates" / "defs.yaml"), harness.settings)
