"""Changing the two logs within the writer's transaction: range out, predictions in, by time.

What is written was computed before into temporary tables of `stage`: `scored`, `thresholds` and
`reasons`. Only the comparison of score and threshold happens here.
"""

from collections.abc import Sequence

import duckdb

from lakehouse.lake import qualified, quote
from lakehouse.lake.lake import table_exists
from lakehouse.scoring.log import Stamp, output_types, shadow_table
from lakehouse.scoring.scorers import Scorer
from lakehouse.scoring.thresholds import FLAGGED
from lakehouse.scoring.wanted import BATCH_ROWS, Range, within
from lakehouse.training import ModelSpec


def write_predictions(
    reader: duckdb.DuckDBPyConnection,
    stage: duckdb.DuckDBPyConnection,
    writer: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    scorers: Sequence[Scorer],
    filled: bool,
    redo: Range | None,
    stamp: Stamp,
) -> None:
    """The champion's predictions into the log, the others' into the shadow log.

    `filled` says whether there are any. A range to redo is replaced in both, from the start of the
    champion's test period on; of the shadow log only what these versions said.
    """
    champion, *others = scorers
    types = _types(reader, spec)
    _prepare(writer, spec.predictions_table, types)
    if others:
        _prepare(writer, shadow_table(spec), types)
    if redo is not None:
        again, bounds = within("event_time", redo)
        for table in (spec.predictions_table, shadow_table(spec)):
            if not table_exists(writer, table):
                continue
            said, names = "true", []
            if table != spec.predictions_table:
                said, names = "model_version IN (SELECT unnest(?))", [[s.name for s in scorers]]
            writer.execute(
                f"DELETE FROM {qualified(table)} WHERE event_time >= ? AND {again} AND {said}",
                [champion.start, *bounds, *names],
            )
    if filled:
        _insert(stage, writer, spec, spec.predictions_table, types, [champion], stamp)
        _insert(stage, writer, spec, shadow_table(spec), types, others, stamp)


def _types(reader: duckdb.DuckDBPyConnection, spec: ModelSpec) -> dict[str, str]:
    """SQL types of all columns of a log, in order: who and when, what was said, the load."""
    described = "SELECT column_name, column_type FROM (DESCRIBE wanted)"
    wanted = dict(reader.execute(described).fetchall())
    who_and_when = [spec.spine.key, *spec.spine.entities, "event_time"]
    kept = {name: wanted[name] for name in who_and_when}
    return {**kept, **output_types(spec), "_load_id": wanted["_load_id"]}


def _prepare(writer: duckdb.DuckDBPyConnection, table: str, types: dict[str, str]) -> None:
    """Make the table, or give an older one the columns that came since."""
    columns = ", ".join(f"{quote(name)} {sql_type}" for name, sql_type in types.items())
    writer.execute(f"CREATE TABLE IF NOT EXISTS {qualified(table)} ({columns})")
    schema, _, name = table.partition(".")
    described = writer.execute(
        "SELECT column_name FROM information_schema.columns "
        "WHERE table_catalog = 'lake' AND table_schema = ? AND table_name = ?",
        [schema, name],
    )
    missing = types.keys() - {column for (column,) in described.fetchall()}
    for column in types:
        if column in missing:
            writer.execute(
                f"ALTER TABLE {qualified(table)} ADD COLUMN {quote(column)} {types[column]}"
            )


def _insert(
    stage: duckdb.DuckDBPyConnection,
    writer: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    table: str,
    types: dict[str, str],
    scorers: Sequence[Scorer],
    stamp: Stamp,
) -> None:
    if not scorers:
        return
    key = quote(spec.spine.key)
    values = {name: f"s.{quote(name)}" for name in types}
    values |= {"model_version": "s.version", "scored_at": "$scored_at", "run_id": "$run_id"}
    joins = ""
    if spec.task == "binary":
        values |= {"decision": FLAGGED, "threshold": "t.threshold"}
        values |= {"blocked": f"{FLAGGED} AND NOT s.control", "reasons": "NULL"}
        joins = (
            "JOIN thresholds t ON t.version = s.version AND t.day = date_trunc('day', s.event_time)"
        )
        if table == spec.predictions_table:
            values["reasons"] = "r.reasons"
            joins += f" LEFT JOIN reasons r ON r.key = s.{key}"
    listed = ", ".join(f"{values[name]} AS {quote(name)}" for name in types)
    rows = stage.execute(
        f"""SELECT {listed} FROM scored s {joins} WHERE s.version IN (SELECT unnest($versions))
            ORDER BY s.event_time, s.{key}, s.version""",
        {
            "versions": [scorer.name for scorer in scorers],
            "run_id": stamp.run_id,
            "scored_at": stamp.scored_at,
        },
    )
    writer.register("incoming", rows.to_arrow_reader(BATCH_ROWS))
    names = ", ".join(map(quote, types))
    writer.execute(f"INSERT INTO {qualified(table)} ({names}) SELECT {names} FROM incoming")
    writer.unregister("incoming")
