"""The wheel carries the whole engine and nothing of this repository's project."""

import configparser
import zipfile
from pathlib import Path

import pytest

from tests.project import PROJECT

pytestmark = pytest.mark.slow


def test_every_file_of_the_package_is_in_the_wheel_but_the_declarations_of_this_repository(
    wheel: Path,
) -> None:
    with zipfile.ZipFile(wheel) as opened:
        inside = {name for name in opened.namelist() if ".dist-info/" not in name}
    package = PROJECT.root / "lakehouse"
    there = {
        path.relative_to(PROJECT.root).as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in there if name.startswith("lakehouse/defs/")}
    assert inside == {name for name in there if not name.startswith("lakehouse/defs/")}


def test_dagster_finds_the_component_types_by_an_entry_point(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        (name,) = (n for n in opened.namelist() if n.endswith(".dist-info/entry_points.txt"))
        found = configparser.ConfigParser()
        found.read_string(opened.read(name).decode())
    assert dict(found["dagster_dg_cli.registry_modules"]) == {
        "lakehouse": "lakehouse.orchestration.components"
    }


def test_the_embedded_world_is_an_extra(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        (name,) = (n for n in opened.namelist() if n.endswith(".dist-info/METADATA"))
        needed = [line for line in opened.read(name).decode().splitlines() if "faker" in line]
    assert needed
    assert all("extra ==" in line for line in needed)
