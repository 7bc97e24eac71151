import dataclasses
import json
from datetime import UTC, datetime

import pytest

from lakehouse.lake import Author, qualified
from lakehouse.models import BadArtefact, ModelSpec
from lakehouse.registry import RegistryError, get_version, list_versions
from lakehouse.registry.promotion import move_in
from lakehouse.training import train
from lakehouse.training.report import REPORT, draw_report, gather, report_summary, write_report
from lakehouse.training.report.pictures import history_pictures

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
CHOOSING = {
    "folds": {"count": 1, "length": "5d"},
    "search": {"trials": 2, "space": {"num_leaves": {"low": 4, "high": 8}}},
    "calibration": "sigmoid",
    "judging": {
        "repeats": 20,
        "segments": {"channel": {"table": "core.fct_transactions", "column": "channel"}},
    },
    "fairness": {
        "groups": {"channel": {"table": "core.fct_transactions", "column": "channel"}},
        "min_positives": 5,
    },
    "model_card": {"intended_use": "Ranks <payments>", "limits": "None & some"},
}


@pytest.fixture
def without_pictures(monkeypatch):
    """Pages without pictures, which are slow and tested elsewhere."""
    monkeypatch.setattr("lakehouse.training.report.write.draw", lambda gathered, insight: {})


@pytest.fixture
def plain(lake, world, detector):
    spec = detector(judging={"repeats": 20})
    return spec, train(spec, lake, now=NOW).version


@pytest.fixture
def evaluated(lake, world, detector):
    spec = detector(**CHOOSING)
    return spec, train(spec, lake, now=NOW).version


@pytest.mark.slow
def test_a_report_contains_model_selection_evaluation_data_and_hashes(lake, evaluated):
    spec, version = evaluated
    path, drawn = draw_report(lake, gather(spec, lake, version))
    assert path == lake.settings.models_dir / version.artefact / REPORT
    html = path.read_text()
    for text in (
        "Ranks &lt;payments&gt;",
        "None &amp; some",
        "2027-04-01",  # expires one year after creation
        "Alert only",
        "5 alerts a day",
        version.training_set_hash,
        version.config_hash,
        version.code_hash,
        *version.files.values(),
        "Logistic regression",
        "Fairness by channel",
        "Search: Average precision",
        "core.fct_labels.is_fraud",
        "features that raised it most",
        "without calibrator",
    ):
        assert text in html, text
    assert drawn.keys() == {
        *("roc", "precision_recall", "calibration", "scores", "importance", "shap", "search"),
        *("weeks", "fairness_channel", "capacity"),
    }
    again = get_version(lake, spec.name, version.version)
    assert write_report(spec, lake, again).read_text() == html


def test_a_report_shows_the_current_state_and_decisions(lake, plain, without_pictures):
    spec, version = plain
    first = write_report(spec, lake, version).read_text()
    assert "champion" in first
    assert "by &lt;hand&gt;" not in first
    with pytest.raises(RegistryError):
        write_report(spec, lake, dataclasses.replace(version, version="v9999"))
    about = (spec.name, version.version, "rolled_back", "me", "by <hand>")
    with lake.writer(Author("test")) as writer:
        move_in(writer, *about, {}, datetime(2026, 4, 2))
    text = write_report(spec, lake, version).read_text()
    assert "by &lt;hand&gt;" in text
    assert "rolled back" in text


def test_the_data_summary_matches_the_pinned_set(lake, evaluated):
    spec, version = evaluated
    gathered = gather(spec, lake, version)
    for period in gathered.periods:
        with lake.reader() as cursor:
            rows, positives, missing = cursor.execute(
                "SELECT count(*), sum(label), 1 - count(risk) / count(*) "
                f"FROM {qualified(spec.training_table)} WHERE training_set_id = ? AND split = ?",
                [version.training_set_id, period.period],
            ).fetchall()[0]
        assert (period.rows, period.labels.positives) == (rows, positives)
        assert period.missing.get("risk", 0.0) == pytest.approx(missing)
        assert period.missing.keys() <= {"risk", "risky"}
    assert sum(gathered.rows_by_day.values()) == gathered.pinned.rows
    assert len(gathered.trials) == 2


