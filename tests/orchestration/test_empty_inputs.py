"""No check passes with nothing to examine: an empty table, no finding, no load, no gate."""

from datetime import date, datetime
from pathlib import Path

import dagster as dg
import pytest

from lakehouse.features import FeatureSetSpec
from lakehouse.features.replays import Replay
from lakehouse.lake import Author, Lake
from lakehouse.monitoring import Finding
from lakehouse.monitoring.findings import not_judged
from lakehouse.orchestration.components import feature_set, model_monitoring
from lakehouse.orchestration.components.source_checks import (
    build_check_specs,
    check_load,
    check_private,
)
from lakehouse.settings import load_settings
from lakehouse.sources.landing import Landing
from lakehouse.sources.load_report import LoadReport
from lakehouse.sources.manifest import Counts
from lakehouse.sources.undecided import Undecided
from tests.sources.conftest import make_spec

KEY = dg.AssetKey(["x", "y"])
WARN = dg.AssetCheckSeverity.WARN


def test_features_without_rows_warn_and_every_new_load_is_checked(
    lake: Lake,
) -> None:
    def nulls(added: int) -> dg.AssetCheckResult:
        with lake.reader() as cursor:
            return feature_set._nulls(cursor, KEY, "features.f", ["a"], added)

    with lake.writer(Author("test")) as writer:
        writer.execute("CREATE TABLE features.f (k BIGINT, a DOUBLE, _load_id BIGINT)")
    found = nulls(0)
    assert (found.passed, found.severity) == (False, WARN)
    assert found.description == "features.f has no rows, so nothing was checked"
    with lake.writer(Author("test")) as writer:
        writer.execute("INSERT INTO features.f VALUES (1, 0.5, 1), (2, NULL, 2), (3, NULL, 3)")
    assert not nulls(0).passed, "nothing is new, so the last load is checked"
    assert not nulls(2).passed
    assert nulls(3).passed
    assert nulls(3).metadata["null_shares"].value == {"a": pytest.approx(2 / 3)}


def test_a_replay_without_rows_warns(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_set, "replay", lambda *_, **__: Replay(0, 0))
    spec = FeatureSetSpec.model_construct(name="f")
    found = feature_set._replay(spec, "s", lake, KEY)
    assert (found.passed, found.severity) == (False, WARN)
    assert found.description == "there are no rows, so nothing was compared"


@pytest.mark.parametrize("name", sorted(model_monitoring.CHECKS))
def test_monitoring_without_a_finding_warns(name: str) -> None:
    found = model_monitoring._result(KEY, name, [])
    assert (found.passed, found.severity) == (False, WARN)
    assert (found.description or "").startswith("nothing was checked: ")


def test_a_finding_that_was_not_judged_does_not_pass_but_one_of_a_former_champion_does() -> None:
    day = date(2026, 1, 1)
    undetermined = [
        not_judged("matured_performance", day, "?"),
        Finding("features_as_trained", day, True),
    ]
    for name in ("matured_performance", "scores"):
        assert not model_monitoring._result(KEY, name, undetermined).passed
    former = [Finding("score_jump", day, True, 0.1, 0.5)]
    assert model_monitoring._result(KEY, "scores", undetermined, former).passed


def source_checks(
    counts: Counts, *undecided: Undecided, report: LoadReport | None = None, min_rows: int = 1
) -> dict[str | None, dg.AssetCheckResult]:
    spec = make_spec(volume={"min_rows": min_rows})
    found = list(check_load(spec, counts, undecided, report or LoadReport(spec.name)))
    declared = {check.name for check in build_check_specs(spec)} - {"data_age"}
    assert {one.check_name for one in found} == declared
    return {one.check_name: one for one in found}


LATE = datetime(2026, 1, 1)
NEVER = Counts(None, 0, 0, 0, 0, 0)
REFUSED = Undecided("payments", "f", "file", None, 0, 0, {"cut": 0}, refusals=1)


def test_a_source_that_was_never_loaded_warns() -> None:
    found = source_checks(NEVER)
    assert [*found] == ["contract", "quarantine", "volume", "columns"]
    assert {one.severity for one in found.values()} == {WARN}
    assert not any(one.passed for one in found.values())
    assert {one.description for one in found.values()} == {
        "nothing was ever loaded, so nothing was checked"
    }


@pytest.mark.parametrize(
    ("counts", "undecided", "passed"),
    [
        pytest.param(NEVER, (REFUSED,), set(), id="every file was refused"),
        pytest.param(
            Counts(LATE, 1, 0, 0, 0, 0),
            (),
            {"quarantine", "volume"},
            id="the files have no rows",
        ),
        pytest.param(Counts(None, 0, 0, 1, 0, 0), (), set(), id="every loaded file was unloaded"),
        pytest.param(
            Counts(LATE, 1, 0, 0, 5, 0),
            (),
            {"contract", "quarantine", "volume", "columns"},
            id="there are rows",
        ),
    ],
)
def test_a_check_of_a_source_passes_only_if_there_was_something_to_check(
    counts: Counts, undecided: tuple[Undecided, ...], passed: set[str]
) -> None:
    found = source_checks(counts, *undecided)
    assert {name for name, one in found.items() if one.passed} == passed
    assert {one.severity for one in found.values() if not one.passed} <= {WARN}


def test_a_load_whose_rows_were_all_rejected_is_a_flood() -> None:
    rows = Undecided("payments", "f", "rows", 1, 20, 20, {"id: x": 20})
    found = source_checks(Counts(datetime(2026, 1, 1), 1, 0, 0, 0, 20), rows)["contract"]
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)


def test_a_source_without_a_minimum_number_of_rows_has_no_volume_check() -> None:
    assert "volume" not in source_checks(NEVER, min_rows=0)


def test_the_private_check_warns_without_files_and_on_object_storage(
    tmp_path: Path,
) -> None:
    spec = make_spec()
    local = load_settings({}, data_dir=tmp_path)
    remote = local.model_copy(update={"landing": "s3://bucket/landing"})
    for settings, why in ((local, "there are no files"), (remote, "not checked")):
        found = check_private(spec, Landing(settings, spec.name))
        assert (found.passed, found.severity) == (False, WARN)
        assert (found.description or "").startswith(why)
    Landing(local, spec.name).put("a.csv", lambda path: path.write_text("id"))
    assert check_private(spec, Landing(local, spec.name)).passed
