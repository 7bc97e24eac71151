"""The models of the bare script: the same choices as the lake's, with LightGBM and a few lines.

The parameters of the fraud detector are searched on two folds, it is trained on a sample of the
legitimate payments, and calibrated on the predictions of its folds, as the declaration requires.
Nothing is proved, stored or drawn.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import duckdb
import numpy as np

US_PER_DAY = 86_400_000_000
Matrix = np.ndarray[Any, Any]
Rows = tuple[Matrix, Matrix]
"""Features as the trees see them, and labels."""

FORWARD = f"""
SELECT key, moment + INTERVAL 7 day - INTERVAL 1 microsecond AS label_known_at,
    coalesce(following, 0)::DOUBLE AS label, coalesce(before, 0)::DOUBLE AS naive_last,
    coalesce(season, 0)::DOUBLE AS naive_season,
    coalesce(past, 0)::DOUBLE * {7 * US_PER_DAY} / greatest({7 * US_PER_DAY},
        least({182 * US_PER_DAY}, epoch_us(moment) - epoch_us(beginning))) AS naive_mean
FROM (
    SELECT key, moment,
        sum(amount) OVER (w RANGE BETWEEN CURRENT ROW
            AND INTERVAL '6 days 23:59:59.999999' FOLLOWING) AS following,
        sum(amount) OVER (w RANGE BETWEEN INTERVAL 7 day PRECEDING
            AND INTERVAL 1 microsecond PRECEDING) AS before,
        sum(amount) OVER (w RANGE BETWEEN INTERVAL 28 day PRECEDING
            AND INTERVAL '21 days 00:00:00.000001' PRECEDING) AS season,
        sum(amount) OVER (w RANGE BETWEEN INTERVAL 182 day PRECEDING
            AND INTERVAL 1 microsecond PRECEDING) AS past,
        min(happened) OVER (w RANGE UNBOUNDED PRECEDING) AS beginning
    FROM (SELECT customer_id, known_at AS moment, known_at AS happened, amount_eur AS amount,
            NULL AS key FROM fct_transactions
        UNION ALL SELECT customer_id, event_time, NULL, NULL, key FROM spine)
    WINDOW w AS (PARTITION BY customer_id ORDER BY moment))
