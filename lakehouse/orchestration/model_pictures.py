"""The UI's view of a model version, created once and stored with its artefact.

The full report is a page of its own; this is its summary and a few plots.
"""

from pathlib import Path

import dagster as dg

from lakehouse.lake import Lake
from lakehouse.models import ModelSpec
from lakehouse.orchestration.metadata import picture
from lakehouse.registry import Version

SHOWN_PLOTS = frozenset(
    {"precision_recall", "calibration", "forecast", "confusion", "metric_over_versions", "search"}
)
"""Each picture is a row of its own in the UI, and a part of the event log."""


def presentation(spec: ModelSpec, lake: Lake, version: Version) -> dict[str, dg.MetadataValue]:
    """The report's path and summary, and pictures.

    Raises:
        TrainingError: when the artefact or the pinned rows are gone, and nothing was made before.
    """
    folder = lake.settings.models_dir / version.artefact
    pictures, summary = folder / "pictures", folder / "summary.md"
    if not summary.exists():
        _create(spec, lake, version, pictures)
    return {
        "report": dg.MetadataValue.path(str(folder / "report.html")),
        "summary": dg.MetadataValue.md(summary.read_text()),
        **{
            f"picture/{p.stem}": picture(p.read_bytes(), p.stem)
            for p in sorted(pictures.glob("*.png"))
        },
    }


def _create(spec: ModelSpec, lake: Lake, version: Version, pictures: Path) -> None:
    """Write the summary last: it marks the pictures as complete."""
    from lakehouse.training.report import draw_report, gather, report_summary

    gathered = gather(spec, lake, version)
    _, drawn = draw_report(lake, gathered)
    pictures.mkdir(exist_ok=True)
    for name in SHOWN_PLOTS & drawn.keys():
        (pictures / f"{name}.png").write_bytes(drawn[name].png())
    (pictures.parent / "summary.md").write_text(report_summary(spec, lake, version, gathered))
