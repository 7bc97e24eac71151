"""On an empty data folder every command reports that in a sentence, and creates no lake."""

import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from lakehouse.cli import main
from lakehouse.lake import Author, Lake
from lakehouse.settings import Settings

MODEL = "fraud_detector"
COMMANDS = [
    ("sql", "SELECT 1"),
    ("sql", ""),
    ("sql",),
    ("sql", "--csv"),
    ("tables",),
    ("maintain",),
    ("models", "list"),
    ("models", "list", "--json"),
    ("models", "show", MODEL),
    ("models", "show", MODEL, "v1", "--json"),
    ("models", "compare", MODEL, "v1", "v2"),
    ("models", "promote", MODEL, "v1", "--why", "x"),
    ("models", "promote", MODEL, "v1", "--why", "x", "--shadow"),
    ("models", "rollback", MODEL, "--why", "x"),
    ("models", "archive", MODEL, "v1", "--why", "x"),
    ("models", "report", MODEL),
    ("models", "reproduce", MODEL, "v1"),
]


@pytest.fixture
def invoke(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str, text: str = ""):
        result = CliRunner().invoke(main, arguments, input=text)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.mark.parametrize("arguments", COMMANDS)
@pytest.mark.parametrize("catalog", ["none", "empty"])
def test_without_a_lake_a_command_prints_one_sentence_and_creates_none(
    settings: Settings, invoke, arguments: tuple[str, ...], catalog: str
) -> None:
    path = Path(settings.catalog.removeprefix("sqlite:"))
    if catalog == "empty":  # as a process leaves it that was killed at that moment
        path.parent.mkdir(parents=True)
        path.touch()
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert re.fullmatch(
        r"error: there is no lake at \S+ yet; create one with `lakehouse run`\n", result.stderr
    )
    assert not path.exists() or path.stat().st_size == 0


@pytest.mark.parametrize("arguments", COMMANDS)
def test_in_a_lake_without_tables_a_command_prints_one_sentence(
    settings: Settings, lake: Lake, invoke, arguments: tuple[str, ...]
) -> None:
    lake.snapshot()
    lake.close()
    result = invoke(*arguments, text="")
    assert (result.stdout + result.stderr).count("\n") <= (2 if arguments[:1] == ("sql",) else 1)
    if arguments[0] == "models" and arguments[1] != "list":
        assert result.exit_code == 1
        assert re.match(rf"error: {MODEL}( has no| is not|:)", result.stderr), result.stderr
    if arguments == ("tables",):
        assert "no tables yet" in result.stdout


def test_an_empty_query_is_an_error_with_an_example(lake: Lake, invoke) -> None:
    lake.snapshot()
    lake.close()
    for query in ("", "  ", ";", "-- only a comment"):
        result = invoke("sql", "--", query)
        assert result.exit_code == 1
        assert result.stderr == (
            'error: there is no query; write one, such as "FROM raw.customers LIMIT 5"\n'
        )


def test_the_prompt_answers_each_query_including_a_last_one_without_semicolon(
    lake: Lake, invoke
) -> None:
    lake.snapshot()
    lake.close()
    result = invoke("sql", "--csv", text="select 1 as a;\n\nselect\n2 as b;\nselect 3 as c")
    assert (result.exit_code, result.stdout.split()) == (0, ["a", "1", "b", "2", "c", "3"])
    result = invoke("sql", text="from nowhere;\nselect 1 as a;\n")
    assert (result.exit_code, result.stdout.split()) == (1, ["a", "1"])


def test_tables_prints_the_current_number_of_rows(lake: Lake, invoke) -> None:
    with lake.writer(Author("test")) as cursor:
        cursor.execute("CREATE TABLE raw.t AS SELECT range AS i, 'a' AS s FROM range(1000)")
        cursor.execute("CREATE VIEW staging.v AS FROM raw.t")
        cursor.execute("CREATE TABLE raw.gone AS SELECT 1 AS i")
    with lake.writer(Author("test")) as cursor:
        cursor.execute("UPDATE raw.t SET s = 'b'")
        cursor.execute("DELETE FROM raw.t WHERE i >= 990")
        cursor.execute("CREATE VIEW staging.broken AS FROM raw.gone")
    with lake.writer(Author("test")) as cursor:
        cursor.execute("DROP TABLE raw.gone")
    lake.close()
    rows = [line.split() for line in invoke("tables").stdout.splitlines()]
    assert ["raw.t", "990", "2", "table"] in rows
    assert ["staging.v", "2", "view"] in rows
    assert [row[0] for row in rows[1:]] == ["raw.t", "staging.broken", "staging.v"]


def test_names_are_not_truncated_in_a_pipe(
    lake: Lake, invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    name = "a_name_" * 30
    with lake.writer(Author("test")) as cursor:
        cursor.execute(f"CREATE TABLE raw.{name} AS SELECT repeat('x', 5000) AS {name}")
    lake.close()
    assert f"raw.{name}" in invoke("tables").stdout
    assert "x" * 5000 in invoke("sql", f"FROM raw.{name}").stdout
    assert name in invoke("sql", f"FROM raw.{name}").stdout


def test_status_without_a_lake_names_the_command_that_creates_one(
    settings: Settings, invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dagster as dg

    @dg.asset(key=["raw", "x"])
    def x() -> None: ...

    monkeypatch.setattr("lakehouse.definitions.defs", lambda: dg.Definitions(assets=[x]))
    result = invoke("status")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1] == "There is no lake yet; `lakehouse run` creates it."
    assert invoke("status", "--json").exit_code == 0
    assert not os.path.exists(settings.catalog.removeprefix("sqlite:"))


def test_explain_prints_a_plan_of_several_lines(lake: Lake, invoke) -> None:
    lake.snapshot()
    lake.close()
    shown = invoke("sql", "EXPLAIN SELECT 1").stdout.splitlines()
    assert len(shown) > 3
    assert shown[0].startswith("┌")
    assert "\\n" not in "".join(shown)
