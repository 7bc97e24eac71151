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

from .conftest import DEFS, House

DAY = date(2026, 5, 1)
Answer = tuple[int, dict[str, str], bytes]


class Api(ThreadingHTTPServer):
    """Answers each path with its prepared answers, and repeats the last one."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, list[Answer | float]] = {}
        self.asked: list[str] = []

    def put(self, path: str, *answers: Answer | float) -> None:
        self.answers["/rates/" + path] = list(answers)


class Handler(BaseHTTPRequestHandler):
    server: Api

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        waiting = self.server.answers.get(self.path, [(404, {}, b"")])
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
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


def landed(house: House) -> dict[str, list[str]]:
    folder = Path(house.settings.landing) / "exchange_rates"
    files = sorted(folder.iterdir()) if folder.exists() else []
    return {
        path.name: [
            json.loads(line)["currency"] for line in gzip.decompress(path.read_bytes()).splitlines()
        ]
        for path in files
    }


FIRST, SECOND = "20260501T235959999999Z.jsonl.gz", "20260502T235959999999Z.jsonl.gz"


def test_each_complete_day_is_landed_with_all_its_pages(
    house: House, api: Api, spec: SourceSpec
) -> None:
    api.put("2026-05-01.json", page(DAY, "USD", "GBP", next="2026-05-01-2.json"))
    api.put("2026-05-01-2.json", page(DAY, "CHF"))
    api.put("2026-05-02.json", page(date(2026, 5, 2), "USD"))

    extraction = extract(spec, house.settings)

    assert landed(house) == {FIRST: ["USD", "GBP", "CHF"], SECOND: ["USD"]}
    assert (extraction.files, extraction.rows) == ((FIRST, SECOND), 4)
    assert house.load(spec).rows == 4
    api.asked.clear()
    assert extract(spec, house.settings).files == ()
    assert api.asked == ["/rates/2026-05-03.json"]
    now = datetime(2026, 5, 3, 12, tzinfo=UTC)
    assert pending(spec, house.lake, now=now) == ""
    assert "2026-05-03" in pending(spec, house.lake, now=now + timedelta(days=1))


def test_a_day_that_is_not_yet_complete_waits(house: House, api: Api, spec: SourceSpec) -> None:
    api.put("2026-05-01.json", page(DAY, "USD", complete_through="2026-05-01T15:00:00Z"))
    assert extract(spec, house.settings).files == ()
    assert landed(house) == {}


def test_what_fails_twice_and_then_works_is_landed(
    house: House, api: Api, spec: SourceSpec
) -> None:
    api.put("2026-05-01.json", (500, {}, b""), (503, {}, b""), page(DAY, "USD"))
    extract(spec, house.settings)
    assert landed(house) == {FIRST: ["USD"]}


def test_a_rate_limit_is_waited_out_as_long_as_it_says(
    house: House, api: Api, spec: SourceSpec
) -> None:
    api.put("2026-05-01.json", (429, {"Retry-After": "1"}, b""), page(DAY, "USD"))
    start = time.monotonic()
    extract(spec, house.settings)
    assert time.monotonic() - start >= 1
    assert landed(house) == {FIRST: ["USD"]}


def test_a_slow_answer_times_out_and_is_asked_for_again(
    house: House, api: Api, spec: SourceSpec
) -> None:
    api.put("2026-05-01.json", 0.6, page(DAY, "USD"))
    extract(spec, house.settings)
    assert landed(house) == {FIRST: ["USD"]}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((500, {}, b""), "answers 500 .* after 5 attempts"),
        ((401, {}, b""), "answers 401"),
        ((200, {}, b'{"data": ['), "did not return a page of the form .* a value is missing"),
        ((200, {}, b"[]"), "did not return a page of the form"),
        ((200, {}, b'{"data": [], "next": "2026-05-02.json"}'), "form a loop"),
        ((200, {}, b'{"data": [], "next": "none.json"}'), "none.json answers 404"),
        ((200, {}, b'{"data": [], "next": "file:///etc/hosts"}'), "a file on this machine"),
        ((200, {"Content-Length": "999"}, b'{"data": []}'), "cannot be reached"),
    ],
)
def test_a_bad_day_is_told_and_not_landed_while_the_days_before_stay(
    house: House, api: Api, spec: SourceSpec, answer: Answer, told: str
) -> None:
    api.put("2026-05-01.json", page(DAY, "USD"))
    api.put("2026-05-02.json", answer)
    with pytest.raises(SourceDown, match=told):
        extract(spec, house.settings)
    assert landed(house) == {FIRST: ["USD"]}


def test_an_api_that_is_down_is_told(
    house: House, spec: SourceSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("PAYMENTS_RATES_URL", f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(SourceDown, match=r"cannot be reached \(5 attempts"):
            extract(spec, house.settings)


def test_canned_answers_in_a_folder_come_the_same_way(
    house: House, spec: SourceSpec, tmp_path: Path
) -> None:
    folder = tmp_path / "world" / "api" / "exchange_rates"
    folder.mkdir(parents=True)
    (folder / "2026-05-01.json").write_bytes(page(DAY, "USD", next="2026-05-01-2.json")[2])
    (folder / "2026-05-01-2.json").write_bytes(page(DAY, "CHF")[2])
    spec = load_spec(DEFS / "exchange_rates" / "defs.yaml")
    assert "2026-05-01" in pending(spec, house.lake)
    extract(spec, house.settings)
    assert landed(house) == {FIRST: ["USD", "CHF"]}


def test_an_http_api_without_a_first_day_is_told(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAYMENTS_RATES_URL", "http://127.0.0.1:9")
    with pytest.raises(SpecError, match="needs `start`"):
        extract(load_spec(DEFS / "exchange_rates" / "defs.yaml"), house.settings)
