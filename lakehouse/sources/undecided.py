"""What was set aside and awaits a decision, computed from the lake's tables and never from a run.

Rejected rows, refused files, and loaded files with too few rows stay undecided until a decision
about them is recorded (`decisions.py`), regardless of the runs in between.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import duckdb

from lakehouse.lake import Lake, layout, literal, qualified, table_exists
from lakehouse.sources import manifest
from lakehouse.sources.declared import find_source, valid_sources
from lakehouse.sources.spec import SourceSpec

RELEASED = "released into "
"""The start of the reason of a row that was loaded from another landing file (`releasing.py`)."""
TOO_FEW = "fewer rows than `volume` declares"
TOLERATED_SHARE = 0.05
"""Share of undecided rows of one load above which the source counts as broken."""
TOLERATED_ROWS = 10
"""Up to this many undecided rows are never a flood, however small the load."""

REASON_SQL = "concat_ws(': ', q.column_name, q.reason)"
"""SQL of a row's reason, as reports and decisions show it."""

Kind = Literal["rows", "file", "volume", "columns"]


@dataclass(frozen=True)
class Undecided:
    """The undecided part of one file.

    `kind` is `rows` (rejected ones), `file` (refused as a whole), `volume` (it has too few rows) or
    `columns` (it lacks some, or has some that raw cannot have). `rows` of the file's `of` rows are
    undecided; `reasons` counts them by "column: reason". `refusals` is how often the file was
    refused so far: a decision is about one refusal.
    """

    source: str
    file: str
    kind: Kind
    load_id: int | None
    rows: int
    of: int
    reasons: dict[str, int]
    refusals: int = 0

    @property
    def share(self) -> float:
        """Undecided rows as a share of the rows of the load, from 0 to 1."""
        return self.rows / max(self.of, 1)

    @property
    def is_flood(self) -> bool:
        """Whether so much of the load was rejected that everything downstream must stop."""
        return self.kind == "rows" and self.share > TOLERATED_SHARE and self.rows > TOLERATED_ROWS


def find_undecided(cursor: duckdb.DuckDBPyConnection, spec: SourceSpec) -> list[Undecided]:
    """Everything of the source that awaits a decision, in the order of its loads."""
    if not table_exists(cursor, layout.FILES):
        return []
    rows, files = _rows(cursor, spec), _files(cursor, spec)
    return [*rows, *files, *_short(cursor, spec), *_drifted(cursor, spec)]


def list_undecided(lake: Lake, source: str = "") -> list[Undecided]:
    """What awaits a decision, for one source or for all declared ones.

    Raises:
        UnknownSource: when `source` is not declared.
    """
    project = lake.settings.project
    specs = [find_source(project, source)] if source else valid_sources(project).values()
    with lake.reader() as cursor:
        return [found for spec in specs for found in find_undecided(cursor, spec)]


def as_row(found: Undecided) -> dict[str, Any]:
    """One undecided item, ready for JSON."""
    return {**asdict(found), "share": found.share, "blocks": found.is_flood}


@dataclass(frozen=True)
class UndecidedRow:
    """One rejected row: its landed file and place in it, the reason, and the original text."""

    file: str
    row: int
    reason: str
    text: str | None


def read_rows(
    cursor: duckdb.DuckDBPyConnection,
    spec: SourceSpec,
    *,
    file: str = "",
    reason: str = "",
    limit: int,
) -> list[UndecidedRow]:
    """The first `limit` undecided rows of the source, filtered by file or reason if given."""
    if not table_exists(cursor, layout.QUARANTINED):
        return []
    query = (
        f"{undecided_rows(cursor, f'q._file, q._row, {REASON_SQL}, q.text')} "
        f"AND (? = '' OR q._file = ?) AND (? = '' OR {REASON_SQL} = ?) "
        "ORDER BY q._load_id, q._row LIMIT ?"
    )
    found = cursor.execute(query, [spec.name, file, file, reason, reason, limit]).fetchall()
    return [UndecidedRow(*row) for row in found]


def undecided_rows(cursor: duckdb.DuckDBPyConnection, columns: str) -> str:
    """A SELECT of `columns` of every undecided row (as `q`) of the source `?`."""
    decided = ""
    if table_exists(cursor, layout.DECIDED_ROWS):  # created with the first decision
        decided = (
            f"ANTI JOIN {qualified(layout.DECIDED_ROWS)} AS d "
            "ON q._load_id = d._load_id AND q._row = d._row "
        )
    return (
        f"SELECT {columns} FROM {qualified(layout.QUARANTINED)} AS q {decided}"
        f"WHERE q.source = ? AND NOT starts_with(q.reason, {literal(RELEASED)})"
    )


