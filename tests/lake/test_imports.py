"""The modules that an import of the lake, or of dbt's plugin, loads."""

import subprocess
import sys

import pytest

HEAVY = {"dagster", "dbt", "lightgbm", "matplotlib", "pandas", "sklearn"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "allowed"),
    [("lakehouse.lake", set()), ("lakehouse.orchestration.dbt.plugin", {"dbt"})],
)
def test_the_lake_imports_no_heavy_library(module: str, allowed: set[str]) -> None:
    code = f"import sys, {module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert HEAVY & set(done.stdout.split()) == allowed
