"""The landing zone: files appear whole or not at all, in a folder or an object store."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lakehouse.lake import Lake
from lakehouse.settings import Settings, load_settings
from lakehouse.sources import load
from lakehouse.sources.decisions import Choice, release
from lakehouse.sources.errors import LandingError
from lakehouse.sources.landing import Landing

from .conftest import PAYMENTS, Harness, file_name, json_lines, make_spec, payment, seal_of

NOON = datetime(2026, 5, 1, 12)


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(load_settings({}, data_dir=tmp_path), "payments")


def test_a_landed_file_is_listed_with_its_size(landing: Landing) -> None:
    landing.put("b.csv", lambda path: path.write_text("xyz") and None)
    landing.put("a.csv", lambda path: path.write_text("x") and None)
    assert [(file.name, file.bytes) for file in landing.files()] == [("a.csv", 1), ("b.csv", 3)]


def test_an_empty_landing_zone_has_no_files(landing: Landing) -> None:
    assert landing.files() == []


def test_a_file_is_not_listed_before_it_is_complete(landing: Landing) -> None:
    def write(path: Path) -> None:
        path.write_text("half")
        assert landing.files() == []

    landing.put("a.csv", write)
    assert [file.name for file in landing.files()] == ["a.csv"]


def test_a_write_that_fails_leaves_nothing(landing: Landing) -> None:
    def half(path: Path) -> None:
        path.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(LandingError, match=r"a\.csv.*No space left.*Free space"):
        landing.put("a.csv", half)
    assert list(Path(landing.root).iterdir()) == []


def test_a_landed_file_is_never_overwritten(landing: Landing) -> None:
    landing.put("a.csv", lambda path: path.write_text("first") and None)
    with pytest.raises(LandingError, match="has already landed"):
        landing.put("a.csv", lambda path: path.write_text("second") and None)
    assert (Path(landing.root) / "a.csv").read_text() == "first"


def test_files_left_by_a_killed_process_are_overwritten(landing: Landing) -> None:
    folder = Path(landing.root)
    left = folder / ".a.csv.landing"
    left.mkdir(parents=True)
    (left / "a.csv").write_text("left behind")
    landing.put("a.csv", lambda path: path.write_text("x") and None)
    assert [path.name for path in folder.iterdir()] == ["a.csv"]


LIMITED = """
import resource, signal, sys
from pathlib import Path
from lakehouse.errors import LakehouseError
from lakehouse.lake import Lake
from lakehouse.settings import load_settings
from lakehouse.sources import SourceSpec, create_tables, load

settings = load_settings({}, data_dir=Path(sys.argv[1]))
spec = SourceSpec.model_validate_json(Path(sys.argv[2]).read_text())
with Lake(settings) as lake:
    create_tables(spec, lake)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
    try:
        load(spec, lake, settings)
    except LakehouseError as error:
        print(error)
        sys.exit(3)