def _rows(cursor: duckdb.DuckDBPyConnection, spec: SourceSpec) -> list[Undecided]:
    undecided = undecided_rows(cursor, f"q._load_id, {REASON_SQL} AS why")
    found = cursor.execute(
        f"WITH undecided AS ({undecided}), "
        "counted AS (SELECT _load_id, why, count(*) AS n FROM undecided GROUP BY ALL) "
        "SELECT f.file, f.load_id, f.rows + f.rejected, "
        "list({'why': why, 'n': n} ORDER BY n DESC, why) "
        f"FROM counted JOIN {qualified(layout.FILES)} AS f ON f.load_id = counted._load_id "
        "WHERE f.source = ? AND f.status = 'loaded' GROUP BY ALL ORDER BY f.load_id",
        [spec.name, spec.name],
    ).fetchall()
    return [
        Undecided(
            spec.name,
            file,
            "rows",
            load_id,
            sum(one["n"] for one in counts),
            of,
            {one["why"]: one["n"] for one in counts},
        )
        for file, load_id, of, counts in found
    ]


def _files(cursor: duckdb.DuckDBPyConnection, spec: SourceSpec) -> list[Undecided]:
    """Files whose newest entry is a refusal without a decision."""
    refused = [
        entry
        for entry in manifest.read_entries(cursor, spec.name).values()
        if entry.status == "quarantined"
    ]
    if not refused:
        return []
    times = _refusals(cursor, spec.name)
    decided = _decided_refusals(cursor, spec.name, "discard", "release")
    return [
        Undecided(
            spec.name,
            entry.file,
            "file",
            None,
            0,
            0,
            {entry.reason or "refused": 0},
            refusals=times[entry.file],
        )
        for entry in refused
        if decided.get(entry.file) != times[entry.file]
    ]


def _short(cursor: duckdb.DuckDBPyConnection, spec: SourceSpec) -> list[Undecided]:
    if not spec.volume.min_rows:
        return []
    found = cursor.execute(
        f"SELECT f.file, f.load_id, f.rows, f.rows + f.rejected {_loaded(cursor, 'volume')} "
        "AND f.rows < ? ORDER BY f.load_id",
        [spec.name, spec.volume.min_rows],
    ).fetchall()
    return [
        Undecided(spec.name, file, "volume", load_id, rows, of, {TOO_FEW: rows})
        for file, load_id, rows, of in found
    ]


def _drifted(cursor: duckdb.DuckDBPyConnection, spec: SourceSpec) -> list[Undecided]:
    """Loaded files whose columns differ from the contract in a way that loses data."""
    found = cursor.execute(
        f"SELECT f.file, f.load_id, f.rows, f.rows + f.rejected, f.reason "
        f"{_loaded(cursor, 'columns')} AND f.reason IS NOT NULL ORDER BY f.load_id",
        [spec.name],
    ).fetchall()
    return [
        Undecided(spec.name, file, "columns", load_id, rows, of, {reason: rows})
        for file, load_id, rows, of, reason in found
    ]


def _loaded(cursor: duckdb.DuckDBPyConnection, kind: Kind) -> str:
    """FROM and WHERE of loaded files (as `f`) of the source `?` without a decision of `kind`."""
    decided = ""
    if table_exists(cursor, layout.DECISIONS):
        decided = (
            f"ANTI JOIN (FROM {qualified(layout.DECISIONS)} WHERE kind = {literal(kind)}) AS d "
            "ON f.load_id = d.load_id "
        )
    files = qualified(layout.FILES)
    return f"FROM {files} AS f {decided}WHERE f.source = ? AND f.status = 'loaded'"


def released_files(cursor: duckdb.DuckDBPyConnection, source: str) -> set[str]:
    """Files that were released since they were last refused, loaded ones among them."""
    released = _decided_refusals(cursor, source, "release")
    times = _refusals(cursor, source) if released else {}
    return {file for file, refusal in released.items() if times.get(file) == refusal}


def _refusals(cursor: duckdb.DuckDBPyConnection, source: str) -> dict[str, int]:
    """How often each file of the source was refused."""
    found = cursor.execute(
        f"SELECT file, count(*) FROM {qualified(layout.FILES)} "
        "WHERE source = ? AND status = 'quarantined' GROUP BY file",
        [source],
    )
    return dict(found.fetchall())


def _decided_refusals(
    cursor: duckdb.DuckDBPyConnection, source: str, *decisions: str
) -> dict[str, int]:
    """For every refused file the newest refusal with one of `decisions`."""
    if not table_exists(cursor, layout.DECISIONS):
        return {}
    found = cursor.execute(
        f"SELECT file, max(refusal) FROM {qualified(layout.DECISIONS)} "
        "WHERE source = ? AND kind = 'file' AND list_contains(?, decision) GROUP BY file",
        [source, list(decisions)],
    )
    return dict(found.fetchall())


def describe_undecided(found: Undecided) -> str:
    """One undecided item as a clause: what, of which file, and why."""
    if found.kind == "file":
        return f"{found.file} was refused: {next(iter(found.reasons))}"
    if found.kind == "volume":
        return f"{found.file} has too few rows: {found.rows:,}"
    if found.kind == "columns":
        return f"{found.file}: {next(iter(found.reasons))}"
    reasons = ", ".join(f"{reason} ({n:,} rows)" for reason, n in found.reasons.items())
    return f"{found.rows:,} of {found.of:,} rows ({found.share:.2%}) of {found.file}: {reasons}"
