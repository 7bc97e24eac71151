"""Whether a new version should decide: gates first, then the champion on the same test rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

from lakehouse.lake import Lake, qualified, quote
from lakehouse.registry import GateResult, Version
from lakehouse.registry.promotion import find_champion
from lakehouse.training.artefact import load_model
from lakehouse.training.assess import assess
from lakehouse.training.dataset import BATCH_ROWS
from lakehouse.training.errors import BadArtefact, SchemaMismatch
from lakehouse.training.inputs import join_features, pinned_tables, stale_sets
from lakehouse.training.labels import label_columns
from lakehouse.training.model import Model
from lakehouse.training.rows import Rows, collect
from lakehouse.training.spec import LOWER_IS_BETTER, ModelSpec


@dataclass(frozen=True)
class Decision:
    """Whether to promote, the reason in words, and the figures behind it."""

    promote: bool
    why: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


def decide(
    spec: ModelSpec,
    lake: Lake,
    set_id: str,
    metrics: Mapping[str, Mapping[str, float | None]],
    gates: Sequence[GateResult],
) -> Decision:
    """The first promotion rule: gates pass, and no champion does better by the primary metric.

    The champion scores the same test rows from the feature versions that it was trained on. If it
    cannot go on, because its artefact is broken or those are no longer kept up to date, nothing
    speaks for it.
    """
    failed = [gate for gate in gates if not gate.passed]
    if failed:
        return Decision(False, f"failed {', '.join(gate.gate for gate in failed)}")
    if spec.promotion.rule == "manual":
        return Decision(False, "gates passed; promotion is by hand")
    with lake.reader() as cursor:
        champion = find_champion(cursor, spec.name)
        if champion is None:
            return Decision(True, "gates passed and there was no champion")
        try:
            theirs = champion_metrics(cursor, spec, lake, set_id, champion)
        except (BadArtefact, SchemaMismatch) as error:
            return Decision(
                True, f"gates passed; champion {champion.version} cannot score the rows: {error}"
            )
    return compare(spec.primary_metric, metrics["test"], theirs, champion.version)


def compare(
    metric: str,
    ours: Mapping[str, float | None],
    theirs: Mapping[str, float | None],
    champion: str,
) -> Decision:
    """Promote if `metric` is strictly better than the champion's on the same rows."""
    mine, other = ours[metric], theirs[metric]
    evidence = {"metric": metric, "candidate": mine, "champion": champion, "champion_value": other}
    if mine is None or other is None:
        return Decision(False, f"{metric} cannot be told on the test rows", evidence)
    better = mine < other if metric in LOWER_IS_BETTER else mine > other
    verb = "beats" if better else "does not beat"
    why = f"{metric} {mine:.4f} {verb} {other:.4f} of champion {champion} on the same test rows"
    return Decision(better, why, evidence)


def champion_metrics(
    cursor: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    lake: Lake,
    set_id: str,
    champion: Version,
) -> dict[str, float | None]:
    """The champion's metrics on the test rows of training set `set_id`.

    Raises:
        BadArtefact, SchemaMismatch: when it cannot score them.
    """
    model = load_model(lake.settings.models_dir, champion.artefact, champion.files)
    rows = _test_rows(cursor, spec, set_id, model)
    card = model.card
    return assess(
        spec, rows, model.predict(rows.matrix), card.threshold, card.baseline, card.classes
    )


def _test_rows(
    cursor: duckdb.DuckDBPyConnection, spec: ModelSpec, set_id: str, model: Model
) -> Rows:
    schema = model.card.features
    pinned_tables(cursor, schema)
    stale = stale_sets(cursor, schema)
    if stale:
        raise SchemaMismatch(f"its version of {', '.join(stale)} is no longer kept up to date")
    columns, joins = join_features(schema, spec.spine.key, "l.key")
    source = (
        f"FROM {qualified(spec.training_table)} l {{joins}} "
        "WHERE l.training_set_id = ? AND l.split = 'test'"
    )
    parameters = [set_id]
    count, there = (
        int(
            cursor.execute(f"SELECT count(*) {source.format(joins=j)}", parameters).fetchall()[0][0]
        )
        for j in ("", joins)
    )
    if there != count:
        raise SchemaMismatch(
            f"{count - there} of {count} test rows have no features in the versions it was "
            "trained on"
        )
    others = ", ".join(f"l.{quote(name)}" for name in ("event_time", *label_columns(spec)))
    reader = cursor.execute(
        f"SELECT {others}, {columns} {source.format(joins=joins)} ORDER BY l.key", parameters
    ).to_arrow_reader(BATCH_ROWS)
    return collect(reader, count, schema, model.card.classes)
