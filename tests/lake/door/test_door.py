"""User SQL can read the lake's tables and do nothing else, whatever it contains."""

import hashlib
import io
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from lakehouse.cli import main
from lakehouse.lake import Author, Lake, LakeError
from lakehouse.lake.door import Door, Refused
from lakehouse.lake.door.door import restrict
from lakehouse.lake.door.functions import scalar_functions
from lakehouse.settings import Settings, load_settings
from tests.lake.door.attacks import ALL, FILES, WRAPPERS
from tests.project import PROJECT

python_variable = duckdb.sql("SELECT 'a relation of Python''s' AS secret")


@dataclass(frozen=True)
class Place:
    """A lake with a view and a deleted file, and private files next to it."""

    settings: Settings
    outside: Path

    def attack(self, text: str) -> str:
        place = {"{outside}": str(self.outside), "{storage}": self.settings.storage}
        for name, path in place.items():
            text = text.replace(name, path)
        return text

    def state(self) -> dict[str, str]:
        """The state: files by hash, the catalog by content, because reading modifies its file."""
        catalog = Path(self.settings.catalog.removeprefix("sqlite:"))
        found = {
            str(path): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in self.outside.parent.rglob("*")
            if path.is_file() and not path.name.startswith(catalog.name)
        }
        with sqlite3.connect(catalog) as connection:
            found["catalog"] = "\n".join(connection.iterdump())
        connection.close()
        return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    root = tmp_path_factory.mktemp("door")
    settings, outside = load_settings({}, data_dir=root / "data"), root / "outside"
    outside.mkdir()
    (outside / "secret.csv").write_text("password\nhunter2\n")
    duckdb.sql(f"COPY (SELECT 1 AS id) TO '{outside}/people.parquet'")
    with sqlite3.connect(outside / "other.sqlite") as connection:
        connection.execute("CREATE TABLE secrets AS SELECT 'hunter2' AS password")
    connection.close()
    with Lake(settings) as lake:
        with lake.writer(Author("test")) as cursor:
            cursor.execute("CREATE TABLE raw.gone AS FROM range(10000)")
        with lake.writer(Author("test")) as cursor:
            cursor.execute("DROP TABLE raw.gone")
            cursor.execute("CREATE TABLE raw.people AS SELECT 1 AS id, 'Ann' AS name")
        with lake.writer(Author("test")) as cursor:
            cursor.execute("INSERT INTO raw.people VALUES (2, 'Bob')")
            cursor.execute("CREATE VIEW staging.people AS SELECT upper(name) AS n FROM raw.people")
        with lake.cursor() as cursor:  # files that a clean-up would delete
            cursor.execute("CALL ducklake_expire_snapshots('lake', versions => [2])")
    return Place(settings, outside)


@pytest.fixture(scope="module")
def door(place: Place) -> Iterator[Door]:
    with Door(place.settings) as door:
        yield door


