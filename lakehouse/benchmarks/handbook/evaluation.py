"""Result rows: a protocol's metrics of the scores that a lake holds for the test rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Final

from lakehouse.benchmarks.handbook import oracle, protocol
from lakehouse.benchmarks.handbook.protocol import Split
from lakehouse.errors import LakehouseError
from lakehouse.lake import Lake, qualified
from lakehouse.models import ModelSpec
from lakehouse.models import Split as Periods
from lakehouse.registry import Version, list_versions
from lakehouse.training.judging.replays import replay

if TYPE_CHECKING:
    import pandas as pd

FIGURES: Final = ("auc_roc", "average_precision", "card_precision_100")


@dataclass(frozen=True)
class Row:
    """One model on one protocol; over several folds, means and sums.

    `deviation` is the sample standard deviation over the folds. `oracle_share`: average precision
    over that of the oracle. `recall`: by kind of fraud, on the hundred cards alerted each day.
    `observed_over_expected`: frauds over the sum of scores; over several folds, of all together.
    """

    protocol: str
    model: str
    features: str
    training_days: int
    auc_roc: float
    average_precision: float
    card_precision_100: float
    train_rows: int
    test_rows: int
    test_frauds: int
    oracle_share: float
    observed_over_expected: float
    recall: Mapping[str, float]
    deviation: Mapping[str, float] = field(default_factory=dict)
    folds: int = 1


@dataclass(frozen=True)
class Evaluation:
    """One model on one split: its row, and the scored rows behind it."""

    row: Row
    scored: pd.DataFrame


def evaluate(
    lake: Lake, spec: ModelSpec, split: Split, name: str, *, logged: bool = False
) -> Evaluation:
    """Evaluate the version trained for `split` on the test rows.

    With `logged`, the scores come from the prediction log that the graph wrote; otherwise the
    version scores the rows again, so the result does not depend on which version was champion.

    Raises:
        LakehouseError: when no version was trained for the split, or rows were not scored.
    """
    version = _version(lake, spec, split)
    history = _history(lake, split)
    scores = _logged(lake, spec) if logged else _replayed(lake, spec, version)
    test = protocol.test_rows(history, split).merge(scores, how="left", on=protocol.TRANSACTION)
    if test["score"].isna().any():
        raise LakehouseError(f"{spec.name} has no score for {test['score'].isna().sum()} test rows")
    figures = protocol.figures(test)
    known = oracle.oracle_scores(test, history, timedelta(days=split.delay_days))
    oracle_figures = protocol.figures(test.assign(score=known))
    with lake.reader() as cursor:
        train_rows, first = cursor.execute(
            f"SELECT count(*), min(event_time)::DATE FROM {qualified(spec.training_table)} "
            "WHERE split = 'train' AND training_set_id = ?",
            [version.training_set_id],
        ).fetchall()[0]
    row = Row(
        protocol=name,
        model=spec.name,
        features=spec.tags.get("features", "generic"),
        training_days=(split.train_until - first).days,
        auc_roc=figures.auc_roc,
        average_precision=figures.average_precision,
        card_precision_100=figures.card_precision_100,
        train_rows=train_rows,
        test_rows=len(test),
        test_frauds=int(test[protocol.LABEL].sum()),
        oracle_share=figures.average_precision / oracle_figures.average_precision,
        observed_over_expected=float(test[protocol.LABEL].sum() / test["score"].sum()),
        recall=protocol.recall_by_kind(test, oracle.KIND),
    )
    scored = test[[protocol.TRANSACTION, protocol.CUSTOMER, protocol.TIME, "is_fraud", "score"]]
    return Evaluation(
        row, scored.assign(model=spec.name, model_version=version.version, protocol=name)
    )


def mean_row(rows: Sequence[Row]) -> Row:
    """The folds of one model as one row."""
    one = rows[0]
    kinds = sorted({kind for row in rows for kind in row.recall})
    return Row(
        protocol=one.protocol,
        model=one.model,
        features=one.features,
        training_days=round(fmean(row.training_days for row in rows)),
        auc_roc=fmean(row.auc_roc for row in rows),
        average_precision=fmean(row.average_precision for row in rows),
        card_precision_100=fmean(row.card_precision_100 for row in rows),
        train_rows=sum(row.train_rows for row in rows),
        test_rows=sum(row.test_rows for row in rows),
        test_frauds=sum(row.test_frauds for row in rows),
        oracle_share=fmean(row.oracle_share for row in rows),
        observed_over_expected=sum(row.test_frauds for row in rows)
        / sum(row.test_frauds / row.observed_over_expected for row in rows),
        recall={k: fmean(row.recall[k] for row in rows if k in row.recall) for k in kinds},
        deviation={name: stdev(getattr(row, name) for row in rows) for name in FIGURES},
        folds=len(rows),
    )


def _version(lake: Lake, spec: ModelSpec, split: Split) -> Version:
    for version in list_versions(lake, spec.name):
        if Periods.from_json(version.split).test_from.date() == split.test_from:
            return version
    raise LakehouseError(
        f"{spec.name}: no version was trained for the test from {split.test_from} on"
    )


def _history(lake: Lake, split: Split) -> pd.DataFrame:
    """All transactions up to the end of the test, with their labels and kinds of fraud."""
    with lake.reader() as cursor:
        return cursor.execute(
            "SELECT transaction_id, t.customer_id, t.terminal_id, t.event_time, "
            "t.amount::DOUBLE AS amount, l.is_fraud::INTEGER AS is_fraud, l.fraud_kind "
            f"FROM {qualified('core.fct_transactions')} t "
            f"JOIN {qualified('core.fct_labels')} l USING (transaction_id) "
            "WHERE t.event_time < ? ORDER BY t.event_time, transaction_id",
            [split.test_until],
        ).df()


def _logged(lake: Lake, spec: ModelSpec) -> pd.DataFrame:
    with lake.reader() as cursor:
        return cursor.execute(
            f"SELECT transaction_id, score FROM {qualified(spec.predictions_table)}"
        ).df()


def _replayed(lake: Lake, spec: ModelSpec, version: Version) -> pd.DataFrame:
    import pandas as pd

    _, scores = replay(spec, lake, version)
    with lake.reader() as cursor:
        keys = cursor.execute(
            f"SELECT key FROM {qualified(spec.training_table)} "
            "WHERE training_set_id = ? AND split = 'test' ORDER BY key",
            [version.training_set_id],
        ).fetchnumpy()["key"]
    return pd.DataFrame({protocol.TRANSACTION: keys, "score": scores})
