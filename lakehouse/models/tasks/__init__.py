"""What a model predicts: yes or no, a number, a class. One object per task holds what differs."""

from lakehouse.models.tasks.known import TASKS, DeclaredTask, find_task
from lakehouse.models.tasks.task import LabelSummary, Outcome, Task

__all__ = ["TASKS", "DeclaredTask", "LabelSummary", "Outcome", "Task", "find_task"]
