"""The sections for model-risk review, and the section on row counts."""

from collections.abc import Sequence
from decimal import Decimal

from lakehouse.evaluation.document import Evaluation, Interval
from lakehouse.evaluation.metrics import ALERTS_PER
from lakehouse.evaluation.plots import Picture, net_value_plot, share_found_plot
from lakehouse.evaluation.remarks import find_remarks, stress_name
from lakehouse.evaluation.report.formatting import (
    NOT_AVAILABLE,
    PERIODS,
    interval,
    metric_name,
    number,
    share,
)
from lakehouse.evaluation.report.page import Block, Cell, Figure, Mark, Table, Text
from lakehouse.evaluation.review_document import CapacityCurve, LabelRisk, Proxy, RowCount

_REFITS = {"previous version": "Version", "seed": "Another seed", "sample": "Resampled rows"}


def remarks_section(found: Evaluation) -> list[Block]:
    """What to look at first, and what was not examined."""
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (Mark(one.topic, "unsure"), one.text) for one in find_remarks(found)
    )
    blocks: list[Block] = []
    if rows:
        blocks.append(Table(("Topic", "Finding"), rows, text_columns=2))
    else:
        blocks.append(Text("Nothing stands out in the parts that were examined."))
    if missing := _not_examined(found):
        blocks.append(Text(f"Not examined: {'; '.join(missing)}."))
    return blocks


def _not_examined(found: Evaluation) -> list[str]:
    review, curve = found.review, found.review.capacity
    missing = []
    if curve is not None and curve.total is None:
        missing.append("money, as `judging.money` is not declared")
    if review.stability is None or not any(
        one.kind != "previous version" for one in review.stability.refits
    ):
        missing.append("stability over refits, as `judging.refits` is 0")
    if not review.stress:
        missing.append("stress")
    elif not any(one.kind == "stale" for one in review.stress):
        missing.append("stale feature sets, as `judging.stress.stale` is not declared")
    if curve is not None and not any(one.kind == "adversarial" for one in review.stress):
        missing.append("manipulated amounts, as `judging.stress.amounts` is not declared")
    if review.labels is not None:
        if review.labels.late is None:
            missing.append("late reports, as `judging.reports` is not declared")
        if review.labels.reversed is None:
            missing.append("reversed reports, as `judging.reports.reversals` is not declared")
    if curve is not None and not review.proxies:
        missing.append("proxies of groups, as none are declared")
    return missing


def capacity(curve: CapacityCurve | None, pictures: tuple[Picture, ...]) -> list[Block]:
    """What half or double the alerts a day (week) would find, catch and cost."""
    if curve is None:
        return [Text("No sensitivity to capacity is stored with this version.")]
    in_money = curve.total is not None
    rows: list[tuple[Cell, ...]] = []
    for point in curve.points:
        declared = " (declared)" if point.alerts == curve.declared else ""
        cells = [f"{point.alerts:,}{declared}", number(point.precision), interval(point.recall)]
        if in_money:
            caught = money(point.caught, curve)
            cells += [caught, _percent(point.caught_share), money(point.net, curve)]
        rows.append(tuple(cells))
    head: tuple[str, ...] = (f"Alerts {curve.rate}", "Precision", "Recall")
    if in_money:
        head = (*head, f"Caught ({curve.unit})", "Share of all", "Net value")
    blocks: list[Block] = [
        Table(head, tuple(rows), f"{curve.length}, the highest scores of each {curve.per}")
    ]
    if in_money:
        peak = (
            f"is highest at {curve.peak:,} alerts {curve.rate}"
            if curve.peak is not None
            else "is highest at an end of the curve"
        )
        blocks.append(
            Text(
                f"Net value: the amounts of the positives among the alerts, minus "
                f"{money(curve.alert_costs, curve, digits=2)} {curve.unit} for reviewing each "
                f"alert. It {peak}. It assumes that a caught positive saves its whole amount."
            )
        )
    return [*blocks, *([Figure(pictures)] if pictures else [])]


def capacity_pictures(curve: CapacityCurve | None) -> dict[str, Picture]:
    """Share found and net value, over alerts a day (week)."""
    if curve is None or len(curve.curve) < 2:
        return {}
    made = {"capacity": share_found_plot(curve)}
    if curve.total is not None:
        made["net_value"] = net_value_plot(curve)
    return made


def stability(found: Evaluation) -> list[Block]:
    """How much of the version is due to chance."""
    stable = found.review.stability
    if stable is None or not stable.refits:
        return [Text("No refit and no earlier version was compared with this one.")]
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            f"{_REFITS[one.kind]} {one.name}",
            number(one.value),
            number(one.rank),
            share(one.agree),
        )
        for one in sorted(stable.refits, key=lambda each: list(_REFITS).index(each.kind))
    )
    name = metric_name(stable.metric)
    head = ("Refit", name, "Rank correlation", "Shared")
    return [
        Text(
            "The same recipe fitted again, evaluated on the last test days (this version on those "
            f"days: {name.lower()} {number(stable.value)}). Shared: the share of this version's "
            "alerts at capacity (of its predicted classes, if there are several) that the other "
            "gives as well."
        ),
        Table(head, rows),
    ]


