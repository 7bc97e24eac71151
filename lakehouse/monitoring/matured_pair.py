"""Two versions on the rows that both have logged and whose labels have settled."""

from datetime import date, timedelta

from lakehouse.evaluation.pair import Pair
from lakehouse.lake import Lake
from lakehouse.models import ModelSpec, Split
from lakehouse.monitoring.review.matured import matured_rows, matured_until, pair_rows
from lakehouse.registry import Version


def load_matured_pair(lake: Lake, spec: ModelSpec, one: Version, other: Version) -> Pair | None:
    """Predictions of both versions for rows whose labels have settled; None if there are none.

    Each version may have decided or scored in parallel: of the four combinations, the one with the
    most common rows is used.
    """
    first = max(Split.from_json(v.split).untested_from for v in (one, other))
    if spec.capacity is not None:
        first = spec.capacity.period.ceil(first)
    with lake.reader() as cursor:
        until = matured_until(cursor, spec)
        if until is None:
            return None
        logged = {
            (version.version, in_shadow): matured_rows(
                cursor, spec, version.version, first, until, in_shadow=in_shadow
            )
            for version in (one, other)
            for in_shadow in (False, True)
        }
    pairs = [
        pair_rows(logged[one.version, a], logged[other.version, b])
        for a in (False, True)
        for b in (False, True)
    ]
    mine, theirs = max(pairs, key=lambda pair: pair[0].predictions.rows)
    if not mine.predictions.rows:
        return None
    last = date(1970, 1, 1) + timedelta(days=int(mine.day.max()))
    return Pair(
        f"{mine.predictions.rows:,} matured predictions up to {last}",
        mine.predictions,
        theirs.predictions,
        [mine.entities[name] for name in spec.clusters],
    )
