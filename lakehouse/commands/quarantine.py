"""`lakehouse quarantine`: what was set aside and waits for somebody, and the decisions about it."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from lakehouse.commands.models import user
from lakehouse.commands.opening import open_lake
from lakehouse.commands.output import Output, Toned, say
from lakehouse.lake import Lake
from lakehouse.lake.lake import table_exists
from lakehouse.settings import Settings
from lakehouse.sources import SourceSpec, manifest
from lakehouse.sources.decisions import Choice, Decision, discard, list_decisions, release
from lakehouse.sources.errors import UnknownSource
from lakehouse.sources.undecided import WHY, Undecided, find_undecided, undecided_rows
from lakehouse.specs import find_specs


def find_source(name: str) -> SourceSpec:
    """The declaration of the source called `name`. Raises `UnknownSource`, naming all others."""
    specs = {spec.name: spec for spec in find_specs("Source", SourceSpec)}
    if name not in specs:
        known = ", ".join(sorted(specs)) or "none"
        raise UnknownSource(f"no source is called {name}; declared are {known}")
    return specs[name]


def undecided_of(lake: Lake, source: str = "") -> list[Undecided]:
    """What waits for a decision, of one source or of all that are declared."""
    specs = [find_source(source)] if source else find_specs("Source", SourceSpec)
    with lake.reader() as cursor:
        return [found for spec in specs for found in find_undecided(cursor, spec)]


def list_command(settings: Settings, source: str, *, decided: bool, as_json: bool) -> None:
    """Print what is undecided, a line for each file and reason; or the decisions made."""
    with open_lake(settings) as lake:
        if decided:
            _print_decisions(list_decisions(lake, source), as_json=as_json)
            return
        found = undecided_of(lake, source)
    if as_json:
        Output().json([as_row(one) for one in found])
        return
    if not found:
        say("nothing is undecided")
        return
    rows = [
        (
            one.source,
            one.file,
            Toned("flood", "bad") if one.is_flood else WHAT[one.kind],
            "" if one.kind == "file" else f"{count:,}",
            "" if one.kind == "file" else f"{one.of:,}",
            reason,
        )
        for one in found
        for reason, count in one.reasons.items()
    ]
    Output().table(("source", "file", "what", "rows", "of", "reason"), rows, right=(3, 4))
    say("Decide with `lakehouse quarantine release SOURCE` or `... discard SOURCE`.")


WHAT = {
    "rows": "rejected rows",
    "file": "refused file",
    "volume": "too few rows",
    "columns": "columns",
}


def as_row(found: Undecided) -> dict[str, Any]:
    """One undecided thing, ready for JSON."""
    return {**asdict(found), "share": found.share, "blocks": found.is_flood}


def show_command(
    settings: Settings, source: str, file: str, reason: str, *, limit: int, as_json: bool
) -> None:
    """Print undecided rows of a source: where each is, what is wrong with it, its text."""
    spec = find_source(source)
    query = (
        f"{{}} AND (? = '' OR q._file = ?) AND (? = '' OR {WHY} = ?) "
        "ORDER BY q._load_id, q._row LIMIT ?"
    )
    names = ("file", "row", "reason", "text")
    rows: list[tuple[Any, ...]] = []
    with open_lake(settings) as lake, lake.reader() as cursor:
        if table_exists(cursor, manifest.QUARANTINE):
            undecided = undecided_rows(cursor, f"q._file, q._row, {WHY}, q.text")
            parameters = [spec.name, file, file, reason, reason, limit]
            rows = cursor.execute(query.format(undecided), parameters).fetchall()
    if as_json:
        Output().json([dict(zip(names, row, strict=True)) for row in rows])
        return
    if not rows:
        say("no such rows are undecided; `lakehouse quarantine list` has what is")
        return
    Output().table(names, [["" if v is None else str(v) for v in row] for row in rows])


def release_command(settings: Settings, source: str, file: str, reason: str, *, why: str) -> None:
    """Try again what was chosen with the next load."""
    spec = find_source(source)
    with open_lake(settings, read_only=False) as lake:
        made = release(
            spec,
            lake,
            settings,
            Choice(file, reason),
            who=user(),
            why=why,
            now=datetime.now(UTC),
        )
        left = [one for one in undecided_of(lake, source) if not file or one.file == file]
    for one in made:
        what = f"{one.rows:,} rows of {one.file} are in {one.released_into}"
        say(what if one.kind == "rows" else f"{one.file} will be read again")
    if left:
        say(f"{len(left):,} files keep something undecided: lakehouse quarantine list")
    say(f"Load with `lakehouse run --select raw/{source}+`.")


def discard_command(settings: Settings, source: str, file: str, reason: str, *, why: str) -> None:
    """Accept the loss of what was chosen."""
    spec = find_source(source)
    with open_lake(settings, read_only=False) as lake:
        made = discard(spec, lake, Choice(file, reason), who=user(), why=why, now=datetime.now(UTC))
    for one in made:
        what = f"{one.rows:,} rows of {one.file}" if one.kind == "rows" else one.file
        say(f"{what}: {WHAT[one.kind]}, accepted")
    say(f"The checks know with the next `lakehouse run --select raw/{source}+`.")


def _print_decisions(decisions: list[Decision], *, as_json: bool) -> None:
    if as_json:
        Output().json([asdict(one) for one in decisions])
        return
    if not decisions:
        say("nothing was decided yet")
        return
    head = ("when", "who", "decision", "source", "file", "what", "rows", "why")
    rows = [
        (
            f"{one.decided_at:%Y-%m-%d %H:%M}",
            one.who,
            one.decision,
            one.source,
            one.file,
            WHAT[one.kind] + (f" ({one.reason})" if one.reason else ""),
            f"{one.rows:,}",
            one.why,
        )
        for one in decisions
    ]
    Output().table(head, rows, right=(6,))
