"""Only transient errors are worth a retry."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from lakehouse.errors import LakehouseError, Transient
from lakehouse.lake.connection import load_extensions
from lakehouse.lake.lock import LakeBusy
from lakehouse.lake.server_lock import CatalogDown
from lakehouse.lake.transient import is_retryable


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """An object store that answers every request with the status in its path."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(int(self.path.split("/")[1]))
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_PUT = do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def client(store: str) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"autoinstall_known_extensions": False}) as client:
        for name in ("httpfs", "postgres_scanner"):
            load_extensions(client, name)
        client.execute("SET http_retries = 0")
        client.execute(
            "CREATE SECRET (TYPE s3, KEY_ID 'a', SECRET 'b', USE_SSL false, URL_STYLE 'path', "
            f"ENDPOINT '{store}')"
        )
        yield client


@pytest.mark.parametrize(
    ("statement", "retryable"),
    [
        ("FROM read_blob('s3://429/a')", True),
        ("FROM glob('s3://503/*')", True),
        ("COPY (SELECT 1) TO 's3://500/a.parquet'", True),
        ("FROM read_blob('s3://403/a')", False),
        ("COPY (SELECT 1) TO 's3://403/a.parquet'", False),
        ("FROM glob('s3://404/*')", False),
        ("FROM read_blob('http://127.0.0.1:1/a')", True),
        ("ATTACH 'postgresql://127.0.0.1:1/lake' AS down (TYPE postgres)", True),
        ("ATTACH 'host=/nowhere dbname=lake' AS gone (TYPE postgres)", True),
        ("COPY (SELECT 1) TO '/dev/full' (FORMAT csv)", False),
        ("FROM nothing", False),
        ("SELECT 'connection refused'::INTEGER", True),  # DuckDB gives only a message
        ("""SELECT error('Failed to execute query "ROLLBACK": ')""", True),
        ("""SELECT error('Failed to execute query "COPY x": ERROR: syntax error')""", False),
    ],
)
def test_a_duckdb_error_is_retryable_by_its_message(
    client: duckdb.DuckDBPyConnection, statement: str, retryable: bool
) -> None:
    with pytest.raises(duckdb.Error) as raised:
        client.execute(statement).fetchall()
    assert is_retryable(raised.value) is retryable, str(raised.value)


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        (LakeBusy("held"), True),
        (CatalogDown("down"), True),
        (TimeoutError(), True),
        (ConnectionResetError(), True),
        (FileNotFoundError("timeout.csv"), False),
        (OSError(28, "No space left on device"), False),
        (LakehouseError("a time-out was declared"), False),
        (ValueError("connection refused"), False),
    ],
)
def test_an_error_is_retryable_by_its_class(error: Exception, retryable: bool) -> None:
    assert is_retryable(error) is retryable


def test_the_cause_of_an_error_counts_and_its_context_does_not() -> None:
    caused, before = LakehouseError("not kept"), LakehouseError("another matter")
    caused.__cause__ = Transient("busy")
    before.__context__ = Transient("busy")
    assert is_retryable(caused)
    assert not is_retryable(before)


def test_an_error_of_the_file_system_is_not_retryable(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError) as raised:
        (tmp_path / "file").touch()
        list((tmp_path / "file").iterdir())
    assert not is_retryable(raised.value)
