"""Why rows were flagged: the features that raised their score most, stored with the decision.

Only flagged rows are explained: TreeSHAP costs too much for all rows. `evaluation.explanations`
decomposes a score.
"""

import json
from collections.abc import Sequence

import duckdb
import pyarrow as pa

from lakehouse.evaluation.explanations import (
    CostlyReasons,
    Reason,
    explanation_cost,
    reasons,
    require_affordable,
)
from lakehouse.lake import quote
from lakehouse.models import Model, ModelSpec
from lakehouse.models.inputs import join_features
from lakehouse.models.schema import Matrix
from lakehouse.scoring.pending import BATCH_ROWS
from lakehouse.scoring.scorers import Scorer
from lakehouse.scoring.thresholds import FLAGGED, threshold_join

TOP = 3


def explain(
    reader: duckdb.DuckDBPyConnection,
    stage: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    deciding: Sequence[Scorer],
) -> str:
    """Fill the temporary table `reasons` (key, reasons) of `stage` for the flagged rows.

    Returns why there are none if a model's trees are too costly to explain; else an empty string.
    """
    key = quote(spec.spine.key)
    stage.execute(
        f"CREATE TEMP TABLE reasons AS SELECT {key} AS key, '' AS reasons FROM scored LIMIT 0"
    )
    return "; ".join(filter(None, (_explain(reader, stage, spec, one) for one in deciding)))


def _explain(
    reader: duckdb.DuckDBPyConnection,
    stage: duckdb.DuckDBPyConnection,
    spec: ModelSpec,
    scorer: Scorer,
) -> str:
    key, model = quote(spec.spine.key), scorer.model
    flagged = stage.execute(
        f"""SELECT {key} AS key FROM scored s JOIN thresholds t ON {threshold_join(spec)}
            WHERE s.place = ? AND {FLAGGED}""",
        [scorer.place],
    ).to_arrow_table()
    if not len(flagged):
        return ""
    try:
        require_affordable(explanation_cost(model.booster), scorer.name)
    except CostlyReasons as error:
        return str(error)
    schema = model.card.features
    features, joins = join_features(schema, spec.spine.key, "flagged.key")
    reader.register("flagged", flagged)
    rows = reader.execute(f"SELECT flagged.key, {features} FROM flagged {joins}")
    for batch in rows.to_arrow_reader(BATCH_ROWS):
        texts = describe_reasons(model, schema.matrix(batch))
        table = pa.table({"key": batch.column("key"), "reasons": pa.array(texts, pa.string())})
        stage.register("rows", table)
        stage.execute("INSERT INTO reasons FROM rows")
        stage.unregister("rows")
    reader.unregister("flagged")
    return ""


def describe_reasons(model: Model, matrix: Matrix) -> list[str]:
    """For each row of features, as JSON, the `TOP` features that raised its score most.

    A list of `feature`, `value` (a category by its name) and `contribution` in log odds.
    """
    found = reasons(model.booster, model.columns.matrix(matrix), model.card.inputs, TOP)
    return [json.dumps([_to_dict(model, reason) for reason in row]) for row in found]


def _to_dict(model: Model, reason: Reason) -> dict[str, object]:
    names = model.card.features.categories.get(reason.feature)
    value: object = reason.value
    if names is not None and reason.value is not None:
        value = names[int(reason.value)]
    return {
        "feature": reason.feature,
        "value": value,
        "contribution": round(reason.contribution, 4),
    }
