"""Notes about a training set's rows for readers of the evaluation."""

from collections.abc import Mapping, Sequence

import numpy as np

from lakehouse.evaluation.review_document import RowCount
from lakehouse.models.schema import count_clipped, describe_clipped
from lakehouse.training.sets.rows import Rows


def data_notes(
    names: list[str],
    rows: Mapping[str, Rows],
    classes: tuple[str, ...],
    counts: Sequence[RowCount] = (),
    label: str = "",
) -> tuple[str, ...]:
    """Notes on clipped values, classes missing from training, and NULL labels, by period.

    `names` are the columns of the rows' matrices, `classes` those of the training period, `counts`
    where the rows of each period went, and `label` the label's name.
    """
    clipped = describe_clipped(count_clipped(names, *(period.matrix for period in rows.values())))
    notes = [clipped] if clipped else []
    for period, found in rows.items():
        unseen = int(np.sum(found.label >= len(classes))) if classes else 0
        if unseen:
            notes.append(
                f"{unseen:,} of {len(found):,} {period} rows have a class that the training "
                "period does not have: no model predicts it, so they count as errors"
            )
    notes += [
        f"{each.null_labels:,} of {each.landed:,} {each.period} rows have NULL as {label}; they "
        "are left out"
        for each in counts
        if each.null_labels
    ]
    return tuple(notes)