def test_an_erasure_makes_a_version_not_reproducible(lake, plain, without_pictures):
    spec, version = plain
    assert "Not reproducible" not in write_report(spec, lake, version).read_text()
    with lake.writer(Author("test")) as writer:
        writer.execute(
            f"DELETE FROM {qualified(spec.training_table)} WHERE split = 'train' AND key % 9 = 0"
        )
    assert "Not reproducible" in write_report(spec, lake, version).read_text()


def test_a_killed_writer_leaves_the_report_unchanged(lake, plain, without_pictures, monkeypatch):
    spec, version = plain
    path = write_report(spec, lake, version)
    path.write_text("before")

    def fail(*args):
        raise OSError("killed")

    monkeypatch.setattr("lakehouse.training.report.write.os.replace", fail)
    with pytest.raises(OSError, match="killed"):
        write_report(spec, lake, version)
    assert path.read_text() == "before"
    assert [p for p in path.parent.iterdir() if p.name.startswith(".")] == []


def test_a_report_is_never_made_from_changed_files(lake, plain):
    spec, version = plain
    path = lake.settings.models_dir / version.artefact / "evaluation.json"
    path.write_text(path.read_text().replace("0.", "1.", 1))
    with pytest.raises(BadArtefact, match=r"evaluation\.json"):
        write_report(spec, lake, version)


def test_the_summary_is_a_dozen_lines_of_markdown_with_verdicts_and_intervals(lake, plain):
    spec, version = plain
    lines = report_summary(spec, lake, version).splitlines()
    assert len(lines) <= 15
    assert version.version in lines[0]
    assert "Gates: ✓" in lines[2] or "Gates: ✗" in lines[2]
    row = next(line for line in lines if line.startswith("| Average precision"))
    found = json.loads(
        (lake.settings.models_dir / version.artefact / "evaluation.json").read_text()
    )
    assert f"{found['intervals']['average_precision']['low']:.4f}" in row
    assert "2027-04-01" in lines[-1]
    alerts = found["metrics"]["test"]["alerts_per_day"]
    way = "above" if alerts > 5 else "below"
    assert f"{abs(alerts / 5 - 1):.0%} {way} the capacity of 5" in lines[-1]


@pytest.mark.slow
@pytest.mark.parametrize("task", ["forecast", "scenario"])
def test_forecasts_and_classes_have_their_own_report_contents(
    lake, world, forecast, scenario, task
):
    spec: ModelSpec = {"forecast": forecast, "scenario": scenario}[task](judging={"repeats": 20})
    version = train(spec, lake, now=NOW).version
    path, pictures = draw_report(lake, gather(spec, lake, version))
    html = path.read_text()
    if task == "forecast":
        assert {"forecast", "errors", "importance", "shap"} <= pictures.keys()
        assert "Ridge regression" in html
        assert "amount eur" in html
    else:
        assert {"confusion", "importance", "shap"} <= pictures.keys()
        assert "terminal" in html
    assert "Action on an alert" not in html
    assert 'id="fairness"' not in html


@pytest.mark.slow
def test_later_versions_are_compared_with_earlier_ones(lake, world, detector, without_pictures):
    spec = detector(judging={"repeats": 20})
    train(spec, lake, now=NOW)
    train(spec.model_copy(update={"seed": 7}), lake, now=NOW)
    newest = list_versions(lake, spec.name)[0]
    gathered = gather(spec, lake, newest)
    assert [version.number for version in gathered.versions] == [1, 2]
    assert "metric_over_versions" in history_pictures(gathered)
    assert "The declaration has changed" in write_report(spec, lake, newest).read_text()
