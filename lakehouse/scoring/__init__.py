"""Batch predictions by the champion and the versions beside it, and their log."""

from lakehouse.scoring.log import shadow_table
from lakehouse.scoring.score import ScoredMeanwhile, ScoreReport, score
from lakehouse.scoring.scorers import ShadowReport
from lakehouse.scoring.verify import find_broken

__all__ = [
    "ScoreReport",
    "ScoredMeanwhile",
    "ShadowReport",
    "find_broken",
    "score",
    "shadow_table",
]
