"""Batch predictions by the champion, and their log."""

from lakehouse.scoring.score import ScoredMeanwhile, ScoreReport, score
from lakehouse.scoring.verify import find_broken

__all__ = ["ScoreReport", "ScoredMeanwhile", "find_broken", "score"]
