"""Nothing is green where nothing was looked at: an empty table, no finding, no load, no gate."""

from datetime import date

import dagster as dg
import pytest

from lakehouse.features import FeatureSetSpec
from lakehouse.features.replays import Replay
from lakehouse.lake import Author, Lake
from lakehouse.monitoring import Finding
from lakehouse.monitoring.findings import not_judged
from lakehouse.orchestration.components import feature_set, model_monitoring
from lakehouse.orchestration.components.source import check_load
from lakehouse.sources.loading import LoadReport

KEY = dg.AssetKey(["x", "y"])
WARN = dg.AssetCheckSeverity.WARN


def test_features_without_rows_warn_and_one_of_several_new_loads_is_not_overlooked(
    lake: Lake,
) -> None:
    def nulls(added: int) -> dg.AssetCheckResult:
        return feature_set._nulls(lake, KEY, "features.f", ["a"], added)

    with lake.writer(Author("test")) as writer:
        writer.execute("CREATE TABLE features.f (k BIGINT, a DOUBLE, _load_id BIGINT)")
    found = nulls(0)
    assert (found.passed, found.severity) == (False, WARN)
    assert found.description == "features.f has no row, so nothing was looked at"
    with lake.writer(Author("test")) as writer:
        writer.execute("INSERT INTO features.f VALUES (1, 0.5, 1), (2, NULL, 2), (3, NULL, 3)")
    assert not nulls(0).passed, "nothing is new, so the last load is looked at"
    assert not nulls(2).passed
    assert nulls(3).passed
    assert nulls(3).metadata["null_shares"].value == {"a": pytest.approx(2 / 3)}


def test_a_replay_of_no_row_warns(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_set, "replay", lambda *_, **__: Replay(0, 0))
    spec = FeatureSetSpec.model_construct(name="f")
    found = feature_set._replay(spec, "s", lake, KEY)
    assert (found.passed, found.severity) == (False, WARN)
    assert found.description == "there is no row, so nothing was compared"


@pytest.mark.parametrize("name", sorted(model_monitoring.CHECKS))
def test_monitoring_without_a_finding_warns(name: str) -> None:
    found = model_monitoring._result(KEY, name, [])
    assert (found.passed, found.severity) == (False, WARN)
    assert (found.description or "").startswith("nothing was judged: ")


def test_a_finding_that_was_not_judged_is_no_pass_and_a_former_champions_counts() -> None:
    day = date(2026, 1, 1)
    untold = [
        not_judged("matured_performance", day, "?"),
        Finding("features_as_trained", day, True),
    ]
    for name in ("matured_performance", "scores"):
        assert not model_monitoring._result(KEY, name, untold).passed
    former = [Finding("score_jump", day, True, 0.1, 0.5)]
    assert model_monitoring._result(KEY, "scores", untold, former).passed


def test_a_source_that_was_never_loaded_warns() -> None:
    found = list(check_load(KEY, [], LoadReport("transactions")))
    assert [one.check_name for one in found] == ["contract", "quarantine", "volume", "columns"]
    assert {one.severity for one in found} == {WARN}
    # `contract` blocks, and what has not begun to deliver must not stop what has
    assert [one.check_name for one in found if one.passed] == ["contract"]
    assert {one.description for one in found} == {
        "nothing was ever loaded, so nothing was looked at"
    }
