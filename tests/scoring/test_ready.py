"""A version is ready if it can score real rows now; obstacles are found before a move."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from lakehouse.lake.layout import FEATURE_VERSIONS as DECLARED
from lakehouse.models import Model
from lakehouse.models.readiness import SAMPLE_ROWS, check_readiness
from lakehouse.registry import champion
from tests.training.conftest import change

RISK = "features.risk__0a1b2c3d"


def problem(ready, **changes):
    version = champion(ready.lake, "detector")
    return check_readiness(ready.spec, ready.lake, replace(version, **changes)).problem


def test_a_version_that_scores_is_ready_and_the_proof_writes_nothing(ready, lake):
    snapshot = lake.snapshot()
    version = champion(lake, "detector")
    proof = check_readiness(ready.spec, lake, version)
    assert (proof.version, proof.problem) == (version.version, "")
    assert 0 < proof.rows <= min(SAMPLE_ROWS, 2 * ready.world.per_day)
    assert proof.newest.date() == datetime(2026, 3, 1).date()
    assert lake.snapshot() == snapshot


@pytest.mark.parametrize(
    ("statement", "cause"),
    [
        (f"DROP TABLE {RISK}", "was trained on features.risk__0a1b2c3d, which is not in the lake"),
        (f"ALTER TABLE {RISK} DROP risky", "needs feature risky"),
        (f"DELETE FROM {RISK}", "have no rows"),
        (f"UPDATE {RISK} SET transaction_id = -transaction_id - 1", "has all of its features"),
    ],
)
def test_a_version_with_missing_features_is_not_ready(ready, lake, statement, cause):
    change(lake, statement)
    assert cause in problem(ready)


def test_a_version_whose_features_are_no_longer_updated_is_not_ready(ready, lake):
    change(
        lake,
        f"CREATE TABLE features.risk__ffffffff AS FROM {RISK}",
        "CREATE OR REPLACE VIEW features.risk AS FROM features.risk__ffffffff",
    )
    assert not lake.exists(DECLARED)
    found = problem(ready)
    assert found.startswith("its features are no longer updated (risk: ")
    assert "was not stored" in found


@pytest.mark.parametrize("file", ["model.txt", "model.json", "evaluation.json"])
def test_a_version_with_missing_or_changed_files_is_not_ready(ready, lake, file):
    path = lake.settings.models_dir / champion(lake, "detector").artefact / file
    content = path.read_bytes()
    path.write_bytes(content + b" ")
    assert "is not what was registered" in problem(ready)
    path.unlink()
    assert "cannot be read" in problem(ready)
    path.write_bytes(content)
    assert problem(ready) == ""


@pytest.mark.parametrize(
    ("score", "cause"),
    [
        (lambda n: np.full(n, 0.3), "all get the same score"),
        (lambda n: np.where(np.arange(n) == 3, np.nan, np.linspace(0, 1, n)), "1 of the"),
        (lambda n: np.full(n, np.nan), "do not get a finite score"),
    ],
)
def test_a_version_with_nan_or_constant_scores_is_not_ready(ready, monkeypatch, score, cause):
    monkeypatch.setattr(Model, "predict", lambda _, matrix: score(len(matrix)))
    monkeypatch.setattr(Model, "uncalibrated", lambda _, matrix: score(len(matrix)))
    assert cause in problem(ready)


def test_a_model_that_the_library_cannot_read_is_not_ready(ready, monkeypatch):
    def fail(*_):
        raise ValueError("a tree is cut off")

    monkeypatch.setattr(Model, "predict", fail)
    assert problem(ready) == "a tree is cut off"


def test_a_retryable_error_proves_nothing(ready, monkeypatch):
    def fail(*_):
        raise ConnectionError("lost")

    monkeypatch.setattr(Model, "predict", fail)
    with pytest.raises(ConnectionError):
        problem(ready)


@pytest.mark.parametrize(
    ("after", "days", "stopped"), [("warn", 400, False), ("stop", 380, False), ("stop", 400, True)]
)
def test_a_version_that_may_no_longer_decide_is_not_ready(ready, lake, after, days, stopped):
    """A year and thirty days after it was made; the caller supplies the time."""
    spec = ready.spec.model_copy(
        update={"model_card": ready.spec.model_card.model_copy(update={"after_expiry": after})}
    )
    version = champion(lake, "detector")
    now = version.created_at.replace(tzinfo=UTC) + timedelta(days=days)
    found = check_readiness(spec, lake, version, now=now).problem
    assert ("may no longer decide since" in found) == stopped
    assert bool(found) == stopped
