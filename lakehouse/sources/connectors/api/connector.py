"""An HTTP API with one resource a day, landed as one file a day.

The pages of a day are collected in a scratch file, so memory holds one page of bounded size.
"""

import gzip
import re
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import urljoin

from pydantic import Field

from lakehouse.declarations.durations import Duration
from lakehouse.settings import Settings
from lakehouse.sources.connectors.api.pages import Page
from lakehouse.sources.connectors.api.session import Session, local_path, page_error
from lakehouse.sources.connectors.connector import Connector, Landed
from lakehouse.sources.contract import Contract
from lakehouse.sources.errors import SourceDown, SpecError
from lakehouse.sources.landing import Landing, seal_name
from lakehouse.sources.places import resolve

_DAY, _TICK = timedelta(days=1), timedelta(microseconds=1)


class ApiConnector(Connector):
    """An HTTP API with one resource a day: `{url}/{day}.json`, its pages linked by `next`.

    A page is `{"data": [...], "next": <relative address or null>, "complete_through": <time>}`. A
    day that is missing (404) or not yet complete is requested again next time. `start` is the first
    day; only a `file://` address, whose days can be listed, may omit it. Records are landed with
    their original text. A page of more than `page_bytes` (decompressed) is refused.
    """

    kind: Literal["api"]
    url: str
    start: date | None = None
    timeout: Duration = timedelta(seconds=30)
    attempts: int = Field(default=5, ge=1)
    backoff: Duration = timedelta(seconds=1)
    poll: Duration = timedelta(hours=1)
    page_bytes: int = Field(default=256 << 20, ge=1)

    def land(self, contract: Contract, landing: Landing, last: datetime | None) -> Iterator[Landed]:
        """Land every complete day after `last`; stop at the first that is not published yet."""
        settings = landing.settings
        base = self._base(settings)
        day = self._day_after(base, last)
        spill = settings.data_dir / "spill"
        spill.mkdir(parents=True, exist_ok=True)
        with (
            Session(self.attempts, self.backoff, self.timeout, self.page_bytes) as session,
            tempfile.TemporaryDirectory(dir=spill) as folder,
        ):
            scratch = Path(folder) / "day.jsonl.gz"
            while day and (rows := _fetch(session, base, day, scratch)) is not None:
                name = landing.put(
                    seal_name(_end_of(day), ".jsonl.gz"),
                    lambda path: shutil.copyfile(scratch, path),
                )
                yield Landed(name, rows)
                day += _DAY

    def news(
        self, contract: Contract, landing: Landing, last: datetime | None, now: datetime
    ) -> str:
        """The next day, if it is due: it has ended by `now`. Reported once in each interval of
        `poll`.

        For a `file://` address: whether its file exists.
        """
        base = self._base(landing.settings)
        day = self._day_after(base, last)
        if day is None:
            return ""
        is_local = base.startswith("file://")
        is_due = day < now.astimezone(UTC).date()
        if not ((local_path(base) / f"{day}.json").is_file() if is_local else is_due):
            return ""
        look = (now - datetime.min.replace(tzinfo=UTC)) // self.poll
        return f"{day} may be out (look {look})"

    def _base(self, settings: Settings) -> str:
        return resolve(self.url, settings).rstrip("/") + "/"

    def _day_after(self, base: str, last: datetime | None) -> date | None:
        """The first day to request; None if there is none. Only folders can list their days."""
        if last or self.start:
            return (last + _TICK).date() if last else self.start
        if not base.startswith("file://"):
            raise SpecError(f"the API {base} needs `start`, the first day to request")
        names = [path.stem for path in local_path(base).glob("*.json")]
        days = [name for name in names if re.fullmatch(r"\d{4}-\d{2}-\d{2}", name)]
        return date.fromisoformat(min(days)) if days else None


def _end_of(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time()) + _DAY - _TICK


def _fetch(session: Session, base: str, day: date, scratch: Path) -> int | None:
    """Write all records of a day, from all its pages, to `scratch`; return their number.

    None when the day is not published or not complete.
    """
    url: str | None = urljoin(base, f"{day}.json")
    rows = 0
    seen: set[str] = set()
    with gzip.GzipFile(scratch, "wb", mtime=0) as lines:
        while url:
            if url in seen:
                raise SourceDown(f"the pages of {base}{day}.json form a loop: {url} appears twice")
            page = session.page(url, allow_missing=not seen)
            seen.add(url)
            if page is None or not _is_complete(page, url, day):
                return None
            for record in page.records:
                # bytes that are not UTF-8 are written unchanged
                lines.write(record.encode(errors="surrogateescape") + b"\n")
            rows += len(page.records)
            url = urljoin(url, page.next) if page.next else None
            if url and url.startswith("file:") and not base.startswith("file:"):
                raise SourceDown(f"{base} gives {url}, a file on this machine, as its next page")
    return rows


def _is_complete(page: Page, url: str, day: date) -> bool:
    if page.complete_through is None:
        return True
    try:
        moment = datetime.fromisoformat(page.complete_through)
    except ValueError as error:
        raise page_error(url, error) from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment >= _end_of(day).replace(tzinfo=UTC)
