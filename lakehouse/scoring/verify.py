"""Whether the prediction log is what it should be; cheap enough to look after every scoring."""

from lakehouse.lake import Lake, qualified, quote
from lakehouse.lake.lake import table_exists
from lakehouse.training.spec import ModelSpec


def find_broken(spec: ModelSpec, lake: Lake) -> str:
    """What is wrong with the rows of the newest load in the log, in words; empty if nothing is.

    Each of their keys must be in the whole log once, and what was predicted must not be NULL.
    """
    table, key = qualified(spec.predictions_table), quote(spec.spine.key)
    output = {"binary": "score", "regression": "prediction", "multiclass": "probability"}[spec.task]
    with lake.reader() as cursor:
        if not table_exists(cursor, spec.predictions_table):
            return f"{spec.predictions_table} is not in the lake"
        (twice, empty) = cursor.execute(
            f"""WITH newest AS (
                    FROM {table} WHERE _load_id = (SELECT max(_load_id) FROM {table})
                )
                SELECT (SELECT count(*) - count(DISTINCT {key}) FROM {table}
                        WHERE {key} IN (SELECT {key} FROM newest)),
                       (SELECT count(*) FROM newest WHERE {output} IS NULL OR isnan({output}))"""
        ).fetchall()[0]
    problems = {
        f"{twice} rows repeat a {spec.spine.key}": twice,
        f"{empty} have no {output}": empty,
    }
    return "; ".join(text for text, count in problems.items() if count)
