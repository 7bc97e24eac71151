import json
import os

import pytest
from click.testing import CliRunner

from lakehouse.cli import main
from lakehouse.cli.users import user
from lakehouse.declarations.specs import Declarations
from lakehouse.lake import Lake
from lakehouse.models import declared
from lakehouse.registry import champion, list_transitions, list_versions
from lakehouse.scoring import score


@pytest.fixture
def run(ready, settings, monkeypatch):
    """Run `lakehouse models ...` on the lake; return status, output and errors."""
    monkeypatch.setattr(declared, "_read", lambda _: Declarations((ready.spec,)))
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)

    def invoke(*arguments, text=""):
        ready.lake.close()
        result = CliRunner().invoke(main, ["models", *arguments], input=text)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout, result.stderr

    return invoke


def test_every_version_is_listed_with_state_metric_interval_and_gates(run, ready, lake):
    status, output, _ = run("list", "--json")
    rows = json.loads(output)
    assert status == 0
    assert [(row["version"], row["state"]) for row in rows] == [
        (version.version, version.state) for version in list_versions(lake, "detector")
    ]
    for row, version in zip(rows, list_versions(lake, "detector"), strict=True):
        assert row["metric"] == "average_precision"
        assert row["value"] == version.metrics["test"]["average_precision"]
        assert row["low"] <= row["value"] <= row["high"]
        assert row["gates_failed"] == []
    _, table, _ = run("list")
    for row in rows:
        assert row["version"] in table


def test_a_broken_artefact_is_listed_with_its_problem(run, ready, lake):
    for path in (lake.settings.models_dir / ready.other.artefact).iterdir():
        path.unlink()
    _, output, _ = run("list", "--json")
    broken, whole = json.loads(output)
    assert "cannot be read" in broken["problem"]
    assert (broken["low"], whole["problem"]) == (None, "")
    status, shown, _ = run("show", "detector", ready.other.version)
    assert (status, "cannot be read" in shown.replace("\n", " ")) == (0, True)


def test_show_prints_card_gates_decisions_hashes_and_lineage(run, lake):
    version = champion(lake, "detector")
    _, output, _ = run("show", "detector", "--json")
    known = json.loads(output)
    assert (known["version"], known["files"]) == (version.version, dict(version.files))
    assert [t["to_state"] for t in known["transitions"]] == ["champion", "candidate"]
    assert known["card"]["features"]["feature_sets"] == {"context": "0a1b2c3d", "risk": "0a1b2c3d"}
    assert known["threshold"]["rule"] == "capacity"
    assert known["evaluation"]["intervals"]["average_precision"]
    _, page, _ = run("show", "detector", "v0001")
    for text in (version.version, version.training_set_id, "first version", "auc_roc"):
        assert text in page


def test_an_unknown_model_or_version_is_one_sentence_with_the_known_ones(run, ready):
    for arguments, sentence in (
        (("show", "detectr"), "no model is named detectr; the declared models are detector"),
        (("show", "detector", "v9"), "no version begins with 'v9'; known versions:"),
        (("show", "detector", "v000"), "several versions begin with 'v000'"),
        (("promote", "detector", "v9", "--why", "x"), "no version begins with 'v9'"),
        (("rollback", "detector", "--why", "x"), "has no earlier champion to go back to"),
    ):
        if arguments[1] == "detectr":
            arguments = ("promote", "detectr", "v1", "--why", "x")
        status, _, error = run(*arguments)
        assert status == 1
        assert error.startswith("error: ")
        assert error.count("\n") == 1
        assert sentence in error


def test_manual_moves_are_recorded_with_user_and_reason_and_rollback_undoes_them(run, ready, lake):
    first = champion(lake, "detector").version
    assert run("promote", "detector", "v0002", "--shadow", "--why", "a try")[0] == 0
    _, output, _ = run("promote", "detector", "v0002", text="it is better\n")
    assert f"{ready.other.version} is champion" in output
    assert champion(lake, "detector").version == ready.other.version
    newest = list_transitions(lake, "detector")[0]
    assert (newest.who, newest.why) == (user(), "it is better")
    assert newest.evidence == {"by_hand": True, "gates_failed": []}
    assert [t.to_state for t in list_transitions(lake, "detector")[:3]] == [
        "champion",
        "archived",
        "shadow",
    ]
    _, output, _ = run("rollback", "detector", "--why", "it was not")
    assert f"{first} is champion again" in output
    assert champion(lake, "detector").version == first
    assert run("archive", "detector", first, "--why", "x")[0] == 1