def stress(found: Evaluation) -> list[Block]:
    """The version's results on test rows under stress."""
    results = found.review.stress
    if not results:
        return [Text("No stress test is stored with this version.")]
    heads = {
        ALERTS_PER["day"]: any(one.alerts_per_day is not None for one in results),
        ALERTS_PER["week"]: any(one.alerts_per_week is not None for one in results),
    }
    alerts = [metric_name(name) for name, is_known in heads.items() if is_known]
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            stress_name(one),
            share(one.changed),
            number(one.value),
            *([number(one.alerts)] if alerts else []),
        )
        for one in results
    )
    head = ("Stress", "Rows changed", metric_name(found.review.stress_metric))
    return [
        Text(
            "The last test days again, with features changed before they are scored; alerts are "
            'those at the version\'s threshold. "As of an earlier day" means the features of the '
            "entity's last row on an earlier day; if the entity is rarely seen, that is more than "
            "a day ago. Manipulated amounts change the row's own features, not those of later rows."
        ),
        Table((*head, *alerts), rows),
    ]


def labels(found: LabelRisk | None) -> list[Block]:
    """Labels that proved wrong over time, and the effect of wrong labels."""
    if found is None:
        return [Text("No analysis of wrong labels is stored with this version.")]
    counts: tuple[tuple[Cell, ...], ...] = tuple(
        (
            PERIODS[period],
            f"{found.positives[period]:,}",
            NOT_AVAILABLE if found.late is None else f"{found.late.get(period, 0):,}",
            NOT_AVAILABLE if found.reversed is None else f"{found.reversed.get(period, 0):,}",
        )
        for period in ("train", "validation", "test")
        if period in found.positives
    )
    name = metric_name(found.metric)
    scenarios: tuple[tuple[Cell, ...], ...] = tuple(
        (
            one.name.capitalize(),
            f"{one.flipped:,}",
            number(one.value),
            f"{number(one.low)} to {number(one.high)}" if one.low is not None else "",
        )
        for one in found.scenarios
    )
    late, back = share(found.late_share), share(found.reversed_share)
    late_note = "" if (found.late or {}).get("train") else " (assumed: none was found)"
    reversed_note = "" if (found.reversed or {}).get("train") else " (assumed: none was found)"
    return [
        Table(
            ("Period", "Positives", "Reported too late", "Reversed"),
            counts,
            "Labels of pinned rows that later proved wrong, as known at the time of the evaluation",
        ),
        Table(
            ("If test labels were different", "Flipped", name, "Range"),
            scenarios,
            f"{name} with the recorded labels: {number(found.value)}. Hidden: {late} of all "
            f"positives{late_note}; reversed: {back}{reversed_note}; means of random draws",
        ),
    ]


def proxies(found: Sequence[Proxy], shown: int = 5) -> list[Block]:
    """The features that predict each group best."""
    if not found:
        return []
    by_group: dict[str, list[Proxy]] = {}
    for one in found:
        by_group.setdefault(one.group, []).append(one)
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            group.replace("_", " "),
            one.feature,
            number(one.strength),
            number(one.floor),
            share(one.importance),
        )
        for group, members in by_group.items()
        for one in members[:shown]
        if one.strength > one.floor
    )
    chance_only = [
        group.replace("_", " ")
        for group, members in by_group.items()
        if members[0].strength <= members[0].floor
    ]
    head = ("Group", "Feature", "Cramer's V", "Chance level", "Share of gain")
    blocks: list[Block] = [
        Text(
            "Proxies: the model never sees the groups, but a feature may be a proxy for one "
            "(Cramer's V, 0 to 1)."
            + (
                f" No feature predicts the {', the '.join(chance_only)} better than chance."
                if chance_only
                else ""
            )
        )
    ]
    if rows:
        caption = f"Features that predict a group better than chance, at most {shown} each"
        blocks.append(Table(head, rows, caption, text_columns=2))
    return blocks


def row_counts(counts: Sequence[RowCount]) -> list[Block]:
    """Where the rows of each period went; the columns add up."""
    if not counts:
        return []
    names = (
        ("landed", "In the lake"),
        ("sampled_out", "Sampled out"),
        ("blocked", "Blocked"),
        ("unlabelled", "Label not known in time"),
        ("without_features", "Without features"),
        ("undersampled", "Undersampled"),
        ("used", "Used"),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (PERIODS[one.period], *(f"{getattr(one, name):,}" for name, _ in names)) for one in counts
    )
    head = ("Period", *(title for _, title in names))
    caption = "The rows of each period by outcome; the trees are fitted to the used training rows"
    return [Table(head, rows, caption)]


def money(minor: int | None, curve: CapacityCurve, digits: int = 0) -> str:
    """Minor units as an amount of the unit."""
    return NOT_AVAILABLE if minor is None else f"{Decimal(minor).scaleb(-curve.scale):,.{digits}f}"


def _percent(found: Interval | None) -> str:
    if found is None:
        return NOT_AVAILABLE
    return f"{share(found.value)} [{share(found.low)}, {share(found.high)}]"
