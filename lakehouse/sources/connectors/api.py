"""An HTTP API that publishes one resource a day, landed as one file a day.

requests with urllib3's Retry, not dlt's REST client: both back off and honour Retry-After, but dlt
costs 0.6 s more of import and 25 packages, and reads configuration of its own. A day is gathered
page by page in a scratch file, so memory holds one page, and that is bounded.
"""

import gzip
import io
import re
import shutil
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin, urlsplit

from lakehouse.settings import Settings
from lakehouse.sources.connectors.pages import NotAPage, Page, decode_page, split_page
from lakehouse.sources.errors import SourceAway, SourceDown, SpecError
from lakehouse.sources.landing import Landing, seal_name
from lakehouse.sources.places import resolve
from lakehouse.sources.spec import ApiConnector

if TYPE_CHECKING:
    import requests

RETRIED = (429, 500, 502, 503, 504)
LONGEST_WAIT = 120
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([^\s;\"']+)", re.IGNORECASE)
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
    landed: list[tuple[str, int]] = []
    spill = settings.data_dir / "spill"
    spill.mkdir(parents=True, exist_ok=True)
    with open_session(connector) as session, tempfile.TemporaryDirectory(dir=spill) as folder:
        scratch = Path(folder) / "day.jsonl.gz"
        while day and (rows := _fetch(session, connector, base, day, scratch)) is not None:
            end = datetime.combine(day, datetime.min.time()) + _DAY - _TICK
            name = landing.put(
                seal_name(end, ".jsonl.gz"), lambda path: shutil.copyfile(scratch, path)
            )
            landed.append((name, rows))
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
            response.raw = path.open("rb") if path.is_file() else io.BytesIO()
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
    session: "requests.Session", connector: ApiConnector, base: str, day: date, scratch: Path
) -> int | None:
    """Write all records of a day, from all its pages, to `scratch`; how many there are.

    None when the day is not published or not complete.
    """
    url: str | None = urljoin(base, f"{day}.json")
    rows = 0
    end = datetime.combine(day, datetime.min.time(), UTC) + _DAY - _TICK
    seen: set[str] = set()
    with gzip.GzipFile(scratch, "wb", mtime=0) as lines:
        while url:
            if url in seen:
                raise SourceDown(f"the pages of {base}{day}.json go round in a circle at {url}")
            page = _page(session, connector, url, missing_is_fine=not seen)
            seen.add(url)
            if page is None or _complete_through(page, url, end) < end:
                return None
            for record in page.records:
                # bytes that are not UTF-8 go out as they came in
                lines.write(record.encode(errors="surrogateescape") + b"\n")
            rows += len(page.records)
            url = urljoin(url, page.next) if page.next else None
            if url and url.startswith("file:") and not base.startswith("file:"):
                raise SourceDown(f"{base} names {url}, a file of this machine, as its next page")
    return rows


def _complete_through(page: Page, url: str, end: datetime) -> datetime:
    if page.complete_through is None:
        return end
    try:
        moment = datetime.fromisoformat(page.complete_through)
    except ValueError as error:
        raise _no_page(url, error) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _page(
    session: "requests.Session", connector: ApiConnector, url: str, *, missing_is_fine: bool
) -> Page | None:
    import requests

    try:
        with session.get(url, timeout=connector.timeout.total_seconds(), stream=True) as response:
            if response.status_code == 404 and missing_is_fine:
                return None
            if response.status_code != 200:
                problem = SourceAway if response.status_code in RETRIED else SourceDown
                raise problem(
                    f"{url} answers {response.status_code} {response.reason or ''} after "
                    f"{connector.attempts} attempts; it will be asked again next time"
                )
            content = _body(response, connector, url)
            charset = _CHARSET.search(response.headers.get("Content-Type", ""))
    except requests.RequestException as error:
        # an address that is none (a ValueError) stays so
        problem = SourceDown if isinstance(error, ValueError) else SourceAway
        raise problem(
            f"{url} cannot be reached ({connector.attempts} attempts, time-out "
            f"{connector.timeout.total_seconds():g} s): {error}; it will be asked again next time"
        ) from error
    try:
        return split_page(decode_page(content, charset[1] if charset else None))
    except NotAPage as error:
        raise _no_page(url, error) from error


def _body(response: "requests.Response", connector: ApiConnector, url: str) -> bytes:
    """The body, decompressed; read piece by piece, so that no answer is bigger than the limit."""
    content = bytearray()
    for piece in response.iter_content(1 << 20):
        content += piece
        if len(content) > connector.page_bytes:
            raise SourceDown(
                f"{url} answers more than {connector.page_bytes:,} bytes in one page: ask for "
                "smaller pages, or raise `page_bytes` of the source's connector"
            )
    response.raw.close()
    return bytes(content)


def _no_page(url: str, error: ValueError) -> SourceDown:
    return SourceDown(
        f"{url} answers no page of the form {{data: [...], next, complete_through}}: {error}; "
        "nothing of that day was landed. Tell the API's owner"
    )


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
