"""A project with a mistake in its YAML, as our commands and Dagster's report it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lakehouse.settings import PROJECT_ROOT

SET = "payments/feature_sets/terminal_risk"
MODEL = "payments/models/fraud_detector"
REFUSED = "op: last, value: is_fraud", "op: avg, value: is_fraud"
Change = tuple[str, str, str]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, new_data_dir: Callable[[], Path]) -> Path:
    folder = tmp_path_factory.mktemp("project")
    for name in ("lakehouse", "dbt_project"):
        shutil.copytree(PROJECT_ROOT / name, folder / name, ignore=lambda *_: ["target", "logs"])
    for name in ("pyproject.toml", "workspace.yaml", "dagster.yaml"):
        shutil.copy(PROJECT_ROOT / name, folder)
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


@pytest.mark.parametrize("words", [("run",), ("models", "promote", "x", "v1", "--why", "y")])
def test_a_command_ends_with_one_sentence_for_each_mistake(
    project: Path, words: tuple[str, ...]
) -> None:
    changes = (MODEL, "rounds: 150", "round: 150"), (MODEL, "rule: shadow", "rule: shade")
    with broken(project, *changes) as places:
        done = lakehouse(project, *words)
    told = [line.removeprefix("error:").strip() for line in done.stderr.splitlines()]
    assert (done.returncode, done.stdout) == (1, "")
    assert told == [
        f"{places[0]}round: there is no such field; did you mean rounds?",
        f"{places[1]}promotion.rule: \"shade\" is not one of 'better', 'shadow' or 'manual'; did "
        "you mean shadow?",
    ]


def test_a_run_names_what_nothing_makes_and_what_no_set_has(project: Path) -> None:
    with broken(project, (SET, "reports: core.fct_reports", "reports: core.fct_report")) as places:
        unknown = lakehouse(project, "run")
    assert unknown.stderr == (
        f"error: {places[0]}streams.reports: features/terminal_risk reads core/fct_report, which "
        "no asset produces; did you mean core/fct_reports?\n"
    )
    with broken(project, (MODEL, "rounds: 150", "exclude: [since_reprt]")) as places:
        absent = lakehouse(project, "run")
    assert absent.stderr == (
        f"error: {places[0]}exclude.0: model fraud_detector has no feature since_reprt; did you "
        "mean since_report?\n"
    )


def test_dagster_shows_the_sentence_and_not_how_it_was_found(project: Path) -> None:
    bin_dir = Path(sys.executable).parent
    with broken(project, (SET, *REFUSED)) as places:
        done = call(project, str(bin_dir / "dagster"), "definitions", "validate")
    shown = done.stdout + done.stderr
    assert done.returncode != 0
    assert shown.count(f"{places[0]}aggregates.last.op: op avg is refused") == 1
    assert "pydantic" not in shown
    assert len(re.findall(r'File ".*', shown)) <= 2, shown


def test_dg_checks_our_yaml_by_its_schema(project: Path) -> None:
    dg = str(Path(sys.executable).parent / "dg")
    good = call(project, dg, "check", "yaml")
    assert "validated successfully" in good.stdout, good
    with broken(project, (MODEL, "rounds: 150", "round: 150")):
        bad = call(project, dg, "check", "yaml")
    assert "fraud_detector" in bad.stdout
    assert "'round' was unexpected" in bad.stdout