WHERE key IS NOT NULL"""
ON_TRANSACTIONS = ("transaction_context", "customer_spending", "terminal_risk")
MODELS: list[dict[str, Any]] = [
    {
        "name": "fraud_detector",
        "spine": ("fct_transactions", "transaction_id"),
        "sets": ON_TRANSACTIONS,
        "label": "SELECT transaction_id AS key, known_at AS label_known_at, is_fraud::DOUBLE "
        "AS label FROM fct_labels",
        "gap": 14,
        "params": {
            "objective": "binary", "metric": ["binary_logloss", "average_precision"],
            "learning_rate": 0.15,
            "num_leaves": 31, "max_depth": 6, "min_data_in_leaf": 100, "lambda_l2": 5.0,
        },
        "rounds": 150,
        "patience": 20,
        "choosing": {"trials": 3, "folds": 8, "search": 2, "days": 7, "ratio": 20},
    },
    {
        "name": "customer_spend_forecast",
        "spine": ("customer_days", "customer_day_id"),
        "sets": ("customer_activity__days", "customer_profile__days"),
        "label": FORWARD,
        "gap": 7,
        "every": 7,
        "params": {
            "objective": "regression_l1", "metric": "l1", "learning_rate": 0.1, "num_leaves": 31,
            "max_depth": 6, "min_data_in_leaf": 100, "max_bin": 127,
        },
        "rounds": 200,
        "patience": 20,
    },
    {
        "name": "fraud_scenario",
        "spine": ("fct_reports", "transaction_id"),
        "sets": ON_TRANSACTIONS,
        "label": "SELECT transaction_id AS key, known_at AS label_known_at, fraud_kind AS label "
        "FROM fct_reports",
        "gap": 14,
        "params": {
            "objective": "multiclass", "metric": "multi_logloss", "learning_rate": 0.1,
            "num_leaves": 15, "max_depth": 5, "min_data_in_leaf": 20, "max_bin": 63,
        },
        "rounds": 100,
        "patience": 15,
    },
]  # fmt: skip


@dataclass
class Trees:
    """LightGBM with the declared parameters of one model."""

    settings: dict[str, Any]
    categorical: list[int]
    rounds: int
    patience: int
    rng: np.random.Generator
    choosing: dict[str, int] | None

    def fit(self, rows: Rows, stop: Rows | None) -> tuple[Any, float]:
        """A booster, and the factor by which undersampling makes its odds too high."""
        import lightgbm

        (matrix, label), odds = rows, 1.0
        if self.choosing:
            minority, majority = np.flatnonzero(label > 0), np.flatnonzero(label <= 0)
            count = min(len(majority), self.choosing["ratio"] * len(minority))
            kept = self.rng.choice(majority, count, replace=False)
            chosen = np.sort(np.concatenate([minority, kept]))
            matrix, label, odds = matrix[chosen], label[chosen], len(majority) / len(kept)
        data = lightgbm.Dataset(
            matrix, label, params=self.settings, categorical_feature=self.categorical
        )
        counts = np.where(stop[1] > 0, 1.0, 1 / odds) if stop and odds != 1 else None
        stopping = lightgbm.early_stopping(self.patience, first_metric_only=True, verbose=False)
        booster = lightgbm.train(
            self.settings,
            data,
            self.rounds,
            valid_sets=[data.create_valid(*stop, weight=counts)] if stop else [],
            callbacks=[stopping] if stop else [],
        )
        return booster, odds

    def search(self, folds: list[tuple[Rows, Rows]], trials: int) -> None:
        """The best parameters on the folds: the declared ones or random ones."""
        tried = [self.settings]
        for _number in range(trials - 1):
            rate, leaf, l2 = np.exp(self.rng.uniform(*np.log([[0.05, 20, 0.1], [0.3, 300, 20]])))
            leaves = int(self.rng.integers(15, 64))
            chosen = {"learning_rate": rate, "num_leaves": leaves, "min_data_in_leaf": int(leaf)}
            tried.append({**self.settings, **chosen, "lambda_l2": l2})
        values = []
        for settings in tried:
            trees = replace(self, settings=settings)
            scores = [trees.fit(*fold)[0].predict(fold[1][0]) for fold in folds]
            pairs = zip(folds, scores, strict=True)
            values.append(sum(_average_precision(fold[1][1], score) for fold, score in pairs))
        self.settings = tried[int(np.argmax(values))]

    def train(
        self, rows: Rows, stop: Rows, folds: list[tuple[Rows, Rows]]
    ) -> Callable[[Matrix], Matrix]:
        """A predictor, calibrated on predictions of the folds and validation, if there are any."""
        booster, odds = self.fit(rows, stop)
        if not folds and not self.choosing:
            return lambda matrix: np.asarray(booster.predict(matrix))
        if not folds:
            return lambda matrix: 1 / (1 + np.exp(-_log_odds(booster.predict(matrix), odds)))
        from sklearn.linear_model import LogisticRegression

        again = replace(self, rounds=booster.best_iteration)
        scores = []
        for train_rows, (matrix, _) in folds:
            model, odds_factor = again.fit(train_rows, None)
            scores.append(_log_odds(model.predict(matrix), odds_factor))
        scores.append(_log_odds(booster.predict(stop[0]), odds))
        known = np.concatenate([*(label for _, (_, label) in folds), stop[1]])
        calibrator = LogisticRegression(C=1e6).fit(np.concatenate(scores)[:, None], known)

        def predict(matrix: Matrix) -> Matrix:
            log_odds = _log_odds(booster.predict(matrix), odds)[:, None]
            return np.asarray(calibrator.predict_proba(log_odds)[:, 1])

        return predict


def model(
    db: duckdb.DuckDBPyConnection, *, name: str, spine: tuple[str, str], sets: tuple[str, ...],
    label: str, gap: int, params: dict[str, Any], rounds: int, patience: int, every: int = 1,
    threads: int, choosing: dict[str, int] | None = None,
) -> None:  # fmt: skip
    """Training set, choice, training, metrics of the test period, and the predictions after it."""
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as the lake does

    table, key = spine
    day = timedelta(days=1)
    seal, first = db.execute(
        f"SELECT (SELECT max(seal) FROM files), date_trunc('day', min(event_time)) FROM {table}"
    ).fetchall()[0]
    test_until = seal + timedelta(microseconds=1) - gap * day
    test = test_until - 14 * day
    validation = test - (gap + 14) * day
    train_until = validation - gap * day
    features = ", ".join(f"f_{s}.* EXCLUDE ({key}, {_entity(s)}, event_time)" for s in sets)
    joins = " ".join(f"JOIN f_{s} USING ({key})" for s in sets)
    db.execute(
        f"""CREATE OR REPLACE TEMP TABLE spine AS
            SELECT s.*, {key} AS key, CASE
                WHEN event_time >= $first AND event_time < $train_until THEN 'train'
                WHEN event_time >= $validation AND event_time < $test - $gap THEN 'validation'
                WHEN event_time >= $test AND event_time < $test_until THEN 'test' END AS period
            FROM {table} s WHERE period IS NOT NULL AND (period <> 'train' OR $every = 1
                OR md5_number_lower({key}::VARCHAR) % $every = 0)""",
        {
            "first": first, "train_until": train_until, "validation": validation, "test": test,
            "gap": gap * day, "test_until": test_until, "every": every,
        },
    )  # fmt: skip
    db.execute(
        f"""CREATE TABLE training_{name} AS
            SELECT period, spine.event_time, labels.*, {features}
            FROM spine JOIN ({label}) labels USING (key) {joins}
            WHERE label_known_at < CASE period WHEN 'train' THEN $validation
                WHEN 'validation' THEN $test ELSE $seal + INTERVAL 1 microsecond END""",
        {"validation": validation, "test": test, "seal": seal},
    )
    described = db.execute(f"DESCRIBE SELECT {features} FROM spine {joins}").fetchall()
    texts = {
        column: [
            value
            for (value,) in db.execute(
                f"SELECT DISTINCT {column} FROM training_{name} "
                f"WHERE period = 'train' AND {column} IS NOT NULL ORDER BY 1"
            ).fetchall()
        ]
        for column, kind, *_ in described
        if kind == "VARCHAR"
    }
    classes = [
        value for (value,) in db.execute(f"SELECT DISTINCT label FROM training_{name}").fetchall()
    ]
    classes = sorted(classes) if params["objective"] == "multiclass" else []
    coded = ", ".join(
        f"nullif(list_position({texts[column]}, {column}) - 1, -1)::FLOAT AS {column}"
        if column in texts
        else f"{column}::FLOAT AS {column}"
        for column, *_ in described
    )
    target = f"(list_position({classes}, label) - 1)::DOUBLE" if classes else "label"
    data = {}
    for period in ("train", "validation", "test"):
        query = f"SELECT {coded}, {target} AS _label FROM training_{name} WHERE period = ?"
        data[period] = _arrays(db, f"{query} ORDER BY key", [period])
    settings = {
        **params, "seed": 42, "deterministic": True, "force_row_wise": True,
        "num_threads": threads, "verbosity": -1,
    }  # fmt: skip
    if classes:
        settings["num_class"] = len(classes)
    trees = Trees(
        settings,
        [i for i, (column, *_) in enumerate(described) if column in texts],
        rounds,
        patience,
        np.random.default_rng(42),
        choosing,
    )
    folds: list[tuple[Rows, Rows]] = []
    if choosing:
        folds = _folds(db, name, data["train"], train_until, gap, **choosing)
        if folds:
            trees.search(folds[-choosing["search"] :], choosing["trials"])
    predict = trees.train(data["train"], data["validation"], folds)
    tested = predict(data["test"][0])
    if params["objective"] == "regression_l1":
        print(f"{name}: MAE {np.abs(tested - data['test'][1]).mean():.4f}")
    elif classes:
        print(f"{name}: accuracy {(tested.argmax(axis=1) == data['test'][1]).mean():.4f}")
    else:
        print(f"{name}: average precision {_average_precision(data['test'][1], tested):.4f}")
    source = f"(SELECT {key}, event_time AS scored_at FROM {table}) s {joins} WHERE scored_at >= ?"
    query = f"SELECT {coded}, {key} AS _label FROM {source} ORDER BY {key}"
    matrix, keys = _arrays(db, query, [test])
    predicted = predict(matrix)
    predictions: dict[str, Any] = {"key": keys.astype(np.int64)}
    if classes:
        predictions |= {"class": predicted.argmax(axis=1), "probability": predicted.max(axis=1)}
    else:
        predictions["prediction"] = predicted
    import pyarrow as pa

    db.register("predictions", pa.table(predictions))
    db.execute(
        f"CREATE TABLE predictions_{name} AS SELECT s.*, predictions.* EXCLUDE (key) "
        f"FROM predictions JOIN {table} s ON s.{key} = predictions.key"
    )


def _entity(feature_set: str) -> str:
    return "terminal_id" if feature_set == "terminal_risk" else "customer_id"


def _arrays(
    db: duckdb.DuckDBPyConnection, query: str, parameters: list[Any]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Features as 32-bit floats, and the last column unchanged."""
    columns = db.execute(query, parameters).fetchnumpy()
    last = np.asarray(columns.pop("_label"))
    matrix = np.empty((len(last), len(columns)), dtype=np.float32)
    for i, values in enumerate(columns.values()):
        matrix[:, i] = np.ma.filled(values, np.nan)
    return matrix, last


