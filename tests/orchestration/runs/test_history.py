import threading

import dagster as dg
import pytest
import yaml

from lakehouse.orchestration.runs.history import MAX_OPEN, EventLog
from lakehouse.orchestration.runs.instance import init_event_cursors, open_instance


def instance(folder, storage):
    (folder / "dagster.yaml").write_text(yaml.safe_dump({"storage": {"custom": storage}}))
    return dg.DagsterInstance.from_config(str(folder))


def ours(folder):
    return {
        "module": "lakehouse.orchestration.runs.history",
        "class": "SqliteHistory",
        "config": {"base_dir": str(folder / "history")},
    }


def dagsters(folder):
    return ours(folder) | {
        "module": "dagster._core.storage.sqlite_storage",
        "class": "DagsterSqliteStorage",
    }


@dg.asset(check_specs=[dg.AssetCheckSpec("fine", asset="thing")])
def thing():
    yield dg.MaterializeResult(metadata={"rows": 3})
    yield dg.AssetCheckResult(check_name="fine", passed=True)


def materialize(used):
    return dg.materialize([thing], instance=used)


def story(used, run_id):
    """The history of a run, without times."""
    logs = used.all_logs(run_id)
    return [(log.step_key, log.dagster_event_type, log.user_message) for log in logs]


def test_dagsters_own_storage_reads_what_ours_wrote_and_the_other_way_round(tmp_path):
    runs = []
    for write, read in ((ours, dagsters), (dagsters, ours)):
        with instance(tmp_path, write(tmp_path)) as used:
            runs.append(materialize(used).run_id)
            told = story(used, runs[-1])
        with instance(tmp_path, read(tmp_path)) as used:
            assert story(used, runs[-1]) == told
            event = used.get_latest_materialization_event(dg.AssetKey("thing"))
            assert event.run_id == runs[-1]
            assert set(runs) <= set(used.get_run_ids())
    assert len(told) > 8


def test_the_project_keeps_its_history_with_it(settings):
    with open_instance(settings) as used:
        assert isinstance(used.event_log_storage, EventLog)


@pytest.mark.slow
def test_few_databases_stay_open_however_many_runs_are_looked_at(tmp_path):
    with instance(tmp_path, ours(tmp_path)) as used:
        runs = [materialize(used).run_id for _ in range(MAX_OPEN + 2)]
        for run_id in runs:
            assert story(used, run_id)
        assert len(used.event_log_storage._engines) <= MAX_OPEN
    assert not used.event_log_storage._engines


def test_threads_take_turns(tmp_path):
    with instance(tmp_path, ours(tmp_path)) as used:
        run_id = materialize(used).run_id
        told, stories = story(used, run_id), []
        threads = [
            threading.Thread(target=lambda: stories.append(story(used, run_id))) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert stories == [told] * 8


def test_a_failed_write_leaves_nothing_behind(tmp_path):
    with instance(tmp_path, ours(tmp_path)) as used:
        run_id = materialize(used).run_id
        before = story(used, run_id)
        log = used.event_log_storage
        with pytest.raises(ZeroDivisionError), log.run_connection(run_id) as connection:
            connection.exec_driver_sql("DELETE FROM event_logs")
            raise ZeroDivisionError
        assert story(used, run_id) == before


def test_from_where_killed_runs_are_looked_for_is_noted_once(settings):
    key = "EVENT_LOG_CONSUMER_CURSOR-PIPELINE_FAILURE"  # the daemon's key
    with open_instance(settings) as used:
        init_event_cursors(used)
        assert used.daemon_cursor_storage.get_cursor_values({key}) == {key: "0"}
        materialize(used)
        init_event_cursors(used)
        assert used.daemon_cursor_storage.get_cursor_values({key}) == {key: "0"}
