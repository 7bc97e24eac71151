"""The wheel of this repository, and an environment in which it is installed."""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.project import PROJECT

OURS = ("LAKEHOUSE_", "DAGSTER_", "DBT_", "PYTHON")
"""Beginnings of variables that an empty environment does not have."""


def build_wheel(folder: Path) -> Path:
    """Build it, offline, from a copy: setuptools leaves files next to sources, and reads them."""
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT.root / name, source)
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PROJECT.root / "lakehouse", source / "lakehouse", ignore=without)
    _pip("wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", str(folder), str(source))
    (wheel,) = folder.glob("*.whl")
    return wheel


def make_environment(folder: Path, wheel: Path) -> Path:
    """A virtual environment with the wheel; return its folder of commands.

    It has the dependencies from the environment of the tests, whose folder of packages a `.pth`
    file appends to the path. The editable install there is not read: `.pth` files in such a folder
    do not count.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    _pip("--python", str(python), "install", "--no-deps", str(wheel))
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin"


def clean_environment(commands: Path) -> dict[str, str]:
    """The environment of a user who has only this one on the path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return {**kept, "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}"}


def call(
    words: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*words], cwd=folder, env={**environment}, capture_output=True, text=True, timeout=600
    )


def _pip(*words: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--no-input", *words, "--no-index"]
    subprocess.run(command, check=True, cwd="/", env={**clean_environment(Path(sys.prefix))})
