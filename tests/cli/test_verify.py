"""`lakehouse verify` exits with an error if something is damaged, and names it."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from lakehouse.cli import main
from lakehouse.lake import Author, Lake
from lakehouse.settings import Settings


def verify(settings: Settings, *options: str) -> Result:
    return CliRunner().invoke(main, ["verify", *options], env=settings.environment())


def test_a_missing_lake_is_an_error(settings: Settings) -> None:
    result = verify(settings)
    assert result.exit_code == 1
    assert "there is no lake" in result.output


def test_damage_is_named_and_ends_with_an_error(settings: Settings) -> None:
    with Lake(settings) as lake, lake.writer(Author("raw/t")) as cursor:
        cursor.execute("CREATE TABLE raw.t AS SELECT range AS i FROM range(1000)")
    intact = verify(settings, "--full")
    assert intact.exit_code == 0
    assert "1 files by hash: as they were written" in intact.output
    assert "not verified: the rest of the catalog" in intact.output
    file = next(Path(settings.storage).rglob("*.parquet"))
    content = bytearray(file.read_bytes())
    content[40] ^= 1
    file.write_bytes(content)
    fast = verify(settings)
    assert fast.exit_code == 0
    assert "`--full` reads it" in fast.output
    full = verify(settings, "--full", "--json")
    assert full.exit_code == 1
    (damage,) = json.loads(full.output)["damage"]
    assert damage["what"] == f"{file} (raw.t)"
