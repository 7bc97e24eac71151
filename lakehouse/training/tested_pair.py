"""Two versions on test rows that neither was trained on."""

from datetime import datetime

import numpy as np

from lakehouse.evaluation.pair import Pair
from lakehouse.lake import Lake
from lakehouse.models.artefact import load_model
from lakehouse.models.spec import ModelSpec
from lakehouse.models.split import DAY, Split
from lakehouse.registry import RegistryError, Version
from lakehouse.training.judging.assessment import predictions
from lakehouse.training.judging.rivals import test_rows, version_rival


def load_tested_pair(lake: Lake, spec: ModelSpec, one: Version, other: Version) -> Pair:
    """Predictions of both versions on the same test rows.

    The rows are those of the version whose test ended later, from the start of the later test
    period on.

    Raises:
        RegistryError: when the test rows of one are training rows of the other.
        BadArtefact, SchemaMismatch: when one of them can no longer score the rows.
    """
    newer = max(one, other, key=lambda v: (Split.from_json(v.split).test_until, v.number))
    model = load_model(lake.settings.models_dir, newer.artefact, newer.files)
    card, set_id = model.card, newer.training_set_id
    start = max(Split.from_json(v.split).test_from for v in (one, other))
    with lake.reader() as cursor:
        rows, found = test_rows(cursor, spec, set_id, model, card.classes)
        rivals = [
            version_rival(cursor, spec, lake, set_id, version, "last", card.classes)
            for version in (one, other)
        ]
    common = found.copy()
    common[found] = rows.day >= -((datetime(1970, 1, 1) - start) // DAY)  # whole days of both
    for rival in rivals:
        common &= True if rival.shared is None else rival.shared
    if not common.any():
        raise RegistryError(
            f"{one.version} and {other.version} were tested on different periods, and have logged "
            "no matured predictions of the same rows"
        )
    rows = rows.take(common[found])
    first, second = (
        predictions(spec, rows, rival.of(common), rival.threshold, card.baseline)
        for rival in rivals
    )
    return Pair(
        f"the {len(rows):,} test rows of {newer.version}",
        first,
        second,
        [np.asarray(rows.entities[name]) for name in spec.clusters],
    )
