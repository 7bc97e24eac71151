"""The checks of a source, and their results from the lake.

A check with nothing to examine does not pass; it warns.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from lakehouse.lake.layout import QUARANTINED
from lakehouse.orchestration.components.base import asset_key
from lakehouse.sources import LoadReport, SourceSpec
from lakehouse.sources.landing import Landing
from lakehouse.sources.manifest import Counts
from lakehouse.sources.undecided import (
    TOLERATED_ROWS,
    TOLERATED_SHARE,
    Kind,
    Undecided,
    describe_undecided,
)

MAX_NAMED = 5
"""The maximum number of undecided files named in a check; `lakehouse quarantine list` lists all."""
DAY = timedelta(days=1)
DEFAULT_AGE = timedelta(days=2)
NOTHING_LOADED = "nothing was ever loaded, so nothing was checked"
NO_ROWS = "no loaded file had any rows, so nothing was checked"

PRIVATE_DESCRIPTION = "Only their owner may read the landed files, which hold personal data."
RAW_CHECKS = {
    "contract": f"At most {TOLERATED_SHARE:.0%} of the rows of each load, or {TOLERATED_ROWS} "
    "rows, are rejected and undecided, whichever run loaded them.",
    "quarantine": "No row or file in quarantine waits for a decision.",
    "volume": "Every loaded file has at least the number of rows declared, or was accepted.",
    "columns": "Every loaded file has the contract's columns and lost none, or was accepted.",
    "data_age": "The data themselves are recent, not only the last run.",
}
"""The checks of a raw table, in order.

