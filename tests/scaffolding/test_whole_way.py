"""A domain that is made by the commands alone, in a project of its own: from a file to scores."""

import csv
import random
import shutil
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from lakehouse.lake import Lake
from lakehouse.settings import load_settings
from tests.project import PROJECT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project without domains, laid out as this one."""
    root = tmp_path_factory.mktemp("made")
    (root / "defs").mkdir()
    (root / "dbt_project" / "models").mkdir(parents=True)
    (root / "pyproject.toml").write_text('[project]\nname = "made"\n[tool.lakehouse]\n')
    shutil.copy(PROJECT.dagster_yaml, root)
    for name in ("profiles.yml", "macros/lakehouse.sql"):
        (root / "dbt_project" / name).parent.mkdir(exist_ok=True)
        shutil.copy(PROJECT.dbt_dir / name, root / "dbt_project" / name)
    project = (PROJECT.dbt_dir / "dbt_project.yml").read_text()
    lines = [line for line in project.splitlines() if "payments" not in line]
    text = "\n".join(lines).replace("test-paths: [tests]", "")
    (root / "dbt_project" / "dbt_project.yml").write_text(text + "\n")
    return root


def lakehouse(root: Path, *words: str, fails: bool = False) -> str:
    start = "from lakehouse.cli import start; start()"
    done = subprocess.run(
        [sys.executable, "-c", start, *words], cwd=root, capture_output=True, text=True
    )
    assert (done.returncode != 0) is fails, done.stdout + done.stderr
    return done.stdout + done.stderr


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


def test_a_domain_made_by_commands_loads_trains_and_scores(root: Path, tmp_path: Path) -> None:
    outside = {one: one.read_bytes() for one in root.rglob("*") if one.is_file()}
    file = tmp_path / "sales.csv"
    write_sales(file)
    lakehouse(root, "new", "domain", "shop")
    lakehouse(root, "new", "source", "sales", "--from", str(file))
    lakehouse(root, "new", "table", "fct_sales", "--of", "stg_sales")
    lakehouse(
        root,
        *("new", "feature-set", "customer_sales", "--of", "fct_sales", "--entity", "kunden_nr"),
        *("--row", "channel,amount_cents"),
    )
    lakehouse(root, "run", "--select", "raw/sales+")
    label = ("--spine", "fct_sales", "--label", "is_returned")
    said = lakehouse(root, "new", "model", "returns", *label)
    assert "validation and test are 10 days" in said or "14 days" in said
    assert "nothing is left out" in lakehouse(root, "check")
    lakehouse(root, "run")
    with Lake(load_settings({}, project_dir=root), read_only=True) as lake, lake.reader() as cursor:
        counts = cursor.execute(
            "SELECT (SELECT count(*) FROM raw.sales), (SELECT count(*) FROM core.fct_sales), "
            "(SELECT count(*) FROM features.customer_sales), "
            "(SELECT count(*) > 0 FROM predictions.returns)"
        ).fetchone()
    assert counts == (5_000, 5_000, 5_000, True)
    assert all(one.read_bytes() == before for one, before in outside.items())
    again = lakehouse(root, "new", "table", "fct_sales", "--of", "stg_sales", fails=True)
    assert "there is a table core.fct_sales; names are unique" in again