"""


@pytest.mark.slow
def test_a_lake_on_a_full_disk_keeps_nothing_of_the_batch_and_continues_later(
    harness: Harness, tmp_path: Path
) -> None:
    spec = make_spec()
    noise = [payment(n, NOON, note=os.urandom(40).hex()) for n in range(8000)]
    harness.land(file_name(seal_of(0)), json_lines(*noise))
    (tmp_path / "spec.json").write_text(spec.model_dump_json(by_alias=True))
    harness.lake.close()
    command = [sys.executable, "-c", LIMITED, str(harness.settings.data_dir)]
    command.append(str(tmp_path / "spec.json"))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert "nothing of this batch was kept" in done.stdout
    assert "free space" in done.stdout
    assert harness.rows("*") == []
    assert harness.load(spec).rows == 8000


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    import boto3
    from moto.server import ThreadedMotoServer

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    _, port = server.get_host_and_port()
    keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", **keys)
    client.create_bucket(Bucket="landing")
    yield load_settings(
        {},
        data_dir=tmp_path,
        landing="s3://landing/zone",
        s3_endpoint=f"127.0.0.1:{port}",
        s3_use_ssl=False,
        s3_key_id="k",
        s3_secret="s",
    )
    server.stop()


@pytest.mark.slow
def test_an_object_store_can_be_a_landing_zone(bucket: Settings) -> None:
    landing, spec = Landing(bucket, "payments"), make_spec()
    assert landing.files() == []
    names = [file_name(seal_of(0)), file_name(seal_of(1), ".csv")]
    contents = [json_lines(payment(1, NOON)), b"id,time,amount\n2,2026-05-02,3\n"]
    for name, content in zip(names, contents, strict=True):
        landing.put(name, lambda path, content=content: path.write_bytes(content) and None)  # type: ignore[misc]
    assert [(file.name, file.bytes) for file in landing.files()] == [
        (name, len(content)) for name, content in zip(names, contents, strict=True)
    ]
    with Lake(bucket) as lake:
        harness = Harness(bucket, lake)
        assert harness.load(spec).files == names
        assert harness.rows("id") == [(1,), (2,)]
        assert harness.load(spec).files == []
    assert list((bucket.data_dir / "spill").iterdir()) == []


@pytest.mark.slow
def test_a_new_lake_gets_rows_released_on_an_object_store_once(
    bucket: Settings, tmp_path: Path
) -> None:
    bounded = [*PAYMENTS[:2], {**PAYMENTS[2], "minimum": 10}, PAYMENTS[3]]
    strict, loose = make_spec(bounded, name="refunds"), make_spec(name="refunds")
    landing, content = Landing(bucket, "refunds"), json_lines(payment(1, NOON, "1.00"))
    landing.put(file_name(seal_of(0)), lambda path: path.write_bytes(content) and None)
    with Lake(bucket) as lake:
        load(strict, lake, bucket)
        now = datetime(2026, 5, 9, tzinfo=UTC)
        [made] = release(strict, lake, bucket, Choice(), who="a", why="b", now=now)
        assert load(loose, lake, bucket).files == [made.released_into]
    assert len(landing.files()) == 2
    fresh = bucket.model_copy(
        update={
            "catalog": f"sqlite:{tmp_path / 'fresh.sqlite'}",
            "storage": str(tmp_path / "fresh"),
        }
    )
    with Lake(fresh) as lake:
        load(loose, lake, fresh)
        assert Harness(fresh, lake).rows("_file", "id", table="raw.refunds") == [
            (made.released_into, 1)
        ]


@pytest.mark.slow
def test_an_object_store_that_is_down_is_an_error(tmp_path: Path) -> None:
    settings = load_settings(
        {},
        data_dir=tmp_path,
        landing="s3://landing/zone",
        s3_endpoint="127.0.0.1:1",
        s3_use_ssl=False,
        s3_key_id="k",
        s3_secret="s",
    )
    with pytest.raises(LandingError, match="cannot list the landing zone s3://landing/zone"):
        Landing(settings, "payments").files()


@pytest.mark.slow
def test_a_ledger_in_an_object_store_makes_a_fresh_lake_the_same(bucket: Settings) -> None:
    landing, spec = Landing(bucket, "returns"), make_spec(name="returns")
    with Lake(bucket) as lake:
        harness = Harness(bucket, lake)
        for day in (3, 1):
            content = json_lines(payment(day, seal_of(day)))
            landing.put(
                file_name(seal_of(day)), lambda path, c=content: path.write_bytes(c) and None
            )  # type: ignore[misc]
            assert harness.load(spec).rows == 1
        known = harness.rows("id", "known_at", table="raw.returns")
    assert landing.hidden(".loads") == ["00000001.json", "00000002.json"]
    assert not landing.claim_hidden(".loads/00000002.json", b"{}")
    fresh = bucket.model_copy(
        update={"data_dir": bucket.data_dir / "f", "catalog": f"sqlite:{bucket.data_dir}/f/c"}
    )
    fresh = fresh.model_copy(update={"storage": f"{bucket.data_dir}/f/files"})
    with Lake(fresh) as lake:
        harness = Harness(fresh, lake)
        assert harness.load(spec).rows == 2
        assert harness.rows("id", "known_at", table="raw.returns") == known