Only `contract` blocks: automation treats any failure of a blocking check as a stop.
"""


def build_check_specs(spec: SourceSpec) -> list[dg.AssetCheckSpec]:
    """The checks of a source, without those that do not apply to its spec."""
    landing, raw = _keys(spec)
    has = {"volume": bool(spec.volume.min_rows), "data_age": has_age(spec)}
    names = [name for name in RAW_CHECKS if has.get(name, True)]
    private = [dg.AssetCheckSpec("private", asset=landing, description=PRIVATE_DESCRIPTION)]
    return [
        *(private if spec.contract.personal else []),
        *(
            dg.AssetCheckSpec(
                name, asset=raw, blocking=name == "contract", description=RAW_CHECKS[name]
            )
            for name in names
        ),
    ]


def check_private(spec: SourceSpec, files: Landing) -> dg.AssetCheckResult:
    """Warn if other users may read files with personal data; another user may own the files.

    Permissions stay unchanged: restricting them would stop a process that delivers the files as
    another user.
    """
    landing, _ = _keys(spec)
    if files.remote:
        return _nothing_to_check(
            landing, "private", "not checked: the object store's policies decide"
        )
    if not files.files():
        return _nothing_to_check(landing, "private", f"there are no files in {files.root}")
    exposed = files.open_to_others()
    found = f"{len(exposed)} landed files and folders: {', '.join(exposed[:MAX_NAMED])}"
    return _result(
        landing,
        "private",
        f"users other than their owner may read or change {found}" if exposed else "",
        f"only its owner may read {files.root}",
        {"remedy": f"chmod -R go= {files.root}"} if exposed else {},
    )


def check_load(
    spec: SourceSpec, counts: Counts, undecided: Sequence[Undecided], report: LoadReport
) -> Iterator[dg.AssetCheckResult]:
    """Check the source's state in the lake: many bad rows block, single ones only warn.

    All undecided rows count until they are decided, whichever run loaded them; the last `report`
    adds only what no table stores. For a source without rows, automation holds back the staging
    alone.
    """
    _, raw = _keys(spec)
    rows = _of_kind(undecided, "rows")
    broken, total = sum(found.rows for found in rows), sum(found.of for found in rows)
    share = broken / max(total, 1)
    summary = (
        f"{broken:,} of {total:,} rows ({share:.2%}) in {len(rows):,} files are rejected and "
        "undecided"
    )
    if counts.rows + counts.rejected:
        floods = [found for found in rows if found.is_flood]
        yield _result(
            raw,
            "contract",
            _describe(spec, floods) if floods else "",
            f"no load exceeds the limit: {summary}",
            {"undecided_share": share},
            dg.AssetCheckSeverity.ERROR,
        )
    else:
        yield _nothing_to_check(raw, "contract", NO_ROWS if counts.loaded else NOTHING_LOADED)

    quarantined = _of_kind(undecided, "rows", "file")
    problems = [summary] if len(rows) > 1 else []
    problems += [_describe(spec, quarantined)] if quarantined else []
    problems += [f"{file} was altered after it was loaded" for file in report.altered_files]
    if counts.loaded or problems:
        yield _result(
            raw,
            "quarantine",
            "; ".join(problems),
            "nothing in quarantine is undecided",
            {"query": f"SELECT * FROM {QUARANTINED}"},
        )
    else:
        yield _nothing_to_check(raw, "quarantine", NOTHING_LOADED)

    if spec.volume.min_rows:
        short = _of_kind(undecided, "volume")
        loaded = f"{counts.rows:,} rows from {counts.loaded:,} files"
        yield (
            _result(raw, "volume", _describe(spec, short) if short else "", loaded)
            if counts.loaded
            else _nothing_to_check(raw, "volume", NOTHING_LOADED)
        )

    if counts.rows + counts.rejected:
        drifted = _of_kind(undecided, "columns")
        good = "no undecided file lacks or has lost a column"
        yield _result(raw, "columns", _describe(spec, drifted) if drifted else "", good)
    else:
        yield _nothing_to_check(raw, "columns", NO_ROWS if counts.loaded else NOTHING_LOADED)


def has_age(spec: SourceSpec) -> bool:
    """Whether the data can be too old: a static lookup only if its freshness is declared."""
    return not spec.is_static or spec.freshness is not None


def check_age(spec: SourceSpec, seal: datetime | None, now: datetime) -> dg.AssetCheckResult:
    """Whether the source is complete up to a recent enough time; warns if not.

    Data from the future are not fresh: a seal or a clock is wrong. This is a warning as well,
    because the embedded world may move past today.
    """
    _, raw = _keys(spec)
    if seal is None:
        return _nothing_to_check(raw, "data_age", "nothing was ever loaded")
    limit = spec.freshness.fail if spec.freshness else DEFAULT_AGE
    age = now - seal.replace(tzinfo=UTC)
    complete = f"complete up to {seal:%Y-%m-%d %H:%M} UTC, "
    ahead = (
        f"{complete}{-age / DAY:.1f} days ahead of the clock; correct the clock, or unload the "
        f"file with that seal (`lakehouse sources unload {spec.name} FILE`)"
    )
    behind = f"{complete}{age / DAY:.1f} days ago; at most {limit / DAY:.1f} are expected"
    problem = ahead if age < timedelta() else behind if age > limit else ""
    return _result(raw, "data_age", problem, behind)


def _keys(spec: SourceSpec) -> tuple[dg.AssetKey, dg.AssetKey]:
    return dg.AssetKey(["landing", spec.name]), asset_key(spec.table)


def _of_kind(undecided: Sequence[Undecided], *kinds: Kind) -> list[Undecided]:
    return [found for found in undecided if found.kind in kinds]


def _result(
    asset: dg.AssetKey,
    name: str,
    problem: str,
    good: str,
    metadata: Mapping[str, Any] | None = None,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.WARN,
) -> dg.AssetCheckResult:
    """Failed with `problem`, or passed with `good` when there is none."""
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=name,
        passed=not problem,
        severity=severity,
        description=problem or good,
        metadata=metadata,
    )


def _nothing_to_check(asset: dg.AssetKey, name: str, why: str) -> dg.AssetCheckResult:
    """A warning, which stops no run, that there was nothing to check."""
    return _result(asset, name, why, "")


def _describe(spec: SourceSpec, undecided: Sequence[Undecided]) -> str:
    """The worst undecided items, and the commands that decide them."""
    worst = sorted(undecided, key=lambda found: (found.kind != "file", -found.share, found.file))
    clauses = "; ".join(map(describe_undecided, worst[:MAX_NAMED]))
    if len(worst) > MAX_NAMED:
        clauses += f"; and {len(worst) - MAX_NAMED:,} more files"
    return (
        f"{clauses}. See `lakehouse quarantine list {spec.name}`, and `show` for the rows; then "
        f"`lakehouse quarantine release {spec.name}` tries again and `lakehouse quarantine discard "
        f"{spec.name}` accepts the loss (--file, --reason)"
    )