@pytest.mark.parametrize("attack", ALL)
def test_an_attack_is_refused_before_it_is_executed(place: Place, door: Door, attack: str) -> None:
    with pytest.raises(Refused):
        door.ask(place.attack(attack))


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("parts", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_an_attack_is_found_in_every_part_of_a_query(
    place: Place, door: Door, wrapper: str, parts: int
) -> None:
    """Try each attack in some places, and every place with some attacks."""
    list(door.ask(wrapper.format("SELECT 1 AS a")).rows())  # the place alone is not refused
    hidden = [one for one in ALL if one.startswith(("FROM", "SELECT", "WITH")) and ";" not in one]
    assert len(hidden) > 80
    for attack in hidden[WRAPPERS.index(wrapper) % parts :: parts]:
        with pytest.raises(Refused):
            door.ask(wrapper.format(place.attack(attack)))


def test_without_the_door_a_select_can_delete_files(place: Place, tmp_path: Path) -> None:
    shutil.copytree(place.settings.data_dir, tmp_path / "data")
    settings = load_settings({}, data_dir=tmp_path / "data")
    files = len([*Path(settings.storage).rglob("*.parquet")])
    with Lake(settings, read_only=True) as lake, lake.cursor() as cursor:
        with pytest.raises(duckdb.Error, match="read-only"):  # but too late
            cursor.execute("FROM ducklake_cleanup_old_files('lake', cleanup_all => true)")
    assert len([*Path(settings.storage).rglob("*.parquet")]) < files


@pytest.mark.slow
def test_no_attack_passes_the_command_and_nothing_changes(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in place.settings.environment().items():
        monkeypatch.setenv(name, value)
    before = place.state()
    passed = []
    for attack in ALL[::8]:  # each opens the lake; the prompt runs all of them
        result = CliRunner().invoke(main, ["sql", place.attack(attack)])
        if (result.exit_code, result.stdout) != (1, "") or "error: " not in result.stderr:
            passed.append((attack, result.output, result.exception))
    assert not passed
    assert place.state() == before


def test_no_attack_passes_the_prompt_and_nothing_changes(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in place.settings.environment().items():
        monkeypatch.setenv(name, value)
    before = place.state()
    typed = [place.attack(attack).replace("\n", " ") for attack in ALL]
    typed = [line for line in typed if line.strip(" ;") and not line.startswith("--")]
    # as a keyboard would send it: invalid UTF-8 arrives as surrogates
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line};\n" for line in typed)))
    out, err = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    with pytest.raises(SystemExit) as end:
        main(["sql"], standalone_mode=False)
    assert (end.value.code, out.getvalue()) == (1, "")
    assert err.getvalue().count("error: ") == len(typed)
    assert place.state() == before


OWN_FILES = "{storage}"
AUTOMATIC_READERS = ("sqlite_", "postgres_")
"""Extensions that open files implicitly: only the first barrier blocks them."""


@pytest.mark.parametrize(
    "attack",
    [one for one in FILES if not any(part in one for part in (OWN_FILES, *AUTOMATIC_READERS))],
)
def test_without_the_first_barrier_the_settings_still_block_every_file(
    place: Place, attack: str
) -> None:
    with Lake(place.settings, read_only=True) as lake, lake.cursor() as cursor:
        cursor.execute("USE lake")
        restrict(cursor)
        with pytest.raises(duckdb.Error):
            cursor.execute(place.attack(attack)).fetchall()
        with pytest.raises(duckdb.Error, match="locked"):
            cursor.execute("SET enable_external_access = true")


def test_a_python_variable_is_not_a_table_even_without_the_first_barrier(place: Place) -> None:
    with Lake(place.settings, read_only=True) as lake, lake.cursor() as cursor:
        restrict(cursor)
        with pytest.raises(duckdb.CatalogException):
            cursor.execute("FROM python_variable")


ALLOWED = [
    ("SELECT 1", [(1,)]),
    ("SELECT 1;", [(1,)]),
    ("-- a comment\nSELECT 1 -- and one more", [(1,)]),
    ("FROM raw.people ORDER BY id", [(1, "Ann"), (2, "Bob")]),
    ("FROM lake.raw.people ORDER BY id LIMIT 1", [(1, "Ann")]),
    ('SELECT count(*) FROM "RAW"."People"', [(2,)]),
    ("FROM raw.people AT (VERSION => 3)", [(1, "Ann")]),
    ("SELECT count(*) FROM raw.people AT (TIMESTAMP => now())", [(2,)]),
    ("FROM staging.people ORDER BY 1", [("ANN",), ("BOB",)]),
    ("WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS y FROM a) FROM b", [(2,)]),
    ("WITH a AS (SELECT 1 AS x) FROM a UNION ALL FROM a", [(1,), (1,)]),
    ("WITH a AS MATERIALIZED (SELECT 1 AS x) SELECT A.x FROM a AS A", [(1,)]),
    ("WITH a AS (SELECT 1 AS x) FROM (WITH b AS (FROM a) FROM b)", [(1,)]),
    (
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3) "
        "SELECT sum(n) FROM t",
        [(6,)],
    ),
    ("SELECT row_number() OVER (ORDER BY id DESC) FROM raw.people WHERE id = 2", [(1,)]),
    (
        "SELECT sum(id) OVER w FROM raw.people "
        "WINDOW w AS (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) ORDER BY 1",
        [(1,), (3,)],
    ),
    ("SELECT id FROM raw.people QUALIFY rank() OVER (ORDER BY name DESC) = 1", [(2,)]),
    ("SELECT count(*) FROM raw.people a JOIN raw.people b USING (id)", [(2,)]),
    ("SELECT a.id FROM raw.people a ASOF JOIN raw.people b ON a.id > b.id", [(2,)]),
    ("SELECT a.id FROM raw.people a SEMI JOIN (SELECT 2 AS id) b USING (id)", None),
    ("SELECT count(*) FILTER (WHERE id > 1), list(name ORDER BY id) FROM raw.people", None),
    ("SELECT id % 2 AS odd, count(*) FROM raw.people GROUP BY ALL ORDER BY ALL", [(0, 1), (1, 1)]),
    ("SELECT grouping(id), count(*) FROM raw.people GROUP BY ROLLUP (id) ORDER BY 1 LIMIT 1", None),
    ("SELECT unnest([1, 2])", [(1,), (2,)]),
    ("FROM unnest(['a']) AS t(x)", [("a",)]),
    ("FROM range(2)", [(0,), (1,)]),
    (
        "SELECT count(*) "
        "FROM generate_series(DATE '2026-01-01', DATE '2026-01-03', INTERVAL 1 DAY)",
        [(3,)],
    ),
    (
        "SELECT '{\"a\": {\"b\": 7}}'::JSON ->> '$.a.b', json_extract('[1]', '$[0]')::INT",
        [("7", 1)],
    ),
    ("SELECT key FROM json_each('{\"a\": 1}')", [("a",)]),
    ("SELECT [x * 2 FOR x IN [1, 2] IF x > 1], list_transform([1], lambda x: x + 1)", [([4], [2])]),
    ("SELECT {'a': 1}.a, MAP {'k': 'v'}['k'], struct_pack(b := 2).b", [(1, "v", 2)]),
    (
        "SELECT CASE WHEN true THEN 'y' ELSE 'n' END, coalesce(NULL, 1), nullif(1, 1)",
        [("y", 1, None)],
    ),
    ("SELECT TRY_CAST('x' AS INTEGER), '1.50'::DECIMAL(18, 2)::VARCHAR", [(None, "1.50")]),
    ("SELECT 'Ann' LIKE 'A%', 'Ann' ILIKE 'a%', 'Ann' SIMILAR TO '.*', 'Ann' ~ 'A.n'", None),
    ("SELECT date_trunc('day', TIMESTAMP '2026-01-01 05:00') + INTERVAL 1 DAY < now()", None),
    (
        "SELECT extract(year FROM DATE '2026-01-01'), strftime(DATE '2026-01-01', '%Y')",
        [(2026, "2026")],
    ),
    ("SELECT current_date <= today(), random() < 1, length(uuid()::VARCHAR)", [(True, True, 36)]),
    (
        "SELECT approx_quantile(id, 0.5), quantile_cont(id, 0.5), mode(id), histogram(id) "
        "FROM raw.people",
        None,
    ),
    ("SELECT * EXCLUDE (name) REPLACE (id + 1 AS id) FROM raw.people ORDER BY 1", [(2,), (3,)]),
    ("SELECT COLUMNS('i.*') FROM raw.people ORDER BY ALL", [(1,), (2,)]),
    ("SELECT DISTINCT ON (id % 1) name FROM raw.people ORDER BY id", [("Ann",)]),
    ("FROM raw.people WHERE (id, name) IN (SELECT (2, 'Bob'))", [(2, "Bob")]),
    ("FROM raw.people a WHERE EXISTS (FROM raw.people b WHERE b.id > a.id)", [(1, "Ann")]),
    ("VALUES (1, 'a'), (2, 'b')", [(1, "a"), (2, "b")]),
    ("TABLE raw.people", None),
    ("PIVOT raw.people ON id IN (1, 2) USING max(name)", [("Ann", "Bob")]),
    ("UNPIVOT (SELECT 1 AS a, 2 AS b) ON a, b", [("a", 1), ("b", 2)]),
    ("FROM raw.people USING SAMPLE 100%", None),
    ("FROM raw.people, LATERAL (SELECT id + 1)", None),
    ("FROM (FROM raw.people SELECT id) ORDER BY id OFFSET 1", [(2,)]),
    ("SELECT max(snapshot_id) >= 2 FROM lake.snapshots()", [(True,)]),
    ("SELECT count(*) FROM ducklake_table_changes('lake', 'raw', 'people', 4, 4)", [(1,)]),
    ("SELECT table_name FROM information_schema.tables WHERE table_schema = 'raw'", [("people",)]),
    ("DESCRIBE raw.people", None),
    ("SUMMARIZE raw.people", None),
    ("DESCRIBE SELECT 1 AS x", None),
    ("SHOW ALL TABLES", None),
    ("SHOW TABLES FROM raw", [("people",)]),
    ("EXPLAIN FROM raw.people", None),
    ("explain /* costs */ analyze SELECT count(*) FROM staging.people", None),
]


@pytest.mark.parametrize(("query", "expected"), ALLOWED)
def test_an_allowed_query_is_answered(
    door: Door, query: str, expected: list[tuple[object, ...]] | None
) -> None:
    rows = list(door.ask(query).rows())
    assert rows == expected if expected is not None else rows


@pytest.mark.slow
def test_an_answer_larger_than_the_memory_limit_is_sorted_on_disk(place: Place) -> None:
    small = place.settings.model_copy(update={"memory_limit": "60MB", "threads": 1})
    with Door(small) as door:
        rows = door.ask(
            "SELECT r, repeat('x', 40) AS s FROM (SELECT hash(range) AS r FROM range(2_000_000)) "
            "ORDER BY r, s"
        ).rows()
        previous = -1
        count = 0
        for value, _ in rows:
            assert value > previous
            previous, count = value, count + 1
    assert count == 2_000_000


@pytest.mark.parametrize("storage", ["{0}/a b/../it's", "files", "./x/"])
def test_the_storage_may_be_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, storage: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a b").mkdir()
    settings = load_settings(
        {},
        project_dir=PROJECT.root,
        data_dir=tmp_path / "data",
        storage=storage.format(tmp_path),
    )
    with Lake(settings) as lake, lake.writer(Author("test")) as cursor:
        cursor.execute("CREATE TABLE raw.t AS FROM range(10000)")
    with Door(settings) as door:
        assert list(door.ask("SELECT count(*) FROM raw.t").rows()) == [(10000,)]


def test_each_query_reads_the_newest_snapshot(settings: Settings) -> None:
    with Lake(settings) as lake, lake.writer(Author("test")) as cursor:
        cursor.execute("CREATE TABLE raw.t AS SELECT 1 AS i")
    with Door(settings) as door:
        assert list(door.ask("FROM raw.t").rows()) == [(1,)]
        with Lake(settings) as lake, lake.writer(Author("test")) as cursor:
            cursor.execute("INSERT INTO raw.t VALUES (2)")
        assert list(door.ask("FROM raw.t ORDER BY i").rows()) == [(1,), (2,)]


def test_the_door_works_after_a_failed_query(door: Door) -> None:
    with pytest.raises(LakeError, match="nothere"):
        door.ask("FROM raw.nothere")
    with pytest.raises(LakeError, match="Conversion"):
        list(door.ask("SELECT CAST(name AS INTEGER) FROM raw.people").rows())
    assert list(door.ask("SELECT 1").rows()) == [(1,)]


def test_a_query_too_deep_to_parse_is_an_error_and_no_crash(door: Door) -> None:
    with pytest.raises((Refused, LakeError)):
        door.ask("SELECT " + "(" * 20_000 + "1" + ")" * 20_000)
    with pytest.raises((Refused, LakeError)):
        door.ask("SELECT " + "1 + " * 20_000 + "1")


@pytest.mark.slow
def test_many_comments_do_not_slow_down_parsing(door: Door) -> None:
    assert list(door.ask("/**/" * 5_000 + "SELECT 1").rows()) == [(1,)]
    assert len(list(door.ask("/**/ -- a\n" * 5_000 + "EXPLAIN /* b */ SELECT 1").rows())) == 1


def test_the_allowed_functions_are_the_reviewed_ones(door: Door) -> None:
    """Another DuckDB has other functions: review the new ones, then write the new hash here."""
    names = sorted(door._functions)
    assert hashlib.sha256("\n".join(names).encode()).hexdigest()[:16] == "2cd10fdadef905ab", names


def test_no_function_with_side_effects_may_be_called(place: Place) -> None:
    with Lake(place.settings, read_only=True) as lake, lake.cursor() as cursor:
        effects = {
            name
            for (name,) in cursor.execute(
                "SELECT function_name FROM duckdb_functions() WHERE has_side_effects"
            ).fetchall()
        }
        harmless = {"error", "gen_random_uuid", "random", "uuid", "uuidv4", "uuidv7"}
        assert effects & scalar_functions(cursor) == harmless
