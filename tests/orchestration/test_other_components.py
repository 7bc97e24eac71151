"""Components of other packages: a mistake is one sentence, where Dagster prints many lines."""

from pathlib import Path

import pytest

from lakehouse.declarations.document import SpecError, read_yaml
from lakehouse.orchestration.components.others import check_component

SCRIPT = "type: dagster.PythonScriptComponent\nattributes:\n  execution: {path: x.py}\n"


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("dagster.Python", "nowhere.Python", 1, "there is no component nowhere.PythonScript"),
        ("PythonScript", "PythonScrpt", 1, "there is no component dagster.PythonScrptComponent"),
        ("PythonScriptComponent", "AssetKey", 1, "dagster.AssetKey is not a Dagster component"),
        ("execution", "exection", 3, "exection: there is no such field; did you mean execution"),
    ],
)
def test_a_mistake_is_reported_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, message: str
) -> None:
    path = tmp_path / "defs.yaml"
    path.write_text(SCRIPT.replace(old, new))
    with pytest.raises(SpecError, match=rf"defs.yaml, line {line}: .*{message}") as refused:
        check_component(read_yaml(path))
    assert len(str(refused.value).splitlines()) == 1


def test_a_valid_component_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "defs.yaml"
    path.write_text(SCRIPT)
    check_component(read_yaml(path))
