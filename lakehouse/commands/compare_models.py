"""`lakehouse models compare`: two versions on the same rows, in pairs, with intervals.

On matured predictions if both have scored the same rows; else on the test rows of the newer one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from lakehouse.commands.models import find_model, find_version
from lakehouse.commands.opening import open_lake
from lakehouse.commands.output import Output
from lakehouse.evaluation.compare import compare
from lakehouse.evaluation.document import Comparison, Interval
from lakehouse.evaluation.resample import Resampling
from lakehouse.evaluation.weighted import Predictions
from lakehouse.lake import Lake
from lakehouse.models.spec import METRICS, ModelSpec
from lakehouse.registry import RegistryError, Version
from lakehouse.settings import Settings


@dataclass(frozen=True)
class Pair:
    """What two versions said of the same rows; `rows` says which ones, `clusters` are by row."""

    rows: str
    first: Predictions
    second: Predictions
    clusters: Sequence[npt.NDArray[Any]]


def compare_command(
    settings: Settings, name: str, first: str, second: str, *, as_json: bool
) -> None:
    """Print how the first version differs from the second, metric by metric."""
    spec = find_model(name)
    with open_lake(settings) as lake:
        one, other = find_version(lake, name, first), find_version(lake, name, second)
        pair = matured_pair(lake, spec, one, other) or test_pair(lake, spec, one, other)
    found = comparisons(spec, pair, other)
    output = Output()
    if as_json:
        told = [c.model_dump(mode="json", exclude={"against"}) for c in found]
        versions = {"first": one.version, "second": other.version}
        output.json({"model": name, **versions, "rows": pair.rows, "comparisons": told})
        return
    output.say(f"{one.version} against {other.version} on {pair.rows}")
    output.table(
        ("metric", one.version, other.version, "difference", "verdict"),
        [
            (c.metric, _number(c.ours), _number(c.theirs), _difference(c.difference), c.verdict)
            for c in found
        ],
    )


def _difference(found: Interval | None) -> str:
    if found is None:
        return "not told"
    return f"{found.value:+.4f} [{found.low:+.4f}, {found.high:+.4f}]"


def comparisons(spec: ModelSpec, pair: Pair, other: Version) -> tuple[Comparison, ...]:
    """Every metric that both have on these rows, resampled in pairs by clusters."""
    ours, theirs = pair.first.metrics(), pair.second.metrics()
    known = [
        name
        for name in METRICS[spec.task]
        if math.isfinite(ours.get(name, math.nan)) and math.isfinite(theirs.get(name, math.nan))
    ]
    return compare(
        pair.first,
        pair.second,
        Resampling.of(
            pair.first.rows, *pair.clusters, repeats=spec.judging.repeats, seed=spec.seed
        ),
        against="champion" if other.state == "champion" else "last",
        version=other.version,
        metrics=known,
        minimum_positives=spec.shadow.min_positives,
    )


def matured_pair(lake: Lake, spec: ModelSpec, one: Version, other: Version) -> Pair | None:
    """What both logged about rows whose labels have settled; None if there is no such row.

    Either may have decided or scored beside: of the four ways, the one with most rows in common.
    """
    from lakehouse.models import Split
    from lakehouse.monitoring.review.matured import matured_rows, matured_until, paired

    first = max(Split.from_json(v.split).test_until.date() for v in (one, other))
    with lake.reader() as cursor:
        until = matured_until(cursor, spec)
        if until is None:
            return None
        said = {
            (version.version, beside): matured_rows(
                cursor, spec, version.version, first, until, beside=beside
            )
            for version in (one, other)
            for beside in (False, True)
        }
    pairs = [
        paired(said[one.version, a], said[other.version, b])
        for a in (False, True)
        for b in (False, True)
    ]
    mine, theirs = max(pairs, key=lambda pair: pair[0].said.rows)
    if not mine.said.rows:
        return None
    last = date(1970, 1, 1) + timedelta(days=int(mine.day.max()))
    return Pair(
        f"{mine.said.rows:,} matured predictions up to {last}",
        mine.said,
        theirs.said,
        [mine.entities[name] for name in _clusters(spec)],
    )


def test_pair(lake: Lake, spec: ModelSpec, one: Version, other: Version) -> Pair:
    """What both say of the test rows of the one whose test ended later: neither learnt from those.

    Raises:
        RegistryError: when what one was tested on, the other learnt from.
        BadArtefact, SchemaMismatch: when one of them cannot score the rows any more.
    """
    from lakehouse.models import Split, load_model
    from lakehouse.training.judging.assessment import predictions
    from lakehouse.training.judging.rivals import registered, test_rows

    newer = max(one, other, key=lambda v: (Split.from_json(v.split).test_until, v.number))
    model = load_model(lake.settings.models_dir, newer.artefact, newer.files)
    card, set_id = model.card, newer.training_set_id
    start = max(Split.from_json(v.split).test_from for v in (one, other))
    with lake.reader() as cursor:
        rows, found = test_rows(cursor, spec, set_id, model, card.classes)
        rivals = [
            registered(cursor, spec, lake, set_id, version, "last", card.classes)
            for version in (one, other)
        ]
    common = found.copy()
    common[found] = rows.day >= (start - datetime(1970, 1, 1)).days
    for rival in rivals:
        common &= True if rival.shared is None else rival.shared
    if not common.any():
        raise RegistryError(
            f"{one.version} and {other.version} were tested on different times, and have logged no "
            "matured predictions of the same rows"
        )
    rows = rows.take(common[found])
    first, second = (
        predictions(spec, rows, rival.of(common), rival.threshold, card.baseline)
        for rival in rivals
    )
    return Pair(
        f"the {len(rows):,} test rows of {newer.version}",
        first,
        second,
        [np.asarray(rows.entities[name]) for name in _clusters(spec)],
    )


def _clusters(spec: ModelSpec) -> tuple[str, ...]:
    return tuple(spec.judging.clusters or spec.spine.entities[:2])


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
