"""The section on explanations: feature contributions, and how reliable they are."""

from lakehouse.evaluation.plots import Picture
from lakehouse.evaluation.report import Block, Figure, Table, Text
from lakehouse.evaluation.report.formatting import number
from lakehouse.evaluation.surrogate import Agreement
from lakehouse.training.report.gathering import ReportData
from lakehouse.training.report.insight import Insight


def explanation(insight: Insight, pictures: tuple[Picture, ...]) -> list[Block]:
    """Feature contributions, sample reasons for alerts, and an independent check of both."""
    gathered, cost = insight.gathered, insight.cost
    blocks: list[Block] = [Figure(pictures)]
    blocks.append(
        Text(
            f"{cost.trees:,} trees of up to {cost.leaves} leaves, {cost.depth} deep: the reasons "
            f"for one alert take about {cost.milliseconds:.2g} ms on one core"
            + ("." if cost.is_affordable else ", too long to serve them with each alert.")
        )
    )
    if not gathered.spec.task.decides or not len(gathered.rows.label):
        return blocks
    rows = tuple(
        (
            number(score),
            "positive" if truth else "negative",
            "; ".join(
                f"{why.feature} = {_value(gathered, why.feature, why.value)} "
                f"({why.contribution:+.2f})"
                for why in found
            ),
        )
        for score, truth, found in insight.samples()
    )
    blocks.append(
        Table(
            ("Score", "Truth", "Reasons: features that raised it most (log odds)"),
            rows,
            "The highest scores of the test period",
            text_columns=3,
        )
    )
    checked = insight.check_agreement()
    return [*blocks, *([Text(_agreement(checked))] if checked else [])]


def _agreement(checked: Agreement) -> str:
    return (
        f"An independent check: around each of the {checked.rows} highest scores, a linear model "
        "was fitted to the model's output when features are replaced by those of other rows "
        f"(similar to LIME). The linear models explain {checked.fidelity:.0%} of the variance "
        f"(median), {checked.signs:.0%} of the {checked.top} largest SHAP contributions of a row "
        f"have the same sign, and in {checked.leaders:.0%} of rows the largest is among the linear "
        f"model's {checked.top} largest."
    )


def _value(gathered: ReportData, feature: str, value: float | None) -> str:
    """A feature's value for readers: categories by their text."""
    texts = gathered.model.card.features.categories.get(feature)
    if value is None:
        return "missing"
    return texts[int(value)] if texts else number(value)
