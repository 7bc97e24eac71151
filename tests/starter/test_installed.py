"""A user's first steps: install the wheel, `lakehouse init`, and the commands of its README."""

import csv
import io
import json
import re
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.project import PROJECT
from tests.starter.wheel import call, clean_environment, make_environment

pytestmark = pytest.mark.slow  # builds an environment, trains a model, starts all of Dagster

PATIENCE = 300.0
HONEST = {
    "models/repeat_order": {"remarks"},
    "monitoring/repeat_order": {"calibration", "matured_performance", "rollback_ready"},
}
"""Checks that warn after a first run: labels have yet to settle, and there is no predecessor."""
LOCATIONS = """{ workspaceOrError { ... on Workspace { locationEntries { name
    locationOrLoadError { ... on PythonError { message }
        ... on RepositoryLocation { repositories { assetNodes { assetKey { path } } } } } } } } }"""


@dataclass(frozen=True)
class Shop:
    """A folder outside of the repository, and the environment of its user."""

    folder: Path
    environment: dict[str, str]

    def run(self, *words: str, within: str = "") -> str:
        """What a command prints; it must end well."""
        done = call(words, self.folder / within, self.environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def query(self, sql: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.run("lakehouse", "sql", "--csv", sql))))

    def status(self) -> dict[str, dict[str, object]]:
        assets = json.loads(self.run("lakehouse", "status", "--json"))["assets"]
        return {asset["asset"]: asset for asset in assets}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Shop:
    place = tmp_path_factory.mktemp("elsewhere")
    assert not place.is_relative_to(PROJECT.root)
    commands = make_environment(place / "environment", wheel)
    environment = clean_environment(commands)
    user = Shop(place, environment)
    installed = user.run("python", "-c", "import lakehouse; print(lakehouse.__file__)")
    assert Path(installed.strip()).is_relative_to(place / "environment")
    assert "Made the project shop" in user.run("lakehouse", "init", "shop")
    return Shop(place / "shop", environment)


@pytest.fixture(scope="module")
def first_run(shop: Shop) -> str:
    bring_up, _ = commands_of(shop.folder / "README.md")
    return shop.run(*bring_up)


def commands_of(readme: Path) -> list[list[str]]:
    """The commands of the first block."""
    block = re.findall(r"```\n(.*?)```", readme.read_text(), re.DOTALL)[0]
    return [shlex.split(line, comments=True) for line in block.splitlines()]


@contextmanager
def serving(shop: Shop, *words: str) -> Iterator[str]:
    """Start the UI on a free port; yield its address; stop it as ctrl-c does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [*words, "--port", str(port)],
        cwd=shop.folder,
        env=shop.environment,
        stdout=(shop.folder.parent / "dev.log").open("w"),
        stderr=subprocess.STDOUT,
    )
    try:
        yield f"http://127.0.0.1:{port}"
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()


def locations(address: str) -> list[dict[str, object]]:
    """The code locations, once the server answers and has loaded them."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            answer = requests.post(f"{address}/graphql", json={"query": LOCATIONS}, timeout=30)
            found: list[dict[str, object]]
            found = answer.json()["data"]["workspaceOrError"]["locationEntries"]
            if found and all(one["locationOrLoadError"] for one in found):
                return found
        except requests.RequestException:
            pass
        time.sleep(0.5)
    raise AssertionError("the UI did not load the project")


def test_the_readme_has_two_commands_that_bring_it_up(shop: Shop) -> None:
    assert commands_of(shop.folder / "README.md") == [["lakehouse", "run"], ["lakehouse", "dev"]]


