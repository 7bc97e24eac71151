"""All tasks by name, and the field type that a declaration and a model's card use."""

from typing import Annotated

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from lakehouse.declarations.names import did_you_mean
from lakehouse.models.tasks.binary import BinaryTask
from lakehouse.models.tasks.multiclass import MulticlassTask
from lakehouse.models.tasks.regression import RegressionTask
from lakehouse.models.tasks.task import Task

TASKS: tuple[Task, ...] = (BinaryTask(), RegressionTask(), MulticlassTask())


def find_task(name: object) -> Task:
    """The task of this name; a task is returned unchanged.

    Raises:
        ValueError: naming the likely match, or all tasks.
    """
    for task in TASKS:
        if name in (task, task.name):
            return task
    known = [task.name for task in TASKS]
    raise ValueError(f"{name!r} is not a task" + did_you_mean(str(name), known))


DeclaredTask = Annotated[
    Task,
    PlainValidator(find_task),
    PlainSerializer(str),
    WithJsonSchema({"enum": [task.name for task in TASKS], "type": "string"}),
]
"""A task, written as its name."""
