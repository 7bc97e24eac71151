"""Training to a given quality, and batch scoring: the shipped fraud detector against peers."""

import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from tests.benchmarks.peers.comparison import compare
from tests.benchmarks.peers.environments import InstallFailed, environment
from tests.benchmarks.peers.measurement import SCRIPTS, NoFigures, Outcome, run_script
from tests.benchmarks.processes import CommandFailed

TIMEOUT = 3_600
FACTORS = {"same time": 1, "four times": 4}
"""Tasks of training: the peers' wall time as a multiple of ours."""
TRAINERS = {"lightgbm": "mlflow", "flaml": "flaml", "autogluon": "autogluon"}
"""Peers and their environments. LightGBM with its defaults is a control, and has no budget."""
SCORERS = {"mlflow": "plain", "mlflow-signature": "signature"}
TRAINING_PEERS = ("ours", *TRAINERS)
SCORING_PEERS = ("ours", *SCORERS)
_TIMES = 3
_MODULES = "tests.benchmarks.peers.ours"


@dataclass(frozen=True)
class ModelFolders:
    """The lake (for scoring), a copy that may change (for training), the rows, the results."""

    lake: Path
    copy: Path
    rows: Path
    results: Path

    def target(self, task: str, peer: str) -> Path:
        """An existing folder for results."""
        folder = self.results / task / peer
        folder.mkdir(parents=True, exist_ok=True)
        return folder


Chosen = Callable[[str], bool]
Progress = Callable[[str], None]


def scoring(
    folders: ModelFolders, chosen: Chosen, on_progress: Progress
) -> Iterator[tuple[str, Outcome]]:
    """Rows a second from features to scores, and whether the trees' own scores agree.

    Ours are final scores: corrected for undersampling and calibrated, which the peers leave out.
    """
    task, times = "batch", str(_TIMES)
    target = folders.target("scoring", "ours")
    outcome = _attempt(
        "ours", "", "-m", f"{_MODULES}.scoring", folders.lake, folders.rows, target, times
    )
    if chosen("ours"):
        on_progress(f"scoring, ours: {outcome.describe()}")
        yield task, outcome
    for peer, mode in SCORERS.items():
        if not chosen(peer):
            continue
        place = folders.target("scoring", peer)
        script = SCRIPTS / "mlflow_scoring.py"
        found = _attempt(peer, "mlflow", script, mode, folders.rows, place, times)
        if not found.reason and not outcome.reason:
            files = (target / "scores.parquet", place / "scores.parquet")
            found = replace(found, comparison=compare(*files, "key", frozenset()))
        on_progress(f"scoring, {peer}: {found.describe()}")
        yield task, found


def training(
    folders: ModelFolders, chosen: Chosen, on_progress: Progress
) -> Iterator[tuple[str, Outcome]]:
    """Average precision and AUC on the test rows after the same wall time, and after four times."""
    target = folders.target("training", "ours")
    outcome = _attempt("ours", "", "-m", f"{_MODULES}.training", folders.copy, folders.rows, target)
    outcome = _judged(outcome, folders, target)
    on_progress(f"training, ours: {outcome.describe()}")
    for task, factor in FACTORS.items():
        if chosen("ours"):
            yield task, outcome
        if outcome.reason:
            continue
        budget = math.ceil(outcome.figures["seconds"]) * factor
        for peer, name in TRAINERS.items():
            if not chosen(peer) or (peer == "lightgbm" and factor > 1):
                continue
            place = folders.target(f"training-{factor}", peer)
            script = SCRIPTS / f"{peer}_training.py"
            found = _attempt(peer, name, script, str(budget), folders.rows, place)
            found = _judged(found, folders, place)
            on_progress(f"training, {task}, {peer}: {found.describe()}")
            yield task, found


def _attempt(peer: str, name: str, *arguments: str | Path) -> Outcome:
    """Run a script in an environment (ours if it has no name); a failure becomes the reason."""
    try:
        python = environment(name) if name else Path(sys.executable)
        return Outcome(peer, figures=run_script([python, *arguments], TIMEOUT))
    except (InstallFailed, CommandFailed, NoFigures, subprocess.TimeoutExpired) as error:
        return Outcome(peer, f"{type(error).__name__}: {error}")


def _judged(outcome: Outcome, folders: ModelFolders, target: Path) -> Outcome:
    """With average precision and AUC on the test rows."""
    if outcome.reason:
        return outcome
    quality = judge(folders.rows / "rows.parquet", target / "scores.parquet")
    return replace(outcome, figures=outcome.figures | quality)


def judge(rows: Path, scores: Path) -> dict[str, Any]:
    """`ap`, `auc` and the number of test rows.

    Raises:
        AssertionError: when a test row has no score.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    with duckdb.connect() as db:
        found = db.execute(
            f"SELECT label, score FROM read_parquet('{rows}') r "
            f"LEFT JOIN read_parquet('{scores}') s USING (key) WHERE split = 'test' ORDER BY key"
        ).fetchnumpy()
    label, score = found["label"], np.ma.filled(np.ma.asarray(found["score"]), np.nan)
    assert len(label) > 0
    assert not np.isnan(score).any(), f"{np.isnan(score).sum()} test rows have no score"
    return {
        "ap": float(average_precision_score(label, score)),
        "auc": float(roc_auc_score(label, score)),
        "test_rows": len(label),
    }
