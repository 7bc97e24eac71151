"""Batch predictions by the champion and by shadow versions, and the prediction log."""

from lakehouse.scoring.history import Decision, load_history
from lakehouse.scoring.inputs import drop_inputs, replay
from lakehouse.scoring.reconciliation import Reconciliation, find_log_problems, reconcile
from lakehouse.scoring.scorers import ShadowReport
from lakehouse.scoring.step import ConcurrentScoring, ScoreReport, score

__all__ = [
    "ConcurrentScoring",
    "Decision",
    "Reconciliation",
    "ScoreReport",
    "ShadowReport",
    "drop_inputs",
    "find_log_problems",
    "load_history",
    "reconcile",
    "replay",
    "score",
]
