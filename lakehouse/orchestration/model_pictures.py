"""The pictures of a model version, drawn once, when it is new, and kept beside its artefact."""

from collections.abc import Callable
from typing import Any

import dagster as dg

from lakehouse.lake import Lake
from lakehouse.orchestration.metadata import picture
from lakehouse.registry import Version, list_versions
from lakehouse.training import ModelSpec, load_model


def pictures(spec: ModelSpec, lake: Lake, version: Version) -> dict[str, dg.MarkdownMetadataValue]:
    """What the UI shows of a version: how it does on its test period, and what it looks at.

    Raises:
        TrainingError: when the artefact or the pinned rows are gone, and nothing was drawn before.
    """
    folder = lake.settings.models_dir / version.artefact / "pictures"
    if not folder.exists():
        drawn = _draw(spec, lake, version)
        folder.mkdir()
        for name, png in drawn.items():
            (folder / f"{name}.png").write_bytes(png)
    return {
        f"picture/{p.stem}": picture(p.read_bytes(), p.stem) for p in sorted(folder.glob("*.png"))
    }


def _draw(spec: ModelSpec, lake: Lake, version: Version) -> dict[str, bytes]:
    from lakehouse.evaluation import plots
    from lakehouse.training.replay import replay

    card = load_model(lake.settings.models_dir, version.artefact, version.files).card
    rows, said = replay(spec, lake, version)
    drawn = {
        "importance": plots.importance_plot(card.importance),
        "metric_over_versions": _history(spec, lake),
    }
    by_task: dict[str, Callable[[], dict[str, Any]]] = {
        "binary": lambda: {
            "precision_recall": plots.precision_recall_plot(rows.label > 0, said, card.threshold),
            "scores": plots.score_histogram(rows.label > 0, said, card.threshold),
            "calibration": plots.calibration_plot(rows.label > 0, said),
        },
        "regression": lambda: {"forecast": plots.forecast_plot(rows.label, said)},
        "multiclass": lambda: {"confusion": plots.confusion_plot(rows.label, said, card.classes)},
    }
    return drawn | (by_task[spec.task]() if len(rows.label) else {})


def _history(spec: ModelSpec, lake: Lake) -> bytes:
    from lakehouse.evaluation.plots import metric_history_plot

    versions = list_versions(lake, spec.name)[::-1]
    return metric_history_plot(
        spec.primary_metric,
        [version.created_at for version in versions],
        [version.metrics.get("test", {}).get(spec.primary_metric) for version in versions],
        [version.version for version in versions],
    )
