"""Whether the labels of the training rows vary enough, and not too much, to learn from."""

import numpy as np

from lakehouse.models.errors import NotEnoughData, TrainingError
from lakehouse.models.labels import label_name
from lakehouse.models.spec import ModelSpec
from lakehouse.training.sets.rows import Rows

MIN_ROWS_PER_CLASS = 5
"""Training rows that a class needs on average; with fewer, the label is rather a number or a
key."""

_SHOWN = 5
"""Classes that an error lists."""


def refuse_constant(spec: ModelSpec, rows: Rows, classes: tuple[str, ...]) -> None:
    """Refuse training rows whose labels have a single value.

    Raises:
        NotEnoughData: naming the column and the value.
    """
    if len(rows) and not (rows.label == rows.label[0]).all():
        return
    value = f"label {label_name(spec)}"
    if len(rows):
        only = classes[0] if classes else f"{rows.label[0]:g}"
        value += f" is {only} in all of them"
    raise NotEnoughData(
        f"{spec.name}: all {len(rows):,} training rows have the same label, so there is nothing to "
        f"learn: {value}; train on a longer period, or check how the label is computed"
    )


def refuse_scarce_classes(spec: ModelSpec, rows: Rows, classes: tuple[str, ...]) -> None:
    """Refuse a label with so many classes that most have hardly a training row.

    Raises:
        TrainingError: naming the column and a few of its values.
    """
    if len(classes) * MIN_ROWS_PER_CLASS <= len(rows) or len(classes) < 2:
        return
    counts = np.bincount(rows.label.astype(np.int64), minlength=len(classes))
    rarest = sorted(zip(counts.tolist(), classes, strict=True))[:_SHOWN]
    listed = ", ".join(f"{name!r} ({count})" for count, name in rarest)
    raise TrainingError(
        f"{spec.name}: label {label_name(spec)} has {len(classes):,} classes in {len(rows):,} "
        f"training rows, and a class needs {MIN_ROWS_PER_CLASS} on average; the rarest are "
        f"{listed}. Group rare classes in a dbt model, or make the `task` a regression if the "
        "label is a number"
    )
