"""Plots for a review: what more or fewer alerts a day (week) would find, and their net value."""

from typing import Any

from lakehouse.evaluation.plots.canvas import BLUE, INK, ORANGE, Picture, open_canvas, styled
from lakehouse.evaluation.review_document import CapacityCurve


@styled
def share_found_plot(curve: CapacityCurve) -> Picture:
    """Share of positives and of their amount found, over alerts a day (week)."""
    figure, axes = open_canvas(f"Alerts {curve.rate}", "Share found")
    alerts = [point.alerts for point in curve.curve]
    axes.plot(alerts, [point.recall for point in curve.curve], color=BLUE, label="of positives")
    shares = [point.caught_share for point in curve.curve if point.caught_share is not None]
    if len(shares) == len(alerts):
        axes.plot(alerts, shares, color=ORANGE, linestyle="--", label=f"of their {curve.unit}")
    _mark_declared(axes, curve)
    axes.set(ylim=(0, 1.02), title=f"Share found at each capacity\n{curve.length}")
    axes.legend(loc="lower right")
    return Picture(figure, f"Share of positives found, over 1 to {alerts[-1]} alerts {curve.rate}")


@styled
def net_value_plot(curve: CapacityCurve) -> Picture:
    """The net value of a day's (week's) alerts, over their number."""
    figure, axes = open_canvas(f"Alerts {curve.rate}", f"Net value {curve.rate} ({curve.unit})")
    unit = 10**curve.scale * curve.days
    points = [point for point in curve.curve if point.net is not None]
    alerts = [point.alerts for point in points]
    values = [(point.net or 0) / unit for point in points]
    axes.plot(alerts, values, color=BLUE, label="net value")
    axes.axhline(0, color=INK, linewidth=0.8)
    if curve.peak is not None:
        axes.axvline(curve.peak, color=ORANGE, linestyle="--", label=f"peak: {curve.peak:,}")
    _mark_declared(axes, curve)
    axes.set(title=f"Amounts caught minus cost of alerts\n{curve.length}")
    axes.legend(loc="best")
    return Picture(figure, f"Net value over 1 to {alerts[-1]} alerts {curve.rate}")


def _mark_declared(axes: Any, curve: CapacityCurve) -> None:
    axes.axvline(curve.declared, color=INK, linestyle=":", label=f"declared: {curve.declared:,}")
