"""The installed command in a separate process."""

import subprocess
import sys
from pathlib import Path

import pytest

START = "import atexit, lakehouse.cli; atexit.register(print, 'the end'); lakehouse.cli.start()"


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (["--version"], 0, ", version "),
        (["sql", "select 1"], 1, "there is no lake"),
        (["nonsense"], 2, "No such command 'nonsense'"),
    ],
)
def test_a_command_ends_with_its_status_after_all_its_output(
    arguments: list[str], status: int, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEHOUSE_DATA_DIR", str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", START, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == status
    assert text in done.stdout + done.stderr
    assert done.stdout.endswith("the end\n")


def test_a_file_that_is_still_open_is_flushed(tmp_path: Path) -> None:
    opened = "import sys, lakehouse.cli; file = open(sys.argv.pop(), 'w'); file.write('x'); "
    script = f"{opened}lakehouse.cli.start()"
    path = tmp_path / "file"
    subprocess.run([sys.executable, "-c", script, "--version", path], check=True)
    assert path.read_text() == "x"