def test_a_move_without_a_reason_is_refused(run, lake):
    assert run("promote", "detector", "v0002")[0] == 1
    assert champion(lake, "detector").version.startswith("v0001")


@pytest.mark.slow
def test_versions_are_compared_on_test_rows_and_later_on_matured_predictions(run, ready, lake):
    _, output, _ = run("compare", "detector", "v0002", "v0001", "--json")
    comparison = json.loads(output)
    assert comparison["rows"].startswith("the 420 test rows")
    ours = {v.version: v.metrics["test"] for v in list_versions(lake, "detector")}
    for found in comparison["comparisons"]:
        assert found["ours"] == pytest.approx(ours[comparison["first"]][found["metric"]])
        assert found["theirs"] == pytest.approx(ours[comparison["second"]][found["metric"]])
    run("promote", "detector", "v0002", "--shadow", "--why", "try")
    ready.world.days(60, 70)
    score(ready.spec, lake)
    _, output, _ = run("compare", "detector", "v0002", "v0001", "--json")
    comparison = json.loads(output)
    assert comparison["rows"] == "600 matured predictions up to 2026-03-04"
    by_metric = {found["metric"]: found for found in comparison["comparisons"]}
    found = by_metric["average_precision"]
    interval = found["difference"]
    assert interval["value"] == pytest.approx(found["ours"] - found["theirs"])
    assert interval["low"] <= interval["value"] <= interval["high"]
    _, output, _ = run("compare", "detector", "v0001", "v0002", "--json")
    back = {found["metric"]: found for found in json.loads(output)["comparisons"]}
    assert back["average_precision"]["ours"] == found["theirs"]
    assert "average_precision" in run("compare", "detector", "v0001", "v0002")[1]


def test_a_reproduced_version_has_the_same_bytes_and_a_changed_training_set_is_an_error(
    run, ready, lake
):
    status, output, _ = run("reproduce", "detector", "v0001")
    assert status == 0
    assert "same" in output
    with lake.reader() as cursor:
        table = cursor.execute("SELECT count(*) FROM training.detector").fetchall()
    assert table[0][0] > 0
    with Lake(lake.settings) as other:
        from lakehouse.lake import Author

        with other.writer(Author("test")) as writer:
            writer.execute("DELETE FROM training.detector WHERE key = 100")
    status, _, error = run("reproduce", "detector", "v0001")
    assert status == 1
    assert error.startswith("error: ")


def test_a_report_is_written_and_its_path_is_printed(run, ready, lake, tmp_path):
    target = tmp_path / "reports"
    target.mkdir()
    status, output, _ = run("report", "detector", "v0001", "--output", str(target))
    assert status == 0
    assert output.strip() == str(target / f"{champion(lake, 'detector').version}.html")
    assert "<html" in (target / f"{champion(lake, 'detector').version}.html").read_text()


def test_without_any_model_the_list_names_the_command_that_trains_one(settings, lake, monkeypatch):
    lake.snapshot()
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(main, ["models", "list"])
    assert "no model has been trained yet" in result.stdout


def test_a_user_without_a_name_is_recorded_by_uid(monkeypatch):
    def no_user():
        raise OSError("no username set")

    monkeypatch.setattr("getpass.getuser", no_user)
    assert user() == f"uid {os.getuid()}"


def test_a_move_to_the_current_state_is_reported_and_not_recorded(run, ready, lake):
    first, other = champion(lake, "detector").version, ready.other.version
    run("promote", "detector", other, "--shadow", "--why", "a try")
    moves = list_transitions(lake, "detector")
    for arguments, state in (
        (("promote", "detector", first, "--why", "again"), "champion"),
        (("promote", "detector", other, "--shadow", "--why", "again"), "shadow"),
    ):
        status, output, _ = run(*arguments)
        assert (status, output.count("\n")) == (0, 1)
        assert output.startswith(f"detector {arguments[2]} is already {state}; nothing was changed")
    assert list_transitions(lake, "detector") == moves
    run("archive", "detector", other, "--why", "enough")
    moves = list_transitions(lake, "detector")
    assert "is already archived" in run("archive", "detector", other, "--why", "again")[1]
    assert list_transitions(lake, "detector") == moves
    status, _, error = run("promote", "detector", first, "--shadow", "--why", "x")
    assert (status, error.startswith("error: ")) == (1, True)
