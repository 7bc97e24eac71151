"""`lakehouse maintain`: maintenance of the lake and of the run history."""

from typing import TYPE_CHECKING

import click

from lakehouse.cli.options import examples, pass_settings
from lakehouse.cli.output import print_line, warn

if TYPE_CHECKING:
    from lakehouse.settings import Settings


@click.command("maintain", epilog=examples("lakehouse maintain"))
@click.option(
    "--adopt",
    is_flag=True,
    help="Claim a storage that an older release used, including all unknown lake files in it.",
)
@pass_settings
def command(settings: "Settings", adopt: bool) -> None:
    """Maintain the lake and the run history.

    Merges small files, expires old snapshots, and deletes unused files and old runs. A daily job
    does the same while the daemon runs.
    """
    from datetime import UTC, datetime

    from lakehouse.cli.opening import open_lake
    from lakehouse.lake import describe_unknown, maintain
    from lakehouse.orchestration.runs.instance import open_instance
    from lakehouse.orchestration.runs.launcher import end_killed_runs
    from lakehouse.orchestration.runs.pruning import prune_runs

    with open_lake(settings, read_only=False) as lake:
        done = maintain(lake, adopt=adopt)
    with open_instance(settings) as instance:
        end_killed_runs(instance)
        runs = prune_runs(instance, settings, datetime.now(UTC))
    print_line(
        f"snapshots {done.before.snapshots} -> {done.after.snapshots}, "
        f"files {done.before.files} -> {done.after.files}, "
        f"{done.before.bytes / 1e6:.1f} -> {done.after.bytes / 1e6:.1f} MB, "
        f"{done.files_deleted} unused files deleted, {runs} runs deleted from the history"
    )
    if unknown := describe_unknown(done):
        warn(f"warning: {unknown}")
