"""Help is quick: it imports neither the engine nor its libraries."""

import subprocess
import sys

import pytest

LIBRARIES = ("dagster", "dbt", "duckdb", "lightgbm", "numpy", "pandas", "pyarrow", "pydantic")
PRINT_IMPORTED = (
    "import atexit, sys; from lakehouse.cli import start; "
    "atexit.register(lambda: print('imported:', *{n.partition('.')[0] for n in sys.modules})); "
    "start()"
)


@pytest.mark.parametrize("arguments", [["--help"], ["models", "--help"], ["run", "--help"]])
def test_help_imports_no_heavy_library(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PRINT_IMPORTED, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    imported = done.stdout.splitlines()[-1].removeprefix("imported: ").split()
    assert "click" in imported
    assert not {*LIBRARIES} & {*imported}


def test_completion_offers_commands_and_options() -> None:
    for words, offered in (
        ("lakehouse mod", "models"),
        ("lakehouse models promote --sh", "--shadow"),
    ):
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                "import sys; sys.argv[0] = 'lakehouse'; from lakehouse.cli import start; start()",
            ],
            env={
                "_LAKEHOUSE_COMPLETE": "bash_complete",
                "COMP_WORDS": words,
                "COMP_CWORD": str(len(words.split()) - 1),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert f"plain,{offered}" in done.stdout, done.stderr
