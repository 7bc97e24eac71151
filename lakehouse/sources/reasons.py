"""Why a source has no rows, or no new ones, in a sentence."""

from collections.abc import Mapping

from lakehouse.sources.load_report import LoadReport
from lakehouse.sources.manifest import Counts, Entry


def why_no_rows(report: LoadReport, entries: Mapping[str, Entry], root: str) -> str:
    """Why `report` has no rows; empty if it has some.

    `entries` are the newest of all files of the source, `root` is its landing folder.
    """
    if report.rows:
        return ""
    reasons = []
    if report.rejected:
        reasons.append(f"every row was rejected ({report.rejected:,})")
    elif report.files:
        reasons.append(f"{_count(len(report.files), 'new file')} had no rows")
    if report.skipped_files:
        count = _count(len(report.skipped_files), "new file")
        reasons.append(f"{count} skipped: {_first(report.skipped_files)}")
    if report.quarantined_files:
        reasons.append(
            f"{_count(len(report.quarantined_files), 'file')} refused: "
            f"{_first(report.quarantined_files)}"
        )
    waiting = {
        entry.file: entry.reason or "refused"
        for entry in entries.values()
        if entry.status == "quarantined" and entry.file not in report.quarantined_files
    }
    newest = max(entries.values(), key=lambda entry: entry.number, default=None)
    if not reasons and newest is None:
        reasons.append(f"no file has landed in {root}")
    elif not reasons and newest is not None:
        reasons.append(f"no new file since {newest.file} ({newest.loaded_at:%Y-%m-%d %H:%M} UTC)")
    if waiting:
        reasons.append(f"{_count(len(waiting), 'file')} refused before: {_first(waiting)}")
    return "; ".join(reasons)


def note_on(counts: Counts, pending: int) -> str:
    """What a person should know about a source with these counts and `pending` files."""
    notes = []
    if pending:
        notes.append(f"{_count(pending, 'new file')} to load with `lakehouse run`")
    if counts.refused:
        notes.append(f"{_count(counts.refused, 'file')} refused: see `lakehouse quarantine list`")
    if not counts.rows:
        if counts.rejected:
            notes.append(f"every row was rejected ({counts.rejected:,})")
        elif counts.loaded:
            notes.append("its files have no rows")
        elif counts.unloaded:
            notes.append("its files were unloaded")
        elif not notes:
            notes.append("no file has landed")
    return "; ".join(notes)


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'s' if number != 1 else ''}"


def _first(reasons: Mapping[str, str]) -> str:
    name, reason = next(iter(reasons.items()))
    more = f" (and {len(reasons) - 1:,} more)" if len(reasons) > 1 else ""
    return f"{name}: {reason}{more}"
