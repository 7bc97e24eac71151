"""A project with a mistake in its YAML, as our commands and Dagster's report it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.project import PROJECT

pytestmark = pytest.mark.slow

SET = "payments/feature_sets/terminal_risk"
MODEL = "payments/models/fraud_detector"
REFUSED = "op: last, value: is_fraud", "op: avg, value: is_fraud"
Change = tuple[str, str, str]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, new_data_dir: Callable[[], Path]) -> Path:
    folder = tmp_path_factory.mktemp("project")
    for name in ("lakehouse", "dbt_project"):
        shutil.copytree(PROJECT.root / name, folder / name, ignore=lambda *_: ["target", "logs"])
    for name in ("pyproject.toml", "workspace.yaml", "dagster.yaml"):
        shutil.copy(PROJECT.root / name, folder)
    (folder / "data").symlink_to(new_data_dir())
    return folder


@contextmanager
def broken(project: Path, *changes: Change) -> Iterator[list[str]]:
    """Replace `old` by `new` in the project's declarations; yield each change's location."""
    texts = {project / "lakehouse/defs" / name / "defs.yaml": "" for name, _, _ in changes}
    texts = {path: path.read_text() for path in texts}
    places = []
    for name, old, new in changes:
        path = project / "lakehouse/defs" / name / "defs.yaml"
        before, found, after = path.read_text().partition(old)
        assert found
        path.write_text(f"{before}{new}{after}")
        places.append(f"{path}, line {before.count(chr(10)) + 1}: ")
    try:
        yield places
    finally:
        for path, text in texts.items():
            path.write_text(text)


def call(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(project),
        "LAKEHOUSE_DATA_DIR": str(project / "data"),
        "DAGSTER_HOME": str(project / "data"),
    }
    return subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, timeout=300
    )


def lakehouse(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return call(project, sys.executable, "-c", "from lakehouse.cli import start; start()", *words)


@pytest.mark.parametrize(
    "words", [("check",), ("models", "promote", "fraud_detector", "v1", "--why", "y")]
)
def test_a_command_prints_one_sentence_for_each_mistake(
    project: Path, words: tuple[str, ...]
) -> None:
    changes = (MODEL, "rounds: 150", "round: 150"), (MODEL, "rule: shadow", "rule: shade")
    with broken(project, *changes) as places:
        done = lakehouse(project, *words)
    errors = [line.removeprefix("error:").strip() for line in done.stderr.splitlines()]
    assert (done.returncode, done.stdout) == (1, "")
    assert errors == [
        f"{places[0]}round: there is no such field; did you mean rounds?",
        f"{places[1]}promotion.rule: \"shade\" is not one of 'better', 'shadow' or 'manual'; did "
        "you mean shadow?",
    ]


def test_check_names_an_unknown_table_and_an_unknown_feature(project: Path) -> None:
    with broken(project, (SET, "reports: core.fct_reports", "reports: core.fct_report")) as places:
        unknown = lakehouse(project, "check")
    assert unknown.stderr.splitlines()[0] == (
        f"error: {places[0]}streams.reports: features/terminal_risk reads core/fct_report, which "
        "no asset produces; did you mean core/fct_reports?"
    )
    with broken(project, (MODEL, "rounds: 150", "exclude: [since_reprt]")) as places:
        absent = lakehouse(project, "check")
    assert absent.stderr == (
        f"error: {places[0]}exclude.0: model fraud_detector has no feature since_reprt; did you "
        "mean since_report?\n"
    )


def test_what_reads_the_tables_of_a_broken_file_is_left_out_with_it_and_nothing_else(
    project: Path,
) -> None:
    script = (
        "from lakehouse.definitions import defs\n"
        "for key in defs().resolve_asset_graph().materializable_asset_keys:\n"
        "    print('/'.join(key.path))"
    )
    before = call(project, sys.executable, "-c", script).stdout.split()
    with broken(project, (SET, *REFUSED)) as places:
        after = call(project, sys.executable, "-c", script)
    lost = {*before} - {*after.stdout.split()}
    layers, models = (
        ("training", "models", "predictions", "monitoring"),
        (
            "fraud_detector",
            "fraud_scenario",
        ),
    )
    readers = {f"{layer}/{name}" for layer in layers for name in models}
    assert lost == {"features/terminal_risk", *readers}
    first, *others = after.stderr.splitlines()
    assert first.startswith(f"left out: {places[0]}aggregates.last.op: op avg is refused")
    file = places[0].partition(", line")[0]
    assert len(others) == 2
    assert all(
        f"features/terminal_risk, which no asset produces; correct {file}" in o for o in others
    )


def test_what_is_left_out_is_a_failing_check_and_the_run_fails(project: Path) -> None:
    with broken(project, (SET, *REFUSED)) as places:
        done = lakehouse(project, "run", "--select", "project/declarations")
    printed = " ".join(done.stdout.split())
    assert done.returncode == 1
    assert "check all_are_loaded: Left out: payments_feature_sets_terminal_risk" in printed
    assert f"check payments_feature_sets_terminal_risk: {places[0]}" in printed


def test_dagster_shows_the_sentence_without_a_traceback(project: Path) -> None:
    bin_dir = Path(sys.executable).parent
    with broken(project, (SET, *REFUSED)) as places:
        done = call(project, str(bin_dir / "dagster"), "definitions", "validate")
    shown = done.stdout + done.stderr
    assert f"{places[0]}aggregates.last.op: op avg is refused" in shown
    assert "pydantic" not in shown
    assert "Traceback" not in shown


def check_with_model(project: Path, file: str, sql: str) -> subprocess.CompletedProcess[str]:
    """What `lakehouse check` prints while a domain `shop` has this dbt model alone."""
    shop = project / "dbt_project" / "models" / "shop"
    (shop / file).parent.mkdir(parents=True)
    (shop / file).write_text(sql)
    try:
        return lakehouse(project, "check")
    finally:
        shutil.rmtree(shop)


def test_a_dbt_model_that_does_not_parse_takes_its_domain_out_and_is_named(project: Path) -> None:
    done = check_with_model(project, "core/orders.sql", "select * from {{ ref('nowhere') }}")
    assert done.returncode == 1
    assert "models/shop/core/orders.sql" in done.stderr
    assert "nowhere" in done.stderr
    assert "payments" not in done.stderr


def test_a_model_in_a_folder_that_is_no_layer_is_named_and_stops_nothing(project: Path) -> None:
    sql = "{{ config(contract={'enforced': false}) }} select 1 as n"
    done = check_with_model(project, "marts/orders.sql", sql)
    assert done.returncode == 1
    assert done.stderr == (
        "error: models/shop/marts/orders.sql: its layer is marts, and dbt builds staging, core, "
        "reporting; move it to models/<domain>/<layer>/\n"
    )


def test_dg_checks_our_yaml_by_its_schema(project: Path) -> None:
    dg = str(Path(sys.executable).parent / "dg")
    good = call(project, dg, "check", "yaml")
    assert "validated successfully" in good.stdout, good
    with broken(project, (MODEL, "rounds: 150", "round: 150")):
        bad = call(project, dg, "check", "yaml")
    assert "fraud_detector" in bad.stdout
    assert "'round' was unexpected" in bad.stdout
