"""A changed feature definition does not skip the comparison: old tables hold the test rows."""

import pytest

from lakehouse.lake import Author, read_progress, write_progress
from lakehouse.models.artefact import load_evaluation
from lakehouse.registry import champion, list_versions
from lakehouse.training import train
from tests.training.conftest import change

OLD = "0a1b2c3d"
NEW = "ffffffff"


def redefine(lake, risk="CAST(transaction_id % 3 AS INTEGER)"):
    """Another definition of the set `risk`, whose feature is no longer predictive."""
    change(
        lake,
        f"CREATE TABLE features.risk__{NEW} AS "
        f"SELECT * REPLACE ({risk} AS risk, {risk} > 1 AS risky) FROM features.risk__{OLD}",
        f"CREATE OR REPLACE VIEW features.risk AS FROM features.risk__{NEW}",
    )
    with lake.writer(Author("test")) as writer:
        done = read_progress(writer, f"features.risk__{OLD}")
        write_progress(writer, f"features.risk__{NEW}", done)


@pytest.mark.parametrize(
    ("rule", "state"),
    [
        ("better", "candidate"),
        pytest.param("shadow", "shadow", marks=pytest.mark.slow),
        pytest.param("manual", "candidate", marks=pytest.mark.slow),
    ],
)
def test_a_worse_version_is_not_promoted_because_a_feature_was_redefined(
    lake, world, detector, rule, state
):
    first = train(detector(gates=[]), lake).version
    redefine(lake)
    report = train(detector(gates=[], promotion={"rule": rule}), lake)
    test = {
        v.version: v.metrics["test"]["average_precision"] for v in list_versions(lake, "detector")
    }
    assert report.trained
    assert test[report.version.version] < test[first.version] - 0.05
    assert champion(lake, "detector").version == first.version
    found = {v.version: v.state for v in list_versions(lake, "detector")}
    assert found[report.version.version] == state
    compared = next(
        c
        for c in load_evaluation(lake.settings.models_dir, report.version).comparisons
        if c.against == "champion"
    )
    assert (compared.version, compared.theirs) == (
        first.version,
        pytest.approx(test[first.version]),
    )


@pytest.mark.slow
def test_a_better_version_is_promoted_although_a_feature_was_redefined(lake, world, detector):
    spec = detector(include=["channel", "risk"], gates=[])
    first = train(spec, lake).version
    redefine(
        lake,
        "CAST(CASE WHEN transaction_id IN (SELECT transaction_id FROM core.truth WHERE is_fraud) "
        "THEN transaction_id % 4 + 1 ELSE transaction_id % 3 END AS INTEGER)",
    )
    report = train(spec, lake)
    theirs = f"{first.metrics['test']['average_precision']:.4f} of champion {first.version}"
    assert f"beats {theirs} on the same 420 test rows" in report.decision
    assert champion(lake, "detector").version == report.version.version


@pytest.mark.parametrize(
    ("kept", "state"),
    [
        (0.8, "champion"),
        pytest.param(0.1, "candidate", marks=pytest.mark.slow),
        pytest.param(0, "candidate", marks=pytest.mark.slow),
    ],
)
def test_rows_missing_from_the_old_table_are_left_out_if_enough_are_shared(
    lake, world, detector, kept, state
):
    """The old version's declaration was not stored, so its newest rows cannot be computed."""
    poor = train(detector(include=["channel", "risk"], gates=[]), lake).version
    redefine(lake, "risk")
    test_from, test_until = (poor.split[name][:10] for name in ("test_from", "test_until"))
    change(
        lake,
        f"DELETE FROM features.risk__{OLD} WHERE event_time >= TIMESTAMP '{test_from}' + "
        f"(TIMESTAMP '{test_until}' - TIMESTAMP '{test_from}') * {kept}",
    )
    report = train(detector(gates=[]), lake)
    found = {v.version: v.state for v in list_versions(lake, "detector")}
    assert found[report.version.version] == state, report.decision
    if kept:
        compared = load_evaluation(lake.settings.models_dir, report.version).comparisons
        (against,) = (c for c in compared if c.against == "champion")
        assert against.rows == pytest.approx(420 * kept, abs=30)
        assert (against.verdict == "insufficient") == (kept == 0.1)
    else:
        assert "none of 420 test rows has features" in report.decision
        assert f"lakehouse models promote detector {report.version.version}" in report.decision
