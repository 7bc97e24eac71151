"""Window features in pandas: `pandas_windows.py TASK INPUT OUTPUT TIMES`.

Windows with both ends open (`closed="neither"`). A window that ends days before its row is the
difference of two, which needs sums and counts: a minimum or a last value cannot be moved back, so
labels come as rows of their own, at the time when they are known, in one frame with the rows that
ask. Everything in a window is a double, and times are doubles as well, exact up to 2^53.

`rolling().quantile` interpolates or takes the value at `floor(q (n - 1))`, which is the discrete
median, but not another discrete quantile: features of the ninth decile are left out.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from measured import measure, report

DAYS = (1, 7, 30)
CANNOT = {
    "customer_spending": "no discrete quantile but the median: rolling().quantile has no inverse "
    "distribution function, and rolling().apply calls Python for each row"
}


def twelve(source: Path, target: Path) -> None:
    """Counts and sums over a customer's payments, and over a terminal's labels after 7 days."""
    rows = pd.read_parquet(source / "transactions.parquet")
    rows["time"] = pd.to_datetime(rows["k"], unit="us")
    rows["is_fraud"] = rows["is_fraud"].astype("int64")
    for name, value, back in (("customer", "amount_cents", 0), ("terminal", "is_fraud", 7)):
        entity = f"{name}_id"
        ordered = rows.sort_values([entity, "time"], kind="stable").reset_index(drop=True)
        groups = ordered.groupby(entity)[["time", value]]
        result = ordered[["transaction_id", entity]].copy()

        def window(days: int, closed: str, groups=groups, value=value) -> pd.DataFrame:
            rolled = groups.rolling(f"{days}D", on="time", closed=closed)[value]
            return rolled.agg(["count", "sum"]).reset_index(drop=True).fillna(0)

        behind = window(back, "left") if back else 0
        for d in DAYS:
            found = window(d + back, "neither") - behind
            result[f"n_{d}d"] = found["count"].astype("int64")
            result[f"total_{d}d"] = found["sum"].round().astype("int64")
        result.to_parquet(target / f"{name}.parquet")


Window = Callable[..., pd.Series]


def union(
    spine: pd.DataFrame, key: str, entity: str, events: pd.DataFrame, *also: str
) -> tuple[pd.DataFrame, Window]:
    """The rows that ask, and a function for windows over the events, which are ordered by `k`."""
    asking = spine.rename(columns={"t": "asked", "k": "known"}).rename(columns={"asked": "k"})
    frame = pd.concat([asking[[key, entity, "k", *also]], events])
    frame = frame.sort_values([entity, "k", *(["v"] if "v" in frame else [])], kind="stable")
    frame = frame.reset_index(drop=True)
    frame["time"] = pd.to_datetime(frame["k"], unit="us")
    asks = frame[key].notna().to_numpy()

    def window(days: int, column: str, operation: str, **arguments: object) -> pd.Series:
        groups = frame.groupby(entity)[["time", column]]
        rolled = groups.rolling(f"{days}D", on="time", closed="neither", min_periods=0)[column]
        values = getattr(rolled, operation)(**arguments)
        return pd.Series(values.to_numpy()[asks])

    result = frame.loc[asks, [key, "k", *also]].reset_index(drop=True)
    return result.astype("int64"), window


def customer_activity(source: Path, target: Path) -> None:
    """Payments before each day of a customer."""
    events = pd.read_parquet(source / "transactions.parquet")
    events = pd.DataFrame({
        "customer_id": events["customer_id"], "k": events["k"], "e": events["k"],
        "v": events["amount_cents"], "place": events["terminal_id"],
        "squares": events["amount_cents"] ** 2,
    })  # fmt: skip
    days = pd.read_parquet(source / "customer_days.parquet")
    result, window = union(days, "customer_day_id", "customer_id", events)
    for d in (7, 14, 28, 91):
        result[f"payments_{d}d"] = window(d, "v", "count").astype("int64")
        result[f"spend_{d}d"] = window(d, "v", "sum").round().astype("int64")
        n = result[f"payments_{d}d"]
        result[f"mean_amount_{d}d"] = (result[f"spend_{d}d"] / n).where(n > 0)
    n, total = result["payments_28d"], result["spend_28d"].astype("float64")
    spread = (n * window(28, "squares", "sum") - total * total) / (n * (n - 1))
    result["spread_28d"] = (spread.clip(lower=0) ** 0.5).where(n > 1)
    result["places_28d"] = window(28, "place", "nunique").fillna(0).astype("int64")
    result["top_28d"] = window(28, "v", "max")
    result["idle"] = result["k"] - window(91, "e", "max")
    result["since_first"] = result["k"] - window(91, "e", "min")
    time = pd.to_datetime(result["k"], unit="us")
    result["weekday"], result["day_of_month"] = time.dt.day_of_week + 1, time.dt.day
    result.drop(columns="k").to_parquet(target / "customer_activity.parquet")


def customer_spending(source: Path, target: Path) -> None:
    """Payments before each payment of a customer, without ninth deciles."""
    rows = pd.read_parquet(source / "transactions.parquet")
    events = pd.DataFrame({
        "customer_id": rows["customer_id"], "k": rows["k"], "e": rows["k"],
        "v": rows["amount_cents"],
    })  # fmt: skip
    result, window = union(rows, "transaction_id", "customer_id", events, "amount_cents")
    amount = result.pop("amount_cents")
    typical = window(60, "v", "quantile", q=0.5, interpolation="lower")
    tops = {d: window(d, "v", "max") for d in (1, 7, 14, 30, 60)}
    for d in (1, 7):
        result[f"n_{d}d"] = window(d, "v", "count").astype("int64")
    result["idle"] = result["k"] - window(30, "e", "max")
    result["typical_60d"] = typical
    result["amount_to_typical_60d"] = (amount / typical).where(typical != 0)
    for d in (30, 60):
        result[f"amount_to_top_{d}d"] = (amount / tops[d]).where(tops[d] != 0)
    for d in (1, 7, 14):
        result[f"top_to_typical_{d}d"] = (tops[d] / typical).where(typical != 0)
    result.drop(columns="k").to_parquet(target / "customer_spending.parquet")


def terminal_risk(source: Path, target: Path) -> None:
    """Labels and reports known before each payment at a terminal."""
    rows = pd.read_parquet(source / "transactions.parquet")
    labels = pd.read_parquet(source / "labels.parquet").sort_values(["terminal_id", "k"])
    fraud, k = labels["is_fraud"].astype(bool), labels["k"]
    # the number of labels at the terminal up to and including this time
    number = labels.groupby("terminal_id")["k"].rank(method="max")
    events = pd.DataFrame({
        "terminal_id": labels["terminal_id"], "k": k, "e": k, "f": fraud.astype("int64"),
        "pair": 2 * k + fraud, "v": labels["amount_cents"].where(fraud), "number": number,
        "fraud_at": k.where(fraud), "legit_at": k.where(~fraud),
        "fraud_number": number.where(fraud), "legit_number": number.where(~fraud),
    })  # fmt: skip
    result, window = union(rows, "transaction_id", "terminal_id", events)
    t = result["k"]
    for d in DAYS:
        n = result[f"terminal_n_{d}d"] = window(d, "e", "count").astype("int64")
        result[f"terminal_risk_{d}d"] = (window(d, "f", "sum").round() / n).where(n > 0)
    result["last_settled"] = window(30, "pair", "max") % 2
    result["since_fraud"] = t - window(30, "fraud_at", "max")
    result["since_first_fraud"] = t - window(30, "fraud_at", "min")
    result["since_legit"] = t - window(30, "legit_at", "max")
    last = window(30, "number", "max")
    result["settled_since_fraud"] = last - window(30, "fraud_number", "max")
    result["settled_since_legit"] = last - window(30, "legit_number", "max")
    result["last_fraud_amount"] = window(30, "v", "last")
    result["smallest_fraud_amount"] = window(30, "v", "min")
    settled = result.drop(columns="k")
    reports = pd.read_parquet(source / "reports.parquet")
    events = pd.DataFrame({
        "terminal_id": reports["terminal_id"], "k": reports["k"], "e": reports["k"],
    })  # fmt: skip
    result, window = union(rows, "transaction_id", "terminal_id", events)
    for d in DAYS:
        result[f"reports_{d}d"] = window(d, "e", "count").astype("int64")
    result["since_report"] = result["k"] - window(60, "e", "max")
    settled.merge(result.drop(columns="k"), on="transaction_id").to_parquet(
        target / "terminal_risk.parquet"
    )


TASKS = {
    task.__name__: task for task in (twelve, customer_activity, customer_spending, terminal_risk)
}

if __name__ == "__main__":
    name, source, target, times = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
    measured = measure(lambda: TASKS[name](source, target), int(times))
    report(**measured, versions={"pandas": pd.__version__}, threads=1, cannot=CANNOT.get(name, ""))