def _folds(
    db: duckdb.DuckDBPyConnection, name: str, train: Rows, train_until: datetime, gap: int,
    *, folds: int, days: int, **_: int,
) -> list[tuple[Rows, Rows]]:  # fmt: skip
    """Training and scoring rows: adjacent periods at the end, the oldest first."""
    columns = db.execute(
        f"SELECT epoch_us(event_time) AS t, epoch_us(label_known_at) AS k FROM training_{name} "
        "WHERE period = 'train' ORDER BY key"
    ).fetchnumpy()
    happened, known = np.asarray(columns["t"]), np.asarray(columns["k"])
    matrix, label = train
    end = (train_until - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    found = []
    for back in range(folds, 0, -1):
        start = end - back * days * US_PER_DAY
        if start - gap * US_PER_DAY - int(happened.min()) < 2 * days * US_PER_DAY:
            continue  # too few rows to train on
        in_train = (happened < start - gap * US_PER_DAY) & (known < start)
        scored = (happened >= start) & (happened < start + days * US_PER_DAY)
        found.append(((matrix[in_train], label[in_train]), (matrix[scored], label[scored])))
    return found


def _log_odds(score: Any, odds_factor: float) -> Matrix:
    """Log odds of a score whose odds are too high by that factor."""
    clipped = np.clip(np.asarray(score), 1e-9, 1 - 1e-9)
    return np.asarray(np.log(clipped / (1 - clipped) / odds_factor))


def _average_precision(truth: Any, score: Any) -> float:
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(truth[order])
    last = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
    precision, recall = hits[last] / (last + 1), hits[last] / hits[-1]
    return float(np.sum(precision * np.diff(recall, prepend=0.0)))
