"""Drift of features and output: days counted into the reference's cells, windows compared with it.

Each scored row counts once, on the day on which it became known; a day is complete when its seal
has passed, and no row joins it later. A window is the sum of its days.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from lakehouse.lake import layout, qualified, quote, table_exists
from lakehouse.models import ModelSpec
from lakehouse.models.inputs import join_features
from lakehouse.models.schema import FeatureSchema
from lakehouse.monitoring.findings import Finding
from lakehouse.monitoring.look import distance
from lakehouse.monitoring.look.bounds import Bounds, feature_bounds, noise, output_bounds
from lakehouse.monitoring.look.cells import Counts
from lakehouse.monitoring.look.reference import BATCH_ROWS, Part, Reference

DAY = timedelta(days=1)
TABLES: dict[Part, str] = {"feature": layout.FEATURE_DRIFT, "output": layout.SCORE_DRIFT}


@dataclass(frozen=True)
class Days:
    """Whole days (UTC) from `first` on, `until` excluded."""

    first: date
    until: date

    def __len__(self) -> int:
        return max(0, (self.until - self.first).days)

    @property
    def bounds(self) -> list[datetime]:
        """The midnights (naive) at which they begin and end."""
        return [datetime.combine(self.first, time()), datetime.combine(self.until, time())]


def window_days(spec: ModelSpec) -> int:
    """Number of days in a window; at least one."""
    return max(1, spec.watch.window // DAY)


def count_days(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    schema: FeatureSchema,
    version: str,
    references: Sequence[Reference],
    days: Days,
) -> dict[tuple[Part, str], Counts]:
    """Counts (days, slots) of every column; features of all scored rows, output of this version's.

    Reads rows in batches and keeps only the counts.
    """
    totals = {
        (one.part, one.name): np.zeros((len(days), one.cells.slots), dtype=np.int64)
        for one in references
    }
    outputs = [one for one in references if one.part == "output"]
    output_columns = ", ".join(
        f"p.{quote(one.name)} AS {quote(f'_output{i}')}" for i, one in enumerate(outputs)
    )
    features, joins = join_features(schema, spec.spine.key, f"s.{quote(spec.spine.key)}")
    rows = cursor.execute(
        f"""SELECT CAST(s.known_at AS DATE) - CAST(? AS DATE) AS _day,
                   p.model_version = ? AS _own, {output_columns}, {features}
            FROM {qualified(spec.spine.table)} s
            JOIN {qualified(spec.predictions_table)} p USING ({quote(spec.spine.key)}) {joins}
            WHERE s.known_at >= ? AND s.known_at < ?""",
        [days.first, version, *days.bounds],
    ).to_arrow_reader(BATCH_ROWS)
    for batch in rows:
        day = batch.column("_day").to_numpy().astype(np.int64)
        own = batch.column("_own")
        own_day = day[own.to_numpy(zero_copy_only=False)]
        for one in references:
            total = totals[one.part, one.name]
            if one.part == "feature":
                total += one.cells.count(batch.column(one.name), day, len(days))
        for i, one in enumerate(outputs):
            values: pa.Array = batch.column(f"_output{i}").filter(own)
            totals["output", one.name] += one.cells.count(values, own_day, len(days))
    return totals


def earlier_days(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    version: str,
    references: Sequence[Reference],
    days: Days,
) -> dict[tuple[Part, str], Counts]:
    """The stored counts of `days`; a day that was not monitored is empty."""
    found = {
        (one.part, one.name): np.zeros((len(days), one.cells.slots), dtype=np.int64)
        for one in references
    }
    for part, table in TABLES.items():
        if not table_exists(cursor, table):
            continue
        rows = cursor.execute(
            f"SELECT name, day, counts FROM {qualified(table)} "
            "WHERE model = ? AND version = ? AND day >= ? AND day < ?",
            [spec.name, version, days.first, days.until],
        ).fetchall()
        for name, day, counts in rows:
            found[part, name][(day - days.first).days] = counts
    return found


def compare(
    spec: ModelSpec,
    version: str,
    reference: Reference,
    earlier: Counts,
    counts: Counts,
    days: Days,
    watched_from: date,
    columns: int,
) -> list[dict[str, Any]]:
    """A row of `layout.FEATURE_DRIFT` for each of `days`, from counts (days, slots).

    `earlier` are counts of the days just before, one less than a window has. `columns` is the
    number of columns of this kind in the model: the bounds allow for it.
    """
    width = window_days(spec)
    running = np.concatenate([earlier, counts]).cumsum(axis=0)
    before = np.concatenate([np.zeros((1, running.shape[1]), np.int64), running[:-width]])
    windows = running[width - 1 :] - before
    bounds = column_bounds(spec, reference, columns)
    rows = windows.sum(axis=1)
    missing, unseen = distance.missing_share(windows), distance.unseen_share(windows)
    figures = {
        "psi": distance.psi(reference.counts, windows),
        "ks": np.full(len(days), np.nan),
        "wasserstein": np.full(len(days), np.nan),
        "missing": missing,
        "unseen": unseen,
        "missing_change": np.abs(missing - distance.missing_share(reference.counts)),
        "unseen_change": np.abs(unseen - distance.unseen_share(reference.counts)),
        "psi_bound": np.maximum(bounds.psi, noise(reference.counts, rows, columns)),
    }
    if reference.cells.kind == "number":
        edges = np.array(reference.cells.edges)
        figures["ks"] = distance.ks(reference.counts, windows)
        figures["wasserstein"] = distance.wasserstein(reference.counts, windows, edges)
    whole = watched_from + (width - 1) * DAY
    return [
        {
            "model": spec.name,
            "version": version,
            "day": days.first + i * DAY,
            "name": reference.name,
            "counts": counts[i].tolist(),
            "rows": int(rows[i]),
            **{name: _none_if_nan(values[i]) for name, values in figures.items()},
            "missing_bound": bounds.missing,
            "unseen_bound": bounds.unseen,
            "judged": bool(rows[i]) and days.first + i * DAY >= whole,
        }
        for i in range(len(days))
    ]


def column_bounds(spec: ModelSpec, reference: Reference, columns: int) -> Bounds:
    """The bounds above which the column has drifted."""
    if reference.part == "output":
        return output_bounds(spec.watch, columns, reference.psi)
    return feature_bounds(spec.watch, columns, reference.psi, reference.missing, reference.unseen)


_DRIFT_CHECKS: dict[str, tuple[Part, str, str]] = {
    "feature_drift": ("feature", "psi", "psi_bound"),
    "missing_values": ("feature", "missing_change", "missing_bound"),
    "unseen_categories": ("feature", "unseen_change", "unseen_bound"),
    "score_drift": ("output", "psi", "psi_bound"),
}
_REMEDIES = {
    "feature_drift": "look at the plots of these features; if the world changed, train a new "
    "version, otherwise fix their source",
    "missing_values": "check the source and the dbt model of these features",
    "unseen_categories": "map the new values in staging, or train a new version on them",
    "score_drift": "check whether features drift too: if so, follow the remedy of feature_drift; "
    "if not, examine the version",
}


def drift_findings(rows: Mapping[Part, Sequence[Mapping[str, Any]]], days: Days) -> list[Finding]:
    """One verdict per kind and day, on the column that goes farthest beyond its bound.

    Days whose window is not whole have none.
    """
    found = []
    for name, (part, value, bound) in _DRIFT_CHECKS.items():
        for i in range(len(days)):
            day = days.first + i * DAY
            judged = [row for row in rows[part] if row["day"] == day and row["judged"]]
            ranked = sorted(judged, key=lambda row: row[value] / row[bound], reverse=True)
            if not ranked:
                continue
            beyond = [row for row in ranked if row[value] > row[bound]]
            listed = [f"{r['name']} {r[value]:.3g} (at most {r[bound]:.3g})" for r in beyond[:5]]
            more = f" and {len(beyond) - 5} more" if len(beyond) > 5 else ""
            found.append(
                Finding(
                    name=name,
                    day=day,
                    passed=not beyond,
                    value=ranked[0][value],
                    bound=ranked[0][bound],
                    cause=f"{_FIGURE_LABELS[value]}: {', '.join(listed)}{more}" if beyond else "",
                    remedy=_REMEDIES[name] if beyond else "",
                )
            )
    return found


_FIGURE_LABELS = {
    "psi": "PSI against the reference",
    "missing_change": "change in the share of missing values",
    "unseen_change": "share of values that were not in the training set",
}


def _none_if_nan(figure: Any) -> float | None:
    return None if np.isnan(figure) else float(figure)
