"""A run in a separate process that receives a signal SECONDS after its dbt step began.

`python -m tests.orchestration.stopped_dbt SECONDS` in a data folder; dbt would take an hour. It
prints the seconds from the signal to the end of the run, its errors, and whether the lake is free.
"""

import json
import os
import signal
import sys
import threading
import time

import dagster as dg

from lakehouse.lake import Author, Lake
from lakehouse.orchestration.dbt.assets import build_dbt_assets
from lakehouse.orchestration.dbt.project import DbtProjectFiles
from lakehouse.orchestration.resources import LakeResource, Refresh
from lakehouse.orchestration.runs.in_process import run_assets
from lakehouse.settings import Settings, load_settings

MODELS = {
    "first": "-- {{ source('raw', 'before') }}\nselect 1 as n",
    "slow": "-- {{ ref('first') }}\nselect count(*) as n from range(1000000000000)"
    " where range % 7 = 3",
}
SOURCES = {"version": 2, "sources": [{"name": "raw", "tables": [{"name": "before"}]}]}


def definitions(settings: Settings, sent: list[float], seconds: float) -> dg.Definitions:
    def send() -> None:
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    @dg.asset(key=["raw", "before"])
    def before() -> None:
        threading.Timer(seconds, send).start()

    return dg.Definitions(
        assets=[before, *build_dbt_assets(DbtProjectFiles(settings))],
        jobs=[dg.define_asset_job("refresh")],
        resources={"refresh": Refresh(), "lake": LakeResource()},
    )


if __name__ == "__main__":
    settings = load_settings()
    sent: list[float] = []
    out = sys.stdout  # the run redirects standard output to a file
    summary = run_assets(definitions(settings, sent, float(sys.argv[1])), settings)
    took = time.monotonic() - sent[0]
    with Lake(settings.model_copy(update={"lock_timeout": 1.0})) as lake:
        with lake.writer(Author("the next one")) as cursor:
            cursor.execute("CREATE OR REPLACE TABLE ops.next AS SELECT 1 AS i")
        half = lake.exists("core.slow")
    errors = [problem.error for problem in summary.problems]
    print(json.dumps({"took": took, "errors": errors, "half": half}), file=out)
