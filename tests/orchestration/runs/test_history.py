import threading

import dagster as dg
import pytest
import yaml
from dagster._core.storage.event_log import SqliteEventLogStorage

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


def dagsters_own(folder):
    return ours(folder) | {
        "module": "dagster._core.storage.sqlite_storage",
        "class": "DagsterSqliteStorage",
    }


@dg.asset(check_specs=[dg.AssetCheckSpec("fine", asset="thing")])
def thing():
    yield dg.MaterializeResult(metadata={"rows": 3})
    yield dg.AssetCheckResult(check_name="fine", passed=True)


def materialize(opened):
    return dg.materialize([thing], instance=opened)


def read_events(opened, run_id):
    """The history of a run, without times."""
    logs = opened.all_logs(run_id)
    return [(log.step_key, log.dagster_event_type, log.user_message) for log in logs]


@pytest.mark.slow
def test_dagsters_storage_and_ours_read_what_the_other_wrote(tmp_path):
    runs = []
    for write, read in ((ours, dagsters_own), (dagsters_own, ours)):
        with instance(tmp_path, write(tmp_path)) as opened:
            runs.append(materialize(opened).run_id)
            expected = read_events(opened, runs[-1])
        with instance(tmp_path, read(tmp_path)) as opened:
            assert read_events(opened, runs[-1]) == expected
            event = opened.get_latest_materialization_event(dg.AssetKey("thing"))
            assert event.run_id == runs[-1]
            assert set(runs) <= set(opened.get_run_ids())
    assert len(expected) > 8


def test_the_project_uses_our_history_storage(settings):
    with open_instance(settings) as opened:
        assert isinstance(opened.event_log_storage, EventLog)


def test_a_table_of_the_index_is_looked_up_only_once(tmp_path, monkeypatch):
    """Dagster looks it up for each event, with a connection of its own."""
    asked, look_up = [], SqliteEventLogStorage.has_table
    monkeypatch.setattr(
        SqliteEventLogStorage,
        "has_table",
        lambda log, name: asked.append(name) or look_up(log, name),
    )
    with instance(tmp_path, ours(tmp_path)) as opened:
        materialize(opened)
        assert not opened.event_log_storage.has_table("unknown")
    assert "asset_check_executions" in asked
    assert len(asked) == len({*asked})


@pytest.mark.slow
def test_the_number_of_open_databases_is_limited(tmp_path):
    with instance(tmp_path, ours(tmp_path)) as opened:
        runs = [materialize(opened).run_id for _ in range(MAX_OPEN + 2)]
        for run_id in runs:
            assert read_events(opened, run_id)
        assert len(opened.event_log_storage._engines) <= MAX_OPEN
    assert not opened.event_log_storage._engines


def test_threads_can_read_at_the_same_time(tmp_path):
    with instance(tmp_path, ours(tmp_path)) as opened:
        run_id = materialize(opened).run_id
        expected, results = read_events(opened, run_id), []
        threads = [
            threading.Thread(target=lambda: results.append(read_events(opened, run_id)))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == [expected] * 8


def test_a_failed_write_leaves_nothing_behind(tmp_path):
    with instance(tmp_path, ours(tmp_path)) as opened:
        run_id = materialize(opened).run_id
        before = read_events(opened, run_id)
        log = opened.event_log_storage
        with pytest.raises(ZeroDivisionError), log.run_connection(run_id) as connection:
            connection.exec_driver_sql("DELETE FROM event_logs")
            raise ZeroDivisionError
        assert read_events(opened, run_id) == before


def test_event_cursors_are_initialized_only_once(settings):
    key = "EVENT_LOG_CONSUMER_CURSOR-PIPELINE_FAILURE"  # the daemon's key
    with open_instance(settings) as opened:
        init_event_cursors(opened)
        assert opened.daemon_cursor_storage.get_cursor_values({key}) == {key: "0"}
        materialize(opened)
        init_event_cursors(opened)
        assert opened.daemon_cursor_storage.get_cursor_values({key}) == {key: "0"}
