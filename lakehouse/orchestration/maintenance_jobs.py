"""Maintenance jobs: the lake, unused model data, leftovers of runs, and verification.

Only the wiring to Dagster, and files outside the lake; the packages that own the tables decide what
to keep in the lake.
"""

import json
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
from pydantic import Field

from lakehouse.errors import LakehouseError
from lakehouse.features.retention import drop_old_versions
from lakehouse.lake import describe_unknown, maintain, verify_lake
from lakehouse.lake.layout import feature_table
from lakehouse.models.artefact import CARD
from lakehouse.models.declared import declared_models
from lakehouse.orchestration.dbt.domains import COPIES
from lakehouse.orchestration.resources import Clock, LakeResource
from lakehouse.orchestration.runs.pruning import prune_runs
from lakehouse.registry.retention import drop_training_sets, kept_versions
from lakehouse.registry.verify import verify_artefacts
from lakehouse.registry.versions import Version
from lakehouse.scoring.inputs import drop_inputs

KEEP_LEFTOVERS = timedelta(days=7)
"""How long leftovers of runs and killed processes outside the lake stay for inspection."""


@dg.op
def maintain_lake(context: dg.OpExecutionContext, lake: LakeResource, clock: Clock) -> None:
    """Merge small files, expire old snapshots, delete unused files."""
    report = maintain(lake.lake, now=clock.now())
    context.log.info(f"{report.before} -> {report.after}, {report.files_deleted} files deleted")
    if unknown := describe_unknown(report):
        context.log.warning(unknown)
    context.add_output_metadata(
        {
            "snapshots": report.after.snapshots,
            "files": report.after.files,
            "bytes": report.after.bytes,
            "files_deleted": report.files_deleted,
            "files_unknown": len(report.unknown),
        }
    )


@dg.op(ins={"after": dg.In(dg.Nothing)})
def drop_unused(context: dg.OpExecutionContext, lake: LakeResource, clock: Clock) -> None:
    """Drop what no model needs any more: training sets, feature versions, features of decisions."""
    now, run_id = clock.now(), context.run_id
    sets = drop_training_sets(lake.lake, now=now, run_id=run_id)
    pinned = find_read_tables(kept_versions(lake.lake, now=now), lake.settings.models_dir)
    tables = drop_old_versions(lake.lake, pinned=pinned, now=now, run_id=run_id)
    models = declared_models(lake.settings.project).values()
    inputs = sum(drop_inputs(lake.lake, spec, now=now, run_id=run_id) for spec in models)
    context.log.info(f"dropped: {', '.join([*sets, *tables]) or 'nothing'}")
    context.log.info(f"stored features of {inputs:,} decisions deleted")
    context.add_output_metadata(
        {
            "training_sets": len(sets),
            "feature_versions": len(tables),
            "features_of_decisions": inputs,
        }
    )


def find_read_tables(versions: Iterable[Version], models_dir: Path) -> set[str]:
    """The feature tables that these versions read, `features.<set>__<version>`.

    Read from their model cards instead of the registry's list of training sets: another version of
    a set may have produced the same rows.

    Raises:
        LakehouseError: for an unreadable card, because then the unused tables are unknown.
    """
    tables: set[str] = set()
    for version in versions:
        card = models_dir / version.artefact / CARD
        try:
            sets = json.loads(card.read_bytes())["features"]["feature_sets"]
            tables |= {feature_table(name, found) for name, found in sets.items()}
        except (OSError, ValueError, KeyError) as error:
            raise LakehouseError(
                f"{version.model} {version.version} is kept, but its feature tables cannot be read "
                f"from {card} ({error}), so none was dropped; restore it from a backup"
            ) from error
    return tables


@dg.op(ins={"after": dg.In(dg.Nothing)})
def prune_leftovers(context: dg.OpExecutionContext, lake: LakeResource, clock: Clock) -> None:
    """Delete leftovers of dbt, of Dagster and of killed processes."""
    data = lake.settings.data_dir
    limit = clock.now() - KEEP_LEFTOVERS
    places = (
        (data / "dbt" / "target" / "runs", "*"),
        (data / "dbt" / COPIES, "*"),
        (data / "dagster" / "compute_logs", "*"),
        (data / "logs", "*"),
        (data / "spill", "*"),
        (lake.settings.models_dir, "*/.unfinished-*"),
    )
    pruned = sum(prune_folder(*place, limit) for place in places)
    context.log.info(f"{pruned} leftovers from before {limit:%Y-%m-%d} deleted")


@dg.op(ins={"after": dg.In(dg.Nothing)})
def prune_history(context: dg.OpExecutionContext, lake: LakeResource, clock: Clock) -> None:
    """Delete old runs from Dagster's history, with their files."""
    deleted = prune_runs(context.instance, lake.settings, clock.now())
    context.log.info(f"{deleted} runs deleted from the history")
    context.add_output_metadata({"runs": deleted})


def prune_folder(folder: Path, pattern: str, older_than: datetime) -> int:
    """Delete what matches `pattern` in `folder` and was last changed before `older_than`.

    Returns the number of deleted files and folders; a folder counts once with its content.
    """
    old = [
        entry
        for entry in folder.glob(pattern)
        if datetime.fromtimestamp(entry.stat().st_mtime, UTC) < older_than
    ]
    for entry in old:
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    return len(old)


class Verify(dg.Config):
    """How thoroughly to verify."""

    full: bool = Field(default=True, description="Read every byte, not only sizes and footers")


@dg.op
def verify_files(context: dg.OpExecutionContext, config: Verify, lake: LakeResource) -> None:
    """Compare the files of the lake and of model versions with their recorded hashes."""
    report = verify_lake(lake.lake, full=config.full)
    verify_artefacts(lake.lake, report)
    for reason in report.untold:
        context.log.info(f"not verified: {reason}")
    if report.damage:
        problems = [f"{damage.what} {damage.problem}" for damage in report.damage]
        raise dg.Failure(
            f"{len(problems)} damaged items; the first: {problems[0]}",
            metadata={"damaged": "\n".join(problems), **report.looked_at},
            allow_retries=False,
        )
    context.add_output_metadata({"not verified": "\n".join(report.untold), **report.looked_at})


@dg.job(
    description="Compare the files of the lake and of model versions with their recorded hashes."
)
def verification() -> None:
    """Sizes and footers daily, every byte weekly."""
    verify_files()


@dg.job(description="Daily maintenance of the lake, and removal of what runs left behind.")
def maintenance() -> None:
    """Maintenance: what is dropped today leaves the disk when its snapshots expire."""
    maintained = maintain_lake()
    drop_unused(after=maintained)
    prune_leftovers(after=maintained)
    prune_history(after=maintained)
