"""The pictures of a version, by name; the report and the UI use the same ones."""

from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from lakehouse.evaluation import plots
from lakehouse.evaluation.metrics import find_metric
from lakehouse.evaluation.plots import Picture
from lakehouse.evaluation.report.formatting import metric_name
from lakehouse.evaluation.report.review_sections import capacity_pictures
from lakehouse.evaluation.report.sections import fairness_picture, segments_pictures, weeks_picture
from lakehouse.models.tasks import Outcome
from lakehouse.training.report.gathering import ReportData
from lakehouse.training.report.insight import Insight

_VERSIONS_SHOWN = 12


def draw(gathered: ReportData, insight: Insight) -> dict[str, Picture]:
    """Every picture that has data."""
    pictures = {
        **outcome_pictures(gathered),
        **insight_pictures(gathered, insight),
        **history_pictures(gathered),
    }
    figures, metric = gathered.evaluation, gathered.spec.primary_metric
    pictures |= capacity_pictures(figures.review.capacity)
    weeks = weeks_picture(
        figures, metric, _rows_by_week(gathered), gathered.pinned.split.test_from.date()
    )
    if weeks:
        pictures["weeks"] = weeks
    for column, picture in segments_pictures(figures, metric).items():
        pictures[f"segments_{column}"] = picture
    for result in figures.fairness:
        if result.groups:
            pictures[f"fairness_{result.column}"] = fairness_picture(result)
    return pictures


def outcome_pictures(gathered: ReportData) -> dict[str, Picture]:
    """The version's performance on its test rows; empty without rows."""
    rows, prediction, card = gathered.rows, gathered.prediction, gathered.model.card
    if not len(rows.label):
        return {}
    scores = _scores(gathered)
    return card.task.pictures(
        Outcome(rows.label, prediction, card.threshold, card.classes, scores, gathered.unit)
    )


def insight_pictures(gathered: ReportData, insight: Insight) -> dict[str, Picture]:
    """Feature importance and SHAP values."""
    pictures = {
        "importance": plots.importance_plot(gathered.model.card.importance, _fitted_rows(gathered))
    }
    if len(gathered.rows.label):
        pictures["shap"] = plots.shap_plot(insight.summary)
    return pictures


def history_pictures(gathered: ReportData) -> dict[str, Picture]:
    """The search for parameters, and the metric over versions."""
    spec, versions, pictures = gathered.spec, gathered.versions[-_VERSIONS_SHOWN:], {}
    metric = spec.primary_metric
    if len(versions) > 1:
        pictures["metric_over_versions"] = plots.metric_history_plot(
            metric_name(metric),
            [version.created_at for version in versions],
            [version.metrics.get("test", {}).get(metric) for version in versions],
            [version.version.partition("-")[0] for version in versions],
            [version.metrics.get("test", {}).get("rows") for version in versions],
        )
    if gathered.trials:
        searched_metric = spec.search.metric if spec.search and spec.search.metric else metric
        pictures["search"] = plots.search_plot(
            metric_name(searched_metric),
            [trial.number for trial in gathered.trials],
            [trial.value for trial in gathered.trials],
            [trial.state.lower() == "complete" for trial in gathered.trials],
            lower_is_better=find_metric(searched_metric).lower_is_better,
        )
    return pictures


def _fitted_rows(gathered: ReportData) -> int:
    """Rows that the trees were fitted on; for old versions, the pinned training rows."""
    used = [one.used for one in gathered.evaluation.rows if one.period == "train"]
    return sum(used or [one.rows for one in gathered.periods if one.period == "train"])


def _scores(gathered: ReportData) -> dict[str, npt.NDArray[np.float64]]:
    """Scores as used, and also without the calibrator if there is one."""
    if gathered.model.card.calibration is None:
        return {"as used": gathered.prediction}
    return {
        "calibrated, as used": gathered.prediction,
        "without calibrator": gathered.uncalibrated,
    }


def _rows_by_week(gathered: ReportData) -> dict[date, int]:
    """Rows of the weeks in the evaluation, by their first day."""
    counts = gathered.rows_by_day
    return {
        week.start: sum(counts.get(week.start + timedelta(days=i), 0) for i in range(7))
        for week in gathered.evaluation.by_week
    }


def pick(pictures: Mapping[str, Picture], *names: str) -> tuple[Picture, ...]:
    """Those of `names` that exist, in this order."""
    return tuple(pictures[name] for name in names if name in pictures)


def pictures_of(pictures: Mapping[str, Picture], of: str) -> tuple[Picture, ...]:
    """All pictures of kind `of` ("segments" or "fairness"), one for each column."""
    return tuple(picture for name, picture in pictures.items() if name.startswith(f"{of}_"))
