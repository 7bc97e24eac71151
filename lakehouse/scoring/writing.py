"""Adds to the two logs within the writer's transaction; no logged row is changed or deleted.

The rows were computed before, into the temporary tables `scored`, `thresholds` and `reasons` of
`stage`. Only the comparison of score and threshold happens here.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

import duckdb

from lakehouse.lake import fetch_value, qualified, quote, read_progress, table_exists
from lakehouse.lake.layout import (
    decisions_table,
    inputs_table,
    log_table,
    shadow_table,
    superseded_table,
)
from lakehouse.models import ModelSpec
from lakehouse.scoring.log import Stamp, output_types
from lakehouse.scoring.pending import BATCH_ROWS, Range, range_condition
from lakehouse.scoring.scorers import Scorer, Scorers
from lakehouse.scoring.tables import (
    DECISION,
    FOREVER,
    insert_decision,
    is_legacy_log,
    prepare_decisions,
    prepare_inputs,
    prepare_log,
)
from lakehouse.scoring.thresholds import FLAGGED, threshold_join


class Logged(Protocol):
    """A version or fallback with rows in `scored` under this name, with times from `start` on."""

    @property
    def name(self) -> str:
        """Its name in the log."""

    @property
    def start(self) -> datetime:
        """The earliest time of its rows."""


class LoadRange(Protocol):
    """The loads after `after`, up to and including `until`."""

    @property
    def after(self) -> int:
        """The last load before them."""

    @property
    def until(self) -> int:
        """The last of them."""


class Decider(Protocol):
    """A decider with rows in `scored`: a version, or the declared fallback."""

    @property
    def name(self) -> str:
        """Its name in the log."""

    @property
    def place(self) -> int:
        """Its number in `scored`."""

    @property
    def decides(self) -> bool:
        """Whether its rows go into the log rather than the shadow log."""

    @property
    def assignment(self) -> LoadRange | None:
        """The loads in which it decides."""

    @property
    def trained_until(self) -> int:
        """The last load in which it skips rows from before `start`."""

    @property
    def start(self) -> datetime:
        """The earliest time of its rows in those loads."""


def write_predictions(
    reader: duckdb.DuckDBPyConnection,
    stage: duckdb.DuckDBPyConnection,
    writer: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    scorers: Scorers,
    counts: Mapping[int, int],
    redo: Range | None,
    stamp: Stamp,
) -> None:
    """Write decisions to the log and shadow predictions to the shadow log, each with its number.

    `counts` are the rows of each scorer by place. In a range to redo, rows from the start of the
    champion's test period on that are predicted again are superseded in both logs; in the shadow
    log only those of the same versions. A row that can no longer be scored keeps its prediction.
    """
    types = _types(reader, spec)
    prepare(writer, spec, types, with_shadow=bool(scorers.shadows))
    numbers = _numbers(writer, spec, scorers.all)
    replaced = dict.fromkeys(numbers, 0)
    if redo is not None and any(counts.values()):
        champion = scorers.champion
        log, shadow = spec.predictions_table, shadow_table(spec.name)
        number = numbers[champion.place]
        _register_repeated(stage, writer, spec)
        replaced[champion.place] = _supersede(writer, spec, log, champion, champion, number, redo)
        for scorer in (champion, *scorers.shadows) if table_exists(writer, shadow) else ():
            replaced[scorer.place] += _supersede(
                *(writer, spec, shadow, champion, scorer, numbers[scorer.place], redo),
                scorer.name,
            )
        writer.unregister("repeated")
    if any(counts.values()):
        _stage_numbers(stage, numbers)
        decided = [scorer.place for scorer in (scorers.champion, *scorers.deciding)]
        _insert(stage, writer, spec, spec.predictions_table, types, decided, stamp)
        shadow_places = [scorer.place for scorer in scorers.shadows]
        _insert(stage, writer, spec, shadow_table(spec.name), types, shadow_places, stamp)
        if spec.log.features:
            _insert_inputs(stage, writer, spec)
    for scorer in scorers.all:
        rows, superseded = counts.get(scorer.place, 0), replaced[scorer.place]
        if rows or superseded or scorer.assignment:
            row = _decision(spec, scorer, numbers[scorer.place], rows, superseded, redo, stamp)
            insert_decision(writer, spec, row)


def write_decided(
    reader: duckdb.DuckDBPyConnection,
    stage: duckdb.DuckDBPyConnection,
    writer: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    decider: Decider,
    rows: int,
    stamp: Stamp,
) -> None:
    """Write the `rows` of `scored`, all by one decider that reads no features, to the log."""
    types = _types(reader, spec)
    prepare(writer, spec, types, with_shadow=False)
    numbers = _numbers(writer, spec, [decider])
    _stage_numbers(stage, numbers)
    _insert(stage, writer, spec, spec.predictions_table, types, [decider.place], stamp)
    row = _decision(spec, decider, numbers[decider.place], rows, 0, None, stamp)
    insert_decision(writer, spec, row)


def prepare(
    writer: duckdb.DuckDBPyConnection, spec: ModelSpec, types: dict[str, str], *, with_shadow: bool
) -> None:
    """Make the tables of the logs in the open transaction, and take over those of an older release.

    `types` are the SQL types of a log's columns, `with_shadow` whether a shadow log is needed.
    """
    log, shadow, key = spec.predictions_table, shadow_table(spec.name), spec.spine.key
    older = is_legacy_log(writer, log)
    prepare_log(writer, log, key, types)
    if with_shadow or table_exists(writer, shadow):
        prepare_log(writer, shadow, key, types)
    prepare_decisions(writer, spec)
    if spec.log.features:
        prepare_inputs(writer, spec, types[key])
    if older:
        done = read_progress(writer, log).load_id
        insert_decision(
            writer,
            spec,
            {
                DECISION: 0,
                "version": "",
                "decides": True,
                "why": "written by a release that numbered no decisions",
                "after_load": 0,
                "until_load": done,
                "trained_until_load": done,
                "starts_at": FOREVER,
                "rows": fetch_value(writer, f"SELECT count(*) FROM {qualified(log_table(log))}"),
                "superseded": 0,
                "snapshot": None,
                "scored_at": None,
                "run_id": "",
            },
        )


def _types(reader: duckdb.DuckDBPyConnection, spec: ModelSpec) -> dict[str, str]:
    """SQL types of all columns of a log, in order: key, entities, time, prediction, load."""
    described = "SELECT column_name, column_type FROM (DESCRIBE pending)"
    pending_types = dict(reader.execute(described).fetchall())
    row_columns = [spec.spine.key, *spec.spine.entities, "event_time"]
    kept = {name: pending_types[name] for name in row_columns}
    return {**kept, **output_types(spec), "_load_id": pending_types["_load_id"]}


def _numbers(
    writer: duckdb.DuckDBPyConnection, spec: ModelSpec, deciders: Sequence[Decider]
) -> dict[int, int]:
    """A new decision number for each scorer, by place; numbers only grow, as the lock is held."""
    table = qualified(decisions_table(spec.name))
    last = fetch_value(writer, f"SELECT coalesce(max({DECISION}), 0) FROM {table}")
    return {decider.place: last + 1 + decider.place for decider in deciders}


def _stage_numbers(stage: duckdb.DuckDBPyConnection, numbers: Mapping[int, int]) -> None:
    stage.execute("CREATE OR REPLACE TEMP TABLE numbers (place INTEGER, decision BIGINT)")
    stage.executemany("INSERT INTO numbers VALUES (?, ?)", [*numbers.items()])


def _register_repeated(
    stage: duckdb.DuckDBPyConnection, writer: duckdb.DuckDBPyConnection, spec: ModelSpec
) -> None:
    """Register the predicted rows (key, place) as `repeated` for the writer."""
    keys = stage.execute(f"SELECT {quote(spec.spine.key)} AS key, place FROM scored")
    writer.register("repeated", keys.to_arrow_table())


def _supersede(
    writer: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    log: str,
    champion: Scorer,
    scorer: Scorer,
    number: int,
    redo: Range,
    version: str = "",
) -> int:
    """Supersede the rows that `scorer` predicted again (of `version` if given), and count them."""
    in_range, bounds = range_condition("event_time", redo)
    same_version = "model_version = ?" if version else "true"
    written = writer.execute(
        f"INSERT INTO {qualified(superseded_table(log))} "
        f"SELECT {quote(spec.spine.key)}, {DECISION}, ? FROM {qualified(log)} "
        f"WHERE event_time >= ? AND {in_range} AND {same_version} "
        f"AND {quote(spec.spine.key)} IN (SELECT key FROM repeated WHERE place = ?)",
        [number, champion.start, *bounds, *([version] if version else []), scorer.place],
    ).fetchone()
    return int(written[0]) if written else 0


def _decision(
    spec: ModelSpec,
    scorer: Decider,
    number: int,
    rows: int,
    superseded: int,
    redo: Range | None,
    stamp: Stamp,
) -> dict[str, object]:
    why = "new rows"
    if not scorer.decides:
        why = "beside the champion"
    elif scorer.assignment is None and redo is not None:
        bounds = [f"{bound:%Y-%m-%d}" for bound in (redo.since, redo.until) if bound]
        why = f"predicted anew: {' to '.join(bounds) or 'all'}"
    assignment = scorer.assignment
    return {
        DECISION: number,
        "version": scorer.name,
        "decides": scorer.decides,
        "why": why,
        "after_load": assignment.after if assignment else None,
        "until_load": assignment.until if assignment else None,
        "trained_until_load": scorer.trained_until,
        "starts_at": scorer.start,
        "rows": rows,
        "superseded": superseded,
        "snapshot": stamp.snapshot,
        "scored_at": stamp.scored_at,
        "run_id": stamp.run_id,
    }


def _insert(
    stage: duckdb.DuckDBPyConnection,
    writer: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    log: str,
    types: dict[str, str],
    places: Sequence[int],
    stamp: Stamp,
) -> None:
    if not places:
        return
    key = quote(spec.spine.key)
    names = [*types, DECISION]
    values = {name: f"s.{quote(name)}" for name in types} | {DECISION: "n.decision"}
    values |= {"model_version": "s.version", "scored_at": "$scored_at", "run_id": "$run_id"}
    joins = "JOIN numbers n ON n.place = s.place"
    if spec.task.decides:
        values |= {"decision": FLAGGED, "threshold": "t.threshold"}
        values |= {"blocked": f"{FLAGGED} AND NOT s.control", "reasons": "NULL"}
        joins += f" JOIN thresholds t ON {threshold_join(spec)}"
        if log == spec.predictions_table:
            values["reasons"] = "r.reasons"
            joins += f" LEFT JOIN reasons r ON r.key = s.{key}"
    listed = ", ".join(f"{values[name]} AS {quote(name)}" for name in names)
    rows = stage.execute(
        f"""SELECT {listed} FROM scored s {joins} WHERE s.place IN (SELECT unnest($places))
            ORDER BY s.event_time, s.{key}, s.version""",
        {"places": [*places], "run_id": stamp.run_id, "scored_at": stamp.scored_at},
    )
    _stream(writer, rows, log_table(log), names)


def _insert_inputs(
    stage: duckdb.DuckDBPyConnection,
    writer: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
) -> None:
    key = quote(spec.spine.key)
    rows = stage.execute(
        f"""SELECT s.{key}, n.decision AS {DECISION}, s.features
            FROM scored s JOIN numbers n ON n.place = s.place
            WHERE s.features IS NOT NULL ORDER BY s.event_time, s.{key}"""
    )
    _stream(writer, rows, inputs_table(spec.name), [spec.spine.key, DECISION, "features"])


def _stream(
    writer: duckdb.DuckDBPyConnection,
    rows: duckdb.DuckDBPyConnection,
    table: str,
    names: Sequence[str],
) -> None:
    listed = ", ".join(map(quote, names))
    writer.register("incoming", rows.to_arrow_reader(BATCH_ROWS))
    writer.execute(f"INSERT INTO {qualified(table)} ({listed}) SELECT {listed} FROM incoming")
    writer.unregister("incoming")
