"""An HTTP API that publishes one resource a day, landed as one file a day.

requests with urllib3's Retry, not dlt's REST client: both back off and honour Retry-After, but dlt
costs 0.6 s more of import and 25 packages, and reads configuration of its own.
"""

import gzip
import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin, urlsplit

from lakehouse.settings import Settings
from lakehouse.sources.errors import SourceAway, SourceDown, SpecError
from lakehouse.sources.landing import Landing, seal_name
from lakehouse.sources.places import resolve
from lakehouse.sources.spec import ApiConnector

if TYPE_CHECKING:
    import requests

RETRIED = (429, 500, 502, 503, 504)
LONGEST_WAIT = 120
_DAY, _TICK = timedelta(days=1), timedelta(microseconds=1)


def land_days(
    connector: ApiConnector, settings: Settings, landing: Landing, last: datetime | None
) -> list[tuple[str, int]]:
    """Land every complete day after `last` (UTC, naive); stop at the first that is not there yet.

    Raises:
        SourceDown: when the API cannot be asked or answers nonsense. Days before stay landed.
    """
    base = _base(connector, settings)
    day = _day_after(connector, base, last)
    landed = []
    with open_session(connector) as session:
        while day and (records := _fetch(session, connector, base, day)) is not None:
            end = datetime.combine(day, datetime.min.time()) + _DAY - _TICK
            lines = "".join(json.dumps(record) + "\n" for record in records)
            content = gzip.compress(lines.encode(), mtime=0)
            name = landing.put(seal_name(end, ".jsonl.gz"), _writer(content))
            landed.append((name, len(records)))
            day += _DAY
    return landed


def next_day(
    connector: ApiConnector, settings: Settings, last: datetime | None, now: datetime
) -> date | None:
    """The day after `last` if it may be published: it is over by `now`, or its file is there."""
    base = _base(connector, settings)
    day = _day_after(connector, base, last)
    if day and base.startswith("file://"):
        return day if (_folder(base) / f"{day}.json").is_file() else None
    return day if day and day < now.astimezone(UTC).date() else None


def open_session(connector: ApiConnector) -> "requests.Session":
    """A session that retries what may pass (connections, time-outs, 429, 5xx), with back-off.

    It also reads `file://` addresses, so that canned answers come the same way as real ones.
    """
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    class FileAdapter(requests.adapters.BaseAdapter):
        def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
            path = _folder(request.url or "")
            response = requests.Response()
            response.url = request.url or ""
            response.status_code = 200 if path.is_file() else 404
            response._content = path.read_bytes() if path.is_file() else b""
            return response

        def close(self) -> None:
            pass

    retry = Retry(
        total=connector.attempts - 1,
        backoff_factor=connector.backoff.total_seconds(),
        backoff_max=LONGEST_WAIT,
        retry_after_max=LONGEST_WAIT,
        status_forcelist=RETRIED,
        raise_on_status=False,
    )
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry))
    session.mount("file://", FileAdapter())
    return session


def _fetch(
    session: "requests.Session", connector: ApiConnector, base: str, day: date
) -> list[Any] | None:
    """All records of a day, from all its pages; None when it is not published or not complete."""
    url: str | None = urljoin(base, f"{day}.json")
    records: list[Any] = []
    end = datetime.combine(day, datetime.min.time(), UTC) + _DAY - _TICK
    seen: set[str] = set()
    while url:
        if url in seen:
            raise SourceDown(f"the pages of {base}{day}.json go round in a circle at {url}")
        seen.add(url)
        page = _page(session, connector, url, missing_is_fine=not records and len(seen) == 1)
        if page is None:
            return None
        try:
            records += page["data"]
            complete = datetime.fromisoformat(page.get("complete_through") or end.isoformat())
            url = urljoin(url, page["next"]) if page.get("next") else None
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SourceDown(
                f"{url} answers no page of the form {{data: [...], next, complete_through}} "
                f"({type(error).__name__}: {error}); nothing of {day} was landed"
            ) from error
        if complete < end:
            return None
    return records


def _page(
    session: "requests.Session", connector: ApiConnector, url: str, *, missing_is_fine: bool
) -> Any:
    import requests

    try:
        response = session.get(url, timeout=connector.timeout.total_seconds())
    except requests.RequestException as error:
        # an address that is none (a ValueError) stays so
        problem = SourceDown if isinstance(error, ValueError) else SourceAway
        raise problem(
            f"{url} cannot be reached ({connector.attempts} attempts, time-out "
            f"{connector.timeout.total_seconds():g} s): {error}; it will be asked again next time"
        ) from error
    if response.status_code == 404 and missing_is_fine:
        return None
    if response.status_code != 200:
        problem = SourceAway if response.status_code in RETRIED else SourceDown
        raise problem(
            f"{url} answers {response.status_code} {response.reason or ''} after "
            f"{connector.attempts} attempts; it will be asked again next time"
        )
    try:
        return response.json()
    except ValueError as error:
        raise SourceDown(f"{url} answers broken JSON ({error}); tell the API's owner") from error


def _base(connector: ApiConnector, settings: Settings) -> str:
    return resolve(connector.url, settings).rstrip("/") + "/"


def _folder(base: str) -> Path:
    return Path(unquote(urlsplit(base).path))


def _day_after(connector: ApiConnector, base: str, last: datetime | None) -> date | None:
    """The first day to ask for; None when there is none at all. Only folders list their days."""
    if last or connector.start:
        return (last + _TICK).date() if last else connector.start
    if not base.startswith("file://"):
        raise SpecError(f"the API {base} needs `start`, the first day to ask for")
    names = [path.stem for path in _folder(base).glob("*.json")]
    days = [name for name in names if re.fullmatch(r"\d{4}-\d{2}-\d{2}", name)]
    return date.fromisoformat(min(days)) if days else None


def _writer(content: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(content)

    return write
