"""Whether a version can decide now: it must score real rows before any state changes.

Everything that moves versions uses this check: promotion, manual rollback, rollback by monitoring,
and the daily check that a rollback would work. It only reads.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from lakehouse.lake import Lake, is_retryable, qualified, quote
from lakehouse.models.artefact import load_model
from lakehouse.models.expiry import find_expiry
from lakehouse.models.inputs import join_features, pinned_tables, stale_sets
from lakehouse.models.model import Model
from lakehouse.models.spec import ModelSpec
from lakehouse.registry import Prover, Version
from lakehouse.registry.versions import lake_time

SAMPLE_ROWS = 500
"""How many of the newest rows are scored."""
MIN_ROWS = 50
"""With fewer rows, equal scores may be chance."""
_LOOKBACKS = (timedelta(days=1), timedelta(days=60), timedelta(days=36500))
"""How far back to look for rows, in steps, until there are enough: a busy spine needs one day."""


@dataclass(frozen=True)
class Readiness:
    """The result: `rows` were scored, the newest at `newest` (naive UTC).

    `problem` is empty if the version is ready.
    """

    version: str
    rows: int
    newest: datetime | None
    problem: str


def prover(spec: ModelSpec, lake: Lake, now: datetime | None = None) -> Prover:
    """`check_readiness` with the signature that the registry needs."""
    return lambda version: check_readiness(spec, lake, version, now=now).problem


def check_readiness(
    spec: ModelSpec, lake: Lake, version: Version, *, now: datetime | None = None
) -> Readiness:
    """Load the version as registered, find its features, and score the newest rows that have them.

    A version is ready if its expiry does not forbid it to decide, its features are those that it
    was trained on and are still updated, there are rows to score, and its scores are numbers that
    vary.

    Raises:
        Any transient error, such as a lost connection: it proves nothing.
    """
    at = lake_time(now)
    expiry = find_expiry(spec, version)
    if expiry.has_stopped(at):
        return Readiness(version.version, 0, None, expiry.warning(at))
    try:
        return _score_sample(spec, lake, version)
    except Exception as error:  # any permanent error means that it is not ready
        if is_retryable(error):
            raise
        return Readiness(version.version, 0, None, str(error) or type(error).__name__)


def _score_sample(spec: ModelSpec, lake: Lake, version: Version) -> Readiness:
    model = load_model(lake.settings.models_dir, version.artefact, version.files)
    schema = model.card.features
    time, key = f"s.{quote(spec.spine.time)}", f"s.{quote(spec.spine.key)}"
    with lake.reader() as cursor:
        tables = [qualified(one.table) for one in pinned_tables(cursor, schema)]
        if stale := stale_sets(cursor, schema):
            causes = "; ".join(f"{name}: {cause}" for name, cause in stale.items())
            return Readiness(
                version.version, 0, None, f"its features are no longer updated ({causes})"
            )
        newest = ", ".join(f"(SELECT max(event_time) FROM {table})" for table in tables)
        ends = cursor.execute(f"SELECT {newest}").fetchall()[0]
        if None in ends:
            empty = ", ".join(t for t, end in zip(tables, ends, strict=True) if end is None)
            return Readiness(version.version, 0, None, f"its feature tables {empty} have no rows")
        last = min(ends)
        columns, joins = join_features(schema, spec.spine.key, key)
        for lookback in _LOOKBACKS:
            sample = cursor.execute(
                f"SELECT {time} AS event_time, {columns} FROM {qualified(spec.spine.table)} s "
                f"{joins} WHERE {time} > ? AND {time} <= ? "
                f"ORDER BY {time} DESC, {key} LIMIT {SAMPLE_ROWS}",
                [last - lookback, last],
            ).to_arrow_table()
            if len(sample) >= MIN_ROWS:
                break
    if not len(sample):
        return Readiness(
            *(version.version, 0, last),
            f"no row of {spec.spine.table} has all of its features",
        )
    (batch,) = sample.combine_chunks().to_batches()
    return Readiness(version.version, len(batch), last, _score_problem(model, batch))


def _score_problem(model: Model, batch: pa.RecordBatch) -> str:
    """What is wrong with the scores of these rows; empty if nothing is."""
    matrix = model.card.features.matrix(batch)
    scores = model.predict(matrix)
    if not np.isfinite(scores).all():
        wrong = (~np.isfinite(scores)).reshape(len(scores), -1).any(axis=1).sum()
        return f"{wrong} of the {len(scores)} newest rows do not get a finite score"
    # uncalibrated, because calibration may map all scores of a quiet day to one value
    if len(scores) >= MIN_ROWS and len(np.unique(model.uncalibrated(matrix), axis=0)) == 1:
        return f"the {len(scores)} newest rows all get the same score"
    return ""