def test_the_first_makes_every_table_a_model_predictions_and_monitoring(
    shop: Shop, first_run: str
) -> None:
    assert "0 steps failed" in first_run
    assert "0 failed" in first_run
    assets = shop.status()
    assert {*assets} == {
        *("project/declarations", "landing/orders", "raw/orders", "staging/stg_orders"),
        *("core/fct_orders", "features/customer_orders", "training/repeat_order"),
        *("models/repeat_order", "predictions/repeat_order", "monitoring/repeat_order"),
    }
    assert all(asset["materialized_at"] and not asset["error"] for asset in assets.values())
    assert not any(asset["checks_failed"] for asset in assets.values())
    warned = {
        name: {check["check"] for check in asset["checks_warned"]}  # type: ignore[attr-defined]
        for name, asset in assets.items()
        if asset["checks_warned"]
    }
    assert all(checks <= HONEST.get(name, set()) for name, checks in warned.items()), warned


def test_the_sample_reaches_predictions_row_by_row(shop: Shop, first_run: str) -> None:
    files = [*(shop.folder / "samples" / "orders").iterdir()]
    rows = sum(len(file.read_text().splitlines()) - 1 for file in files)
    for table in ("raw.orders", "core.fct_orders", "features.customer_orders"):
        assert shop.query(f"select count(*) as n from {table}") == [{"n": str(rows)}]
    (scored,) = shop.query(
        "select count(*) as n, count(distinct order_id) as orders, "
        "count(distinct score) as scores, min(event_time)::date as first "
        "from predictions.repeat_order"
    )
    assert scored["n"] == scored["orders"]
    assert int(scored["scores"]) > 100
    due = f"select count(*) as n from core.fct_orders where event_time >= '{scored['first']}'"
    assert shop.query(due) == [{"n": scored["n"]}]
    champions = shop.query("select version from registry.versions where state = 'champion'")
    assert len(champions) == 1
    findings = shop.query(
        "select distinct name from monitoring.findings where model = 'repeat_order'"
    )
    assert {"feature_drift", "score_drift", "volume"} <= {row["name"] for row in findings}


def test_the_second_shows_the_project_and_stops(shop: Shop, first_run: str) -> None:
    _, serve = commands_of(shop.folder / "README.md")
    with serving(shop, *serve) as address:
        (location,) = locations(address)
        assert location["name"] == "shop"
        loaded = location["locationOrLoadError"]
        assert "message" not in loaded, loaded  # type: ignore[operator]
        (repository,) = loaded["repositories"]  # type: ignore[index]
        shown = {"/".join(node["assetKey"]["path"]) for node in repository["assetNodes"]}
        assert {"raw/orders", "predictions/repeat_order"} <= shown
        page = requests.get(address, timeout=60)
        assert page.ok
        assert "dagster" in page.text.lower()


def test_a_second_run_changes_nothing_and_a_new_file_is_loaded(shop: Shop, first_run: str) -> None:
    assert "nothing was new" in shop.run("lakehouse", "run")
    newest = max((shop.folder / "samples" / "orders").iterdir())
    day = newest.stem.removeprefix("orders_")
    later = shop.query(f"select ('{day}'::date + 1)::varchar as day")[0]["day"]
    head = newest.read_text().splitlines()[0]
    text = f"{head}\n999999,1,{later}T10:00:00Z,12.50,1,web\n"
    (shop.folder / "samples" / "orders" / f"orders_{later}.csv").write_text(text)
    part = ("raw/orders", "staging/stg_orders", "core/fct_orders")
    shop.run("lakehouse", "run", *(word for name in part for word in ("--select", name)))
    assert shop.query("select amount from core.fct_orders where order_id = 999999") == [
        {"amount": "12.50"}
    ]


def test_its_own_tests_pass_and_dagsters_commands_accept_it(shop: Shop) -> None:
    user = Shop(shop.folder, {**shop.environment, "PYTHONPATH": "src"})
    assert "1 passed" in user.run("python", "-m", "pytest", "-p", "no:cacheprovider")
    dg = ("python", "-c", "from dagster_dg_cli.cli import main; main()")
    assert "validated successfully" in user.run(*dg, "check", "yaml")
    assert "loaded successfully" in user.run(*dg, "check", "defs")
    assert "predictions/repeat_order" in user.run(*dg, "list", "defs", "--json")
    assert "orchestration.components.Source" in user.run(*dg, "list", "components", "--json")
    user.run("python", "-m", "dagster", "definitions", "validate")
