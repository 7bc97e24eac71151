"""The benchmark itself: deliver, run the graph, judge its predictions, say where the time went."""

import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from lakehouse.benchmarks.handbook import protocol
from lakehouse.benchmarks.handbook.deliver import DELAY, TICK, deliver
from lakehouse.durations import microseconds
from lakehouse.errors import LakehouseError
from lakehouse.lake import Lake, qualified
from lakehouse.settings import Settings, load_settings

if TYPE_CHECKING:
    import pandas as pd

    from lakehouse.orchestration.build import Specs

OVERRIDES = Path(__file__).with_name("overrides.yaml")
SPLIT = protocol.CHAPTER_3
LAST_DAY = SPLIT.test_until + DELAY - timedelta(days=1)
"""The day by whose end every label of the test week has arrived."""


@dataclass(frozen=True)
class Row:
    """A line of the result: one model on one protocol."""

    protocol: str
    model: str
    training_days: int
    auc_roc: float
    average_precision: float
    card_precision_100: float
    train_rows: int
    test_rows: int
    test_frauds: int


PUBLISHED = (
    ("logistic regression", 0.871, 0.606, 0.291),
    ("decision tree, depth 2", 0.763, 0.496, 0.241),
    ("decision tree", 0.788, 0.309, 0.243),
    ("random forest", 0.867, 0.658, 0.287),
    ("XGBoost", 0.862, 0.639, 0.273),
)
"""Chapter 3, one week of training: model, AUC ROC, average precision, card precision at 100."""


@dataclass(frozen=True)
class Result:
    """Our rows, the scored test transactions of all models, and seconds by layer."""

    rows: list[Row]
    predictions: "pd.DataFrame"
    seconds: Mapping[str, float]


def run(
    folder: Path, keep: Path | None = None, tell: Callable[[str], None] = lambda text: None
) -> Result:
    """Take the handbook's files through the payments pipeline in a lake of its own.

    `keep` is an empty folder that the lake is left in; otherwise it is temporary.

    Raises:
        LakehouseError: when files are missing, or any step of the graph failed.
    """
    with tempfile.TemporaryDirectory(prefix="handbook-") as temporary:
        data_dir = keep or Path(temporary)
        if (data_dir / "lake").exists():
            raise LakehouseError(f"there is a lake in {data_dir} already; name an empty folder")
        settings = load_settings(data_dir=data_dir)
        started = time.monotonic()
        count = deliver(folder, settings, LAST_DAY)
        tell(f"delivered {count:,} transactions up to {LAST_DAY}")
        seconds = {"delivery": time.monotonic() - started, **_run_graph(settings, tell)}
        with Lake(settings, read_only=True) as lake:
            return _judge(lake, seconds)


def _run_graph(settings: Settings, tell: Callable[[str], None]) -> dict[str, float]:
    with _environment(settings):
        from lakehouse.orchestration.build import build_definitions
        from lakehouse.orchestration.run import AssetDone, Event, StepFailed, run_assets

        started = time.monotonic()
        maturity = {"label_maturity_us": microseconds(DELAY - TICK)}
        definitions = build_definitions(settings, specs(), maturity)
        seconds: dict[str, float] = defaultdict(float)
        seconds["definitions"] = time.monotonic() - started

        def listen(event: Event) -> None:
            if isinstance(event, AssetDone):
                seconds[event.asset.partition("/")[0]] += event.seconds
                tell(f"{event.asset} {event.rows or 0:,} rows {event.seconds:.1f} s")
            elif isinstance(event, StepFailed):
                tell(f"{event.step} failed: {event.error}")

        started = time.monotonic()
        summary = run_assets(definitions, settings, on_event=listen)
        if summary.failed:
            problems = [f"{p.step}: {p.error}" for p in summary.problems if p.error]
            problems += [f"{c.asset}: {c.check}: {c.description}" for c in summary.failed_checks]
            raise LakehouseError(f"the graph failed: {'; '.join(problems)}")
        total = time.monotonic() - started
        seconds["checks and orchestration"] = total - sum(seconds.values()) + seconds["definitions"]
        return dict(seconds)


def specs() -> "Specs":
    """The project's own specs, but for what the handbook's files and protocol make different."""
    from dataclasses import replace

    from lakehouse.orchestration.build import read_specs

    overrides: dict[str, Any] = yaml.safe_load(OVERRIDES.read_text())
    ours = read_specs()
    detector = next(spec for spec in ours.models if spec.name == "fraud_detector")
    return replace(
        ours,
        sources=[_override(spec, overrides["sources"].get(spec.name, {})) for spec in ours.sources],
        feature_sets=[
            spec.model_copy(update={"spines": spec.spines[:1]}) for spec in ours.feature_sets
        ],
        models=[_override(detector, {"name": n, **o}) for n, o in overrides["models"].items()],
    )


def _override(spec: Any, fields: Mapping[str, Any]) -> Any:
    return type(spec).model_validate({**spec.model_dump(by_alias=True), **fields})


def _judge(lake: Lake, seconds: Mapping[str, float]) -> Result:
    import pandas as pd

    rows, scored = [], []
    for spec in specs().models:
        with lake.reader() as cursor:
            table = cursor.execute(
                "SELECT transaction_id, t.customer_id, t.event_time, "
                "l.is_fraud::INTEGER AS is_fraud, p.score, p.model_version "
                f"FROM {qualified('core.fct_transactions')} t "
                f"JOIN {qualified('core.fct_labels')} l USING (transaction_id) "
                f"LEFT JOIN {qualified(spec.predictions_table)} p USING (transaction_id) "
                "WHERE t.event_time >= ? ORDER BY t.event_time, transaction_id",
                [SPLIT.week_from],
            ).df()
            train_rows, first = cursor.execute(
                "SELECT count(*), min(event_time)::DATE "
                f"FROM {qualified(spec.training_table)} WHERE split = 'train'"
            ).fetchall()[0]
        test = protocol.test_rows(table, SPLIT)
        if test["score"].isna().any():
            raise LakehouseError(f"{spec.name} left {test['score'].isna().sum()} rows unscored")
        figures = protocol.figures(test)
        rows.append(
            Row(
                protocol="chapter3",
                model=spec.name,
                training_days=(SPLIT.train_until - first).days,
                auc_roc=figures.auc_roc,
                average_precision=figures.average_precision,
                card_precision_100=figures.card_precision_100,
                train_rows=train_rows,
                test_rows=len(test),
                test_frauds=int(test["is_fraud"].sum()),
            )
        )
        scored.append(test.assign(model=spec.name))
    return Result(rows, pd.concat(scored, ignore_index=True), seconds)


@contextmanager
def _environment(settings: Settings) -> Iterator[None]:
    """The settings of the child processes and resources of the run."""
    before = dict(os.environ)
    os.environ.update(settings.environment())
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
