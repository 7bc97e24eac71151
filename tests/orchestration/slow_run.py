"""A run in a separate process: `python -m tests.orchestration.slow_run SECONDS` in a data folder.

It writes when its step began and ended, and prints which run it waited for and how it ended. A file
`enough` in the data folder ends it sooner.
"""

import os
import sys
import time

import dagster as dg

from lakehouse.orchestration.resources import LakeResource, Refresh
from lakehouse.orchestration.runs.in_process import Waiting, run_assets
from lakehouse.settings import Settings, load_settings


def definitions(settings: Settings, seconds: float) -> dg.Definitions:
    @dg.asset(key=["raw", "slow"])
    def slow(lake: LakeResource, refresh: Refresh) -> None:
        with (settings.data_dir / "trace").open("a") as trace:
            print(time.time(), "begin", os.getpid(), file=trace, flush=True)
            end = time.monotonic() + seconds
            while time.monotonic() < end and not (settings.data_dir / "enough").exists():
                time.sleep(0.05)
            print(time.time(), "end", os.getpid(), file=trace, flush=True)

    return dg.Definitions(
        assets=[slow],
        jobs=[dg.define_asset_job("refresh")],
        resources={"lake": LakeResource(), "refresh": Refresh()},
        executor=dg.in_process_executor,
    )


if __name__ == "__main__":
    settings = load_settings()
    out = sys.stdout  # the run redirects standard output to a file

    def report(event: object) -> None:
        if isinstance(event, Waiting):
            print("waiting for", event.other, file=out, flush=True)

    summary = run_assets(definitions(settings, float(sys.argv[1])), settings, on_event=report)
    print(summary.run_id, summary.success, flush=True)
