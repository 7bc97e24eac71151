"""The door of a lake with a PostgreSQL catalog and files in an object store."""

from collections.abc import Iterator

import pytest

from lakehouse.lake import Author, Lake
from lakehouse.lake.door import Door, Refused
from lakehouse.settings import Settings
from tests.lake.door.attacks import ALL
from tests.lake.server import running_server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    import boto3
    from moto.server import ThreadedMotoServer

    store = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    store.start()
    host, port = store.get_host_and_port()
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{host}:{port}",
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="hunter2",
    )
    client.create_bucket(Bucket="lake")
    client.put_object(Bucket="lake", Key="elsewhere/secret.csv", Body=b"a\n1\n")
    with running_server(tmp_path_factory.mktemp("postgres")) as server:
        yield server.settings(
            tmp_path_factory.mktemp("home") / "data",
            storage="s3://lake/files",
            s3_endpoint=f"{host}:{port}",
            s3_key_id="key",
            s3_secret="hunter2",
            s3_use_ssl=False,
        )
    store.stop()


def test_a_remote_lake_answers_and_refuses_as_an_embedded_one(settings: Settings) -> None:
    with Lake(settings) as lake:
        with lake.writer(Author("test")) as cursor:
            cursor.execute("CREATE TABLE raw.people AS SELECT range AS id FROM range(10000)")
        with lake.writer(Author("test")) as cursor:
            cursor.execute("DELETE FROM raw.people WHERE id < 10")
    # the catalog records the location of its files
    other = settings.model_copy(update={"storage": "s3://lake/other"})
    with Door(other) as door:
        assert list(door.ask("SELECT count(*) FROM raw.people").rows()) == [(9990,)]
    with Door(settings) as door:
        assert list(door.ask("SELECT count(*) FROM raw.people").rows()) == [(9990,)]
        assert list(door.ask("SELECT max(snapshot_id) FROM lake.snapshots()").rows()) == [(3,)]
        old = "SELECT count(*) FROM raw.people AT (VERSION => 2)"
        assert list(door.ask(old).rows()) == [(10000,)]
        for attack in [*ALL, "FROM 's3://lake/elsewhere/secret.csv'", "FROM 's3://lake/files/*'"]:
            with pytest.raises(Refused):
                door.ask(attack.replace("{storage}", settings.storage))


def test_without_the_first_barrier_no_other_prefix_of_the_bucket_can_be_read(
    settings: Settings,
) -> None:
    import duckdb

    from lakehouse.lake.door.door import restrict

    query = "FROM read_csv('s3://lake/elsewhere/secret.csv')"
    with Lake(settings) as lake, lake.cursor() as cursor:
        assert cursor.execute(query).fetchall() == [(1,)]
    with Lake(settings, read_only=True) as lake, lake.cursor() as cursor:
        restrict(cursor)
        with pytest.raises(duckdb.PermissionException):
            cursor.execute(query)
