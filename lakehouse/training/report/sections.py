"""The page of a version: its list of sections, and those that need more than an evaluation."""

from collections.abc import Mapping, Sequence

from lakehouse.evaluation.plots import Picture
from lakehouse.evaluation.report import Block, Facts, Figure, Page, Section, Text
from lakehouse.evaluation.report import review_sections as review
from lakehouse.evaluation.report import sections as shared
from lakehouse.evaluation.report.formatting import NOT_AVAILABLE, day, moment
from lakehouse.training.report.choosing import choosing_section
from lakehouse.training.report.data import data_section
from lakehouse.training.report.explaining import explanation
from lakehouse.training.report.gathering import ReportData
from lakehouse.training.report.insight import Insight
from lakehouse.training.report.pictures import pick, pictures_of
from lakehouse.training.report.provenance import decisions, lineage
from lakehouse.training.report.verdicts import badges


def page(gathered: ReportData, insight: Insight, pictures: Mapping[str, Picture]) -> Page:
    """Everything known about a version, for people; missing information is marked as missing."""
    spec, version, figures = gathered.spec, gathered.version, gathered.evaluation
    metric = spec.primary_metric
    test = pick(
        pictures, "precision_recall", "roc", "calibration", "scores", "forecast", "errors",
        "confusion",
    )  # fmt: skip
    performance: list[Block] = [
        shared.metrics_table(figures.metrics, figures.intervals, metric),
        *shared.calibration_facts(figures),
        Figure(test) if test else Text("There are no test rows to draw."),
    ]
    if figures.intervals:
        by = ", ".join(figures.clustered_by) or "single rows"
        performance.insert(1, Text(f"Intervals: 95 %, {figures.repeats} resamples of {by}."))
    fair: list[tuple[str, Sequence[Block]]] = []
    if spec.task.decides:
        groups = shared.fairness(figures.fairness, pictures_of(pictures, "fairness"))
        fair = [("Fairness", [*groups, *review.proxies(figures.review.proxies)])]
    parts: list[tuple[str, Sequence[Block]]] = [
        *([("Remarks", review.remarks_section(figures))] if gathered.is_evaluated else []),
        ("Intended use and limits", _model_card(gathered)),
        ("Performance", performance),
        ("Comparisons", shared.comparisons(figures.comparisons)),
        *_risks(gathered, pick(pictures, "capacity", "net_value")),
        ("Over time", _over_time(gathered, pick(pictures, "weeks", "metric_over_versions"))),
        ("Segments", shared.segments(figures, pictures_of(pictures, "segments"))),
        *fair,
        ("Leakage and overfitting", shared.probes(figures.probes, figures.overfitting_gap)),
        ("Explanations", explanation(insight, pick(pictures, "shap", "importance"))),
        ("Data", data_section(gathered)),
        ("Model selection", choosing_section(gathered, pick(pictures, "search"))),
        ("Decisions", decisions(gathered)),
        ("Lineage and hashes", lineage(gathered)),
    ]
    return Page(
        title=spec.name,
        subtitle=version.version,
        intro=spec.description.strip(),
        badges=badges(gathered),
        facts=Facts(
            (
                ("Task", spec.task.name),
                ("Owner", ", ".join(spec.owners) or NOT_AVAILABLE),
                ("Created", moment(version.created_at)),
                ("Use until", day(gathered.expires)),
            )
        ),
        sections=tuple(Section(title, tuple(blocks)) for title, blocks in parts),
    )


def _risks(
    gathered: ReportData, pictures: tuple[Picture, ...]
) -> list[tuple[str, Sequence[Block]]]:
    """The sections of the model-risk review that apply to the task."""
    figures = gathered.evaluation
    found = figures.review
    parts: list[tuple[str, Sequence[Block]]] = [
        ("Stability", review.stability(figures)),
        ("Stress", review.stress(figures)),
    ]
    if not gathered.spec.task.decides:
        return parts
    at_capacity = ("Capacity and cost", review.capacity(found.capacity, pictures))
    return [at_capacity, *parts, ("Label errors", review.labels(found.labels))]


def _model_card(gathered: ReportData) -> list[Block]:
    spec = gathered.spec
    card = spec.model_card
    blocks: list[Block] = [
        Text(card.intended_use or "The declaration does not state the intended use of this model."),
        Text(f"Limits: {card.limits}" if card.limits else "The declaration states no limits."),
    ]
    facts = []
    if spec.capacity is not None:
        unit = spec.capacity.unit.removesuffix("_id").replace("_", " ") or "row"
        known = ", without those that have a known positive" if spec.capacity.known_removed else ""
        rate = f"{spec.capacity.alerts:,} alerts {spec.capacity.period.rate}"
        facts.append(("Capacity", f"{rate}, counted by {unit}{known}"))
    if spec.task.decides:
        mode = (
            "Alert only: nothing is stopped, so alerts do not change labels"
            if spec.actions.mode == "alert_only"
            else f"Flagged rows are stopped; a random {spec.actions.control:.1%} of them is let "
            "through, so that labels stay unbiased"
        )
        facts.append(("Action on an alert", mode))
    facts.append(
        ("Expires", f"{day(gathered.expires)}, {card.expires_after_days} days after it was made")
    )
    return [*blocks, Facts(tuple(facts))]


def _over_time(gathered: ReportData, history: tuple[Picture, ...]) -> list[Block]:
    return [*([Figure(history)] if history else []), *shared.weeks(gathered.evaluation)]
