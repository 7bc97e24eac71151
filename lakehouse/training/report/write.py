"""Write a version's report next to its artefact: atomically, and the same bytes each time."""

import os
import tempfile
from pathlib import Path

from lakehouse.evaluation.plots import Picture
from lakehouse.evaluation.report import render
from lakehouse.lake import Lake
from lakehouse.models.spec import ModelSpec
from lakehouse.registry import Version
from lakehouse.training.report.gathering import ReportData, gather
from lakehouse.training.report.insight import Insight
from lakehouse.training.report.pictures import draw
from lakehouse.training.report.sections import page

REPORT = "report.html"


def write_report(spec: ModelSpec, lake: Lake, version: Version) -> Path:
    """Write `<models_dir>/<artefact>/report.html` from the current state; returns its path.

    The page contains no time of writing: it changes only if the version's state, its verdicts or
    the texts of the declaration do.

    Raises:
        BadArtefact, TrainingError: when the artefact or the pinned rows no longer exist.
    """
    return draw_report(lake, gather(spec, lake, version))[0]


def draw_report(lake: Lake, gathered: ReportData) -> tuple[Path, dict[str, Picture]]:
    """Write the report from gathered data; returns its path, and its pictures by name."""
    insight = Insight(gathered)
    pictures = draw(gathered, insight)
    path = lake.settings.models_dir / gathered.version.artefact / REPORT
    _replace(path, render(page(gathered, insight, pictures)).encode())
    return path, pictures


def _replace(path: Path, content: bytes) -> None:
    """Replace the file atomically: a crash leaves either the old or the new content."""
    if path.exists() and path.read_bytes() == content:
        return
    handle, temporary = tempfile.mkstemp(prefix=".unfinished-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
