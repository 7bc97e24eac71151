"""A lake in an object store is maintained and verified like one in a folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lakehouse.lake import Author, Lake, LakeError
from lakehouse.lake.maintenance import maintain
from lakehouse.lake.verify import verify_lake
from lakehouse.settings import Settings, load_settings
from tests.lake.test_ownership import LATER

pytestmark = pytest.mark.slow
ORPHAN = "ducklake-01a22815-ff6d-7a4f-ac89-4b78b60d82cf.parquet"


class Bucket:
    """The content of the store, by key, and how to change it without the lake."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def keys(self, ending: str) -> list[str]:
        listed = self._client.list_objects_v2(Bucket="lakes").get("Contents", [])
        return [item["Key"] for item in listed if item["Key"].endswith(ending)]

    def get(self, key: str) -> bytes:
        content: bytes = self._client.get_object(Bucket="lakes", Key=key)["Body"].read()
        return content

    def put(self, key: str, content: bytes) -> None:
        self._client.put_object(Bucket="lakes", Key=key, Body=content)

    def delete(self, key: str) -> None:
        self._client.delete_object(Bucket="lakes", Key=key)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Settings, Bucket]]:
    import boto3
    import requests
    from moto.server import ThreadedMotoServer

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    _, port = server.get_host_and_port()
    requests.post(f"http://127.0.0.1:{port}/moto-api/reset", timeout=10)
    keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", **keys)
    client.create_bucket(Bucket="lakes")
    settings = load_settings(
        {},
        data_dir=tmp_path,
        storage="s3://lakes/ours",
        s3_endpoint=f"127.0.0.1:{port}",
        s3_use_ssl=False,
        s3_key_id="k",
        s3_secret="s",
    )
    yield settings, Bucket(client)
    server.stop()


def fill(settings: Settings) -> None:
    with Lake(settings) as lake:
        for _ in range(3):
            with lake.writer(Author("raw/t")) as cursor:
                cursor.execute("CREATE TABLE IF NOT EXISTS raw.t (i BIGINT)")
                cursor.execute("INSERT INTO raw.t SELECT range FROM range(1000)")


def test_only_what_the_lake_wrote_is_deleted(store: tuple[Settings, Bucket]) -> None:
    settings, bucket = store
    fill(settings)
    folder = bucket.keys(".parquet")[0].rsplit("/", 1)[0]
    bucket.put(f"{folder}/{ORPHAN}", b"killed here")
    bucket.put(f"{folder}/export.parquet", b"somebody's")
    bucket.put("ours/export.parquet", b"somebody's")
    with Lake(settings) as lake:
        done = maintain(lake, now=LATER)
        assert done.owned
        assert done.unknown == (f"s3://lakes/{folder}/export.parquet",)
        assert len(bucket.keys("export.parquet")) == 2
        assert bucket.keys(ORPHAN), "all can be deleted or none"
        bucket.delete(f"{folder}/export.parquet")
        assert maintain(lake, now=LATER).unknown == ()
        assert bucket.keys(ORPHAN) == []
        assert bucket.keys("export.parquet") == ["ours/export.parquet"]
        assert lake.rows("raw.t") == 3000


def test_another_lakes_prefix_is_refused(store: tuple[Settings, Bucket]) -> None:
    settings, bucket = store
    fill(settings)
    (mark,) = bucket.keys("lake.json")
    bucket.put(mark, b'{"lake": "another"}')
    with pytest.raises(LakeError, match="belongs to another lake"):
        fill(settings)


def test_a_full_verification_hashes_files_and_finds_later_flips(
    store: tuple[Settings, Bucket],
) -> None:
    settings, bucket = store
    fill(settings)
    with Lake(settings, read_only=True) as lake:
        fast = verify_lake(lake, full=False)
        assert fast.looked_at == {"files by size": 0}
        assert [reason for reason in fast.untold if reason.startswith("3 files had no hash")]
        verify_lake(lake, full=True)
        assert verify_lake(lake, full=True).looked_at == {"files by hash": 3}
        key = bucket.keys(".parquet")[0]
        content = bytearray(bucket.get(key))
        content[100] ^= 1
        bucket.put(key, bytes(content))
        assert [damage.what for damage in verify_lake(lake, full=True).damage] == [
            f"s3://lakes/{key} (raw.t)"
        ]
        bucket.put(key, bytes(content[:-1]))
        (cut,) = verify_lake(lake, full=False).damage
        assert "bytes instead of" in cut.problem
