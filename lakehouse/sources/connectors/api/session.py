"""Pages of an API over HTTP: transient failures are retried, and the size of answers is limited.

It uses requests with urllib3's Retry rather than dlt's REST client: both back off and honour
Retry-After, but dlt adds 0.6 s of import time and 25 packages, and reads its own configuration.
"""

import io
import re
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote, urlsplit

from lakehouse.sources.connectors.api.pages import InvalidPage, Page, decode_page, split_page
from lakehouse.sources.errors import SourceDown, SourceUnavailable

if TYPE_CHECKING:
    import requests

RETRYABLE_STATUSES = (429, 500, 502, 503, 504)
MAX_WAIT_SECONDS = 120
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([^\s;\"']+)", re.IGNORECASE)


class Session:
    """Requests pages, from `file://` addresses too, so that canned answers take the same path."""

    def __init__(
        self, attempts: int, backoff: timedelta, timeout: timedelta, page_bytes: int
    ) -> None:
        self.attempts = attempts
        self.timeout = timeout.total_seconds()
        self.page_bytes = page_bytes
        self._session = _open(attempts, backoff)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._session.close()

    def page(self, url: str, *, allow_missing: bool) -> Page | None:
        """The page at `url`; None for a 404 if `allow_missing`.

        Raises:
            SourceDown: when there is no answer, or the answer is not a page.
        """
        import requests

        try:
            with self._session.get(url, timeout=self.timeout, stream=True) as response:
                if response.status_code == 404 and allow_missing:
                    return None
                if response.status_code != 200:
                    error_class = (
                        SourceUnavailable
                        if response.status_code in RETRYABLE_STATUSES
                        else SourceDown
                    )
                    raise error_class(
                        f"{url} returned {response.status_code} {response.reason or ''} after "
                        f"{self.attempts} attempts; the next extraction will request it again"
                    )
                content = self._body(response, url)
                charset = _CHARSET.search(response.headers.get("Content-Type", ""))
        except requests.RequestException as error:
            # an invalid address (a ValueError) stays invalid, so a retry is useless
            error_class = SourceDown if isinstance(error, ValueError) else SourceUnavailable
            raise error_class(
                f"{url} cannot be reached ({self.attempts} attempts, time-out "
                f"{self.timeout:g} s): {error}; the next extraction will request it again"
            ) from error
        try:
            return split_page(decode_page(content, charset[1] if charset else None))
        except InvalidPage as error:
            raise page_error(url, error) from error

    def _body(self, response: "requests.Response", url: str) -> bytes:
        """The decompressed body, read in pieces so that reading stops at the limit."""
        content = bytearray()
        for piece in response.iter_content(1 << 20):
            content += piece
            if len(content) > self.page_bytes:
                raise SourceDown(
                    f"{url} returned more than {self.page_bytes:,} bytes in one page: request "
                    "smaller pages, or raise `page_bytes` of the source's connector"
                )
        response.raw.close()
        return bytes(content)


def page_error(url: str, error: ValueError) -> SourceDown:
    """The error for an answer that is not a page."""
    return SourceDown(
        f"{url} did not return a page of the form {{data: [...], next, complete_through}}: "
        f"{error}; nothing of that day was landed. Report this to the API's owner"
    )


def local_path(url: str) -> Path:
    """The path of a `file://` address."""
    return Path(unquote(urlsplit(url).path))


def _open(attempts: int, backoff: timedelta) -> "requests.Session":
    """A session that retries lost connections, time-outs, 429 and 5xx, with back-off."""
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    class FileAdapter(requests.adapters.BaseAdapter):
        def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
            path = local_path(request.url or "")
            response = requests.Response()
            response.url = request.url or ""
            response.status_code = 200 if path.is_file() else 404
            response.raw = path.open("rb") if path.is_file() else io.BytesIO()
            return response

        def close(self) -> None:
            pass

    retry = Retry(
        total=attempts - 1,
        backoff_factor=backoff.total_seconds(),
        backoff_max=MAX_WAIT_SECONDS,
        retry_after_max=MAX_WAIT_SECONDS,
        status_forcelist=RETRYABLE_STATUSES,
        raise_on_status=False,
    )
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry))
    session.mount("file://", FileAdapter())
    return session
