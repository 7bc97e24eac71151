"""The guide on bringing data, followed literally: a domain next to that of a new project."""

import csv
import os
import random
import re
import shlex
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from lakehouse.lake import Lake
from lakehouse.settings import load_settings
from tests.project import PROJECT

pytestmark = pytest.mark.slow


GUIDE = PROJECT.root / "docs" / "guides" / "bring-your-own-data.md"


def commands() -> list[str]:
    """The lines of the guide's shell blocks, in their order."""
    blocks = re.findall(r"```bash\n(.*?)```", GUIDE.read_text(), flags=re.S)
    return [line for block in blocks for line in block.splitlines()]


def call(folder: Path, home: Path, line: str) -> str:
    """Run a line of the guide; a person's home folder is `home`."""
    program, *words = shlex.split(line.replace("~/", f"{home}/"))
    assert program == "lakehouse"
    done = subprocess.run(
        [sys.executable, "-c", "from lakehouse.cli import start; start()", *words],
        cwd=folder,
        env={**os.environ, "HOME": str(home), "PYTHONPATH": str(PROJECT.root)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def files_of(root: Path) -> dict[Path, bytes]:
    """Every file of a project but those in `data/`."""
    files = (path for path in root.rglob("*") if path.is_file())
    inside = (path for path in files if path.relative_to(root).parts[0] != "data")
    return {path: path.read_bytes() for path in inside if "__pycache__" not in path.parts}


def write_sales(path: Path) -> None:
    """A file in which what is returned depends on the channel."""
    chance = random.Random(1)
    moment = datetime(2026, 1, 1)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["OrderID", "Kunden Nr", "Ordered At", "Amount", "Channel", "is_returned"])
        for number in range(5_000):
            moment += timedelta(minutes=chance.randint(1, 50))
            channel = chance.choice(["web", "shop", "app"])
            returned = chance.random() < (0.6 if channel == "web" else 0.05)
            amount = f"{chance.expovariate(0.02):.2f}"
            customer = f"{chance.randint(1, 200):05d}"
            writer.writerow([number, customer, moment, amount, channel, str(returned).lower()])


def test_the_guide_leads_from_a_file_to_predictions_and_changes_no_file_of_another_domain(
    tmp_path: Path,
) -> None:
    write_sales(tmp_path / "sales.csv")
    folder, before, printed = tmp_path, dict[Path, bytes](), dict[str, str]()
    for line in commands():
        if line.startswith("cd "):
            folder = folder / line.removeprefix("cd ")
            before = files_of(folder)
            continue
        printed[line] = call(folder, tmp_path, line)
    with (
        Lake(load_settings({}, project_dir=folder), read_only=True) as lake,
        lake.reader() as cursor,
    ):
        counts = cursor.execute(
            "SELECT (SELECT count(*) FROM raw.sales), (SELECT count(*) FROM core.fct_sales), "
            "(SELECT count(*) FROM features.customer_sales), "
            "(SELECT count(*) > 0 FROM predictions.returns), "
            "(SELECT count(*) > 0 FROM predictions.repeat_order)"
        ).fetchone()
    assert counts == (5_000, 5_000, 5_000, True, True)
    after = files_of(folder)
    assert {path: after.get(path) for path in before} == before
    assert all("sales" in path.relative_to(folder).parts for path in after.keys() - before.keys())
    assert "nothing is left out" in printed["lakehouse check"]
    assert "0 failed" in printed["lakehouse run"]
