"""Prediction tasks: binary, regression, multiclass. One object per task holds the differences."""

from lakehouse.models.tasks.known import TASKS, DeclaredTask, find_task
from lakehouse.models.tasks.task import LabelSummary, Outcome, Task

__all__ = ["TASKS", "DeclaredTask", "LabelSummary", "Outcome", "Task", "find_task"]
