"""A project of its own, without domains, and samples of generated files."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from lakehouse.project import Project, read_project
from lakehouse.scaffolding.samples import Sample, read_sample
from tests.sources.conftest import harness

__all__ = ["harness"]
LONGEST = 1_000_000


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = tmp_path / "project"
    (root / "defs").mkdir(parents=True)
    (root / "dbt_project" / "models").mkdir(parents=True)
    (root / "pyproject.toml").write_text('[project]\nname = "mine"\n[tool.lakehouse]\n')
    return read_project(root)


@pytest.fixture
def sample_of(tmp_path: Path) -> Callable[..., Sample]:
    """A sample of texts: one file's content, or several by name."""

    def make(content: str | bytes | Mapping[str, str | bytes], name: str = "rows.csv") -> Sample:
        files = content if isinstance(content, Mapping) else {name: content}
        folder = tmp_path / "files"
        paths: Sequence[tuple[Path, str]] = [(folder / one, one) for one in sorted(files)]
        for path, one in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            text = files[one]
            path.write_bytes(text.encode() if isinstance(text, str) else text)
        return read_sample(paths, LONGEST)

    return make
