"""A program in which every part fails and prints its secrets: run it with `python -m`.

`PLANTED` names the environment variables with the secrets, which the program writes to every
possible output.
"""

import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorType, TickData, TickStatus
from dagster._daemon.types import DaemonHeartbeat
from dagster._utils.error import serializable_error_info_from_exc_info

from lakehouse.definitions import defs
from lakehouse.lake import Lake
from lakehouse.orchestration.components import Source
from lakehouse.orchestration.resources import Clock, LakeResource, Refresh
from lakehouse.orchestration.runs import retries
from lakehouse.orchestration.runs.in_process import JOB, run_assets
from lakehouse.orchestration.runs.instance import open_instance
from lakehouse.orchestration.runs.webhook import post_or_log
from lakehouse.orchestration.sensors import build_failure_sensor
from lakehouse.settings import Settings, load_settings
from lakehouse.sources.pii import token_key
from lakehouse.sources.places import resolve
from lakehouse.tracking import mirror
from lakehouse.tracking.mlflow import MissingExtra
from tests.sources.conftest import PAYMENTS, column, make_spec

SECRETS = [os.environ[name] for name in os.environ["PLANTED"].split(",")]
ALL_SECRETS = "; ".join(SECRETS)
SOURCES = (
    make_spec(
        [*PAYMENTS, column("op")],
        name="bank",
        contract={"on_change": "freeze"},
        connector={"kind": "database", "url": "${BANK_URL}", "table": "payments"},
    ),
    make_spec(
        name="rates",
        connector={"kind": "api", "url": "${RATES_URL}", "start": "2026-01-01", "attempts": 1},
    ),
    make_spec(
        name="prices",
        connector={
            "kind": "api",
            "url": "http://127.0.0.1:1/${PRICES_API_KEY}/v1",
            "start": "2026-01-01",
            "attempts": 1,
        },
    ),
)


@dg.asset(check_specs=[dg.AssetCheckSpec("logs", asset="logs")])
def logs(context: dg.AssetExecutionContext) -> Iterator[object]:
    context.log.info(ALL_SECRETS)
    print(ALL_SECRETS)
    library = logging.getLogger("a.library")
    try:
        raise ValueError(ALL_SECRETS)
    except ValueError as error:
        context.log.exception("caught")
        library.warning("with %s and %r", error, SECRETS, exc_info=True)
        library.warning("with %(it)s", {"it": ALL_SECRETS})
    yield dg.MaterializeResult(
        metadata={"text": ALL_SECRETS, "json": {"deep": [{"in": ALL_SECRETS}]}}
    )
    yield dg.AssetCheckResult(
        passed=False, description=ALL_SECRETS, metadata={"remedy": ALL_SECRETS}
    )


@dg.asset
def raises() -> None:
    try:
        raise KeyError(ALL_SECRETS)
    except KeyError as error:
        raise RuntimeError(f"because of {SECRETS}") from error


def definitions() -> dg.Definitions:
    return dg.Definitions.merge(
        *(Source(spec).definitions() for spec in SOURCES),
        dg.Definitions(
            assets=[logs, raises],
            jobs=[dg.define_asset_job(JOB)],
            resources={"lake": LakeResource(), "clock": Clock(), "refresh": Refresh()},
        ),
    )


def run_graph(settings: Settings) -> str:
    summary = run_assets(definitions(), settings, on_event=print)
    assert len(summary.problems) >= 4, summary
    assert summary.failed_checks, summary
    print(summary)
    return summary.run_id


def run_daemon(settings: Settings, run_id: str) -> None:
    """What Dagster's daemon stores of a failing sensor: a tick, its log, a heartbeat."""
    with open_instance(settings) as instance:
        run = instance.get_run_by_id(run_id)
        assert run
        events = (entry.dagster_event for entry in instance.all_logs(run_id))
        failure = [e for e in events if e and e.event_type == dg.DagsterEventType.RUN_FAILURE][-1]
        context = dg.build_run_status_sensor_context(
            sensor_name="failed_runs",
            dagster_event=failure,
            dagster_instance=instance,
            dagster_run=run,
            resources={"lake": LakeResource()},
        ).for_run_failure()
        try:
            with context:
                build_failure_sensor()(context)
        except OSError:
            logging.getLogger("dagster").exception("the sensor failed")
            error = serializable_error_info_from_exc_info(sys.exc_info())
            tick = TickData("o", "s", InstigatorType.SENSOR, TickStatus.FAILURE, 0.0, error=error)
            instance.create_tick(tick)
            skipped = TickData("o", "s", InstigatorType.SENSOR, TickStatus.SKIPPED, 0.0)
            instance.create_tick(skipped.with_reason(ALL_SECRETS))
            instance.add_daemon_heartbeat(DaemonHeartbeat(0.0, "SENSOR", "1", [error]))


def fail_in_thread() -> None:
    raise RuntimeError(ALL_SECRETS)


def main() -> None:
    defs()  # as every Dagster process does
    retries.FIRST_WAIT = 0.01
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    settings = load_settings()
    token_key(settings)
    for spec in SOURCES:
        resolve(getattr(spec.connector, "url", ""), settings)
    run_id = run_graph(settings)
    run_daemon(settings, run_id)
    post_or_log(settings, {"text": ALL_SECRETS}, logging.getLogger("webhook").warning)
    with Lake(settings) as lake, suppress(MissingExtra):
        print(mirror(lake, "no_model"), file=sys.stderr)
    print(repr(settings), file=sys.stderr)
    thread = threading.Thread(target=fail_in_thread)
    thread.start()
    thread.join()
    raise RuntimeError(ALL_SECRETS)


if __name__ == "__main__":
    main()
