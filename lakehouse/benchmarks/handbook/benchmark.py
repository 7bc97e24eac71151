"""Runs the benchmark: delivers data, runs the graph, evaluates predictions, reports run times."""

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
from lakehouse.benchmarks.handbook.delivery import DELAY, TICK, deliver
from lakehouse.benchmarks.handbook.evaluation import Row, evaluate, mean_row
from lakehouse.declarations.durations import microseconds
from lakehouse.errors import LakehouseError
from lakehouse.lake import Lake
from lakehouse.project import Project
from lakehouse.settings import Settings, load_settings

if TYPE_CHECKING:
    import pandas as pd

    from lakehouse.orchestration.build import Specs

DOMAIN = "payments"
"""The domain of this repository whose pipeline runs on the handbook's files."""
OVERRIDES = Path(__file__).with_name("overrides.yaml")
DELIVERIES = tuple(split.test_until + DELAY - timedelta(days=1) for split in protocol.CHAPTER_5)
"""The days by whose end every label of a test week has arrived, a week apart."""

PUBLISHED = (
    ("chapter3", "logistic regression", 0.871, 0.606, 0.291),
    ("chapter3", "decision tree, depth 2", 0.763, 0.496, 0.241),
    ("chapter3", "decision tree", 0.788, 0.309, 0.243),
    ("chapter3", "random forest", 0.867, 0.658, 0.287),
    ("chapter3", "XGBoost", 0.862, 0.639, 0.273),
    ("chapter5", "random forest", 0.870, 0.678, 0.299),
    ("chapter5", "XGBoost", 0.869, 0.687, 0.303),
    ("chapter5", "balanced bagging (chapter 6)", 0.879, 0.680, 0.305),
    ("chapter5", "neural network (chapter 7)", 0.876, 0.675, 0.303),
    ("chapter5", "LSTM (chapter 7)", 0.876, 0.665, 0.297),
)
"""One week of training: protocol, model, AUC ROC, average precision, card precision at 100."""


@dataclass(frozen=True)
class Result:
    """Our result rows, the scored test transactions of all models, and the run times.

    `wall` is seconds by stage; stages are sequential and add up to the total. `steps` is seconds of
    the graph's steps by layer, which add up to less than the graph's time.
    """

    rows: list[Row]
    predictions: "pd.DataFrame"
    wall: Mapping[str, float]
    steps: Mapping[str, float]


def run(
    folder: Path,
    keep: Path | None = None,
    on_progress: Callable[[str], None] = lambda text: None,
    *,
    prequential: bool = True,
) -> Result:
    """Run the payments pipeline on the handbook's files in a separate lake.

    First up to the test of chapter 3; then, if `prequential`, week by week through the other folds
    of chapter 5: each week arrives, is transformed and leads to retraining like any other
    increment. `keep` is an empty folder in which to leave the lake; by default it is temporary.

    Raises:
        LakehouseError: when files are missing, or any step of the graph failed.
    """
    import pandas as pd

    with tempfile.TemporaryDirectory(prefix="handbook-") as temporary:
        data_dir = keep or Path(temporary)
        if (data_dir / "lake").exists():
            raise LakehouseError(f"there is already a lake in {data_dir}; choose an empty folder")
        settings = load_settings(data_dir=data_dir)
        clock, steps = Stages(), defaultdict[str, float](float)
        models, evaluations = specs(settings.project).models, []
        for number, until in enumerate(DELIVERIES if prequential else DELIVERIES[:1]):
            with clock.stage("delivery"):
                count = deliver(folder, settings, until, DELIVERIES[number - 1] if number else None)
            on_progress(f"delivered {count:,} transactions up to {until}")
            for layer, spent in _run_graph(settings, on_progress, clock).items():
                steps[layer] += spent
            split = protocol.CHAPTER_5[number]
            with clock.stage("evaluation"), Lake(settings, read_only=True) as lake:
                if not number:
                    evaluations += [
                        evaluate(lake, m, split, "chapter3", logged=True) for m in models
                    ]
                if prequential:
                    evaluations += [evaluate(lake, model, split, "chapter5") for model in models]
        chapter3 = [one.row for one in evaluations if one.row.protocol == "chapter3"]
        folds: dict[str, list[Row]] = defaultdict(list)
        for one in evaluations:
            if one.row.protocol == "chapter5":
                folds[one.row.model].append(one.row)
        rows = chapter3 + [mean_row(found) for found in folds.values()]
        scored = pd.concat([one.scored for one in evaluations], ignore_index=True)
        return Result(rows, scored, clock.wall(), dict(steps))


class Stages:
    """Wall time of sequential stages; `other` is the time between them."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now, self._started = now, now()
        self._spent: dict[str, float] = defaultdict(float)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of this block to the stage `name`."""
        started = self._now()
        try:
            yield
        finally:
            self._spent[name] += self._now() - started

    def wall(self) -> dict[str, float]:
        """Seconds by stage since the start; they add up to `total`, which comes last."""
        total = self._now() - self._started
        return {**self._spent, "other": total - sum(self._spent.values()), "total": total}


def _run_graph(
    settings: Settings, on_progress: Callable[[str], None], clock: Stages
) -> dict[str, float]:
    """Bring the graph up to date; returns the seconds of its steps by layer."""
    with _environment(settings):
        with clock.stage("definitions"):
            from lakehouse.orchestration.build import build_from_specs
            from lakehouse.orchestration.runs.in_process import (
                AssetDone,
                Event,
                StepFailed,
                run_assets,
            )

            maturity = {"payments_label_maturity_us": microseconds(DELAY - TICK)}
            definitions = build_from_specs(settings, specs(settings.project), maturity)
        seconds: dict[str, float] = defaultdict(float)

        def report_event(event: Event) -> None:
            if isinstance(event, AssetDone):
                seconds[event.asset.partition("/")[0]] += event.seconds
                on_progress(f"{event.asset} {event.rows or 0:,} rows {event.seconds:.1f} s")
            elif isinstance(event, StepFailed):
                on_progress(f"{event.step} failed: {event.error}")

        with clock.stage("graph"):
            summary = run_assets(definitions, settings, on_event=report_event)
        if summary.failed:
            problems = [f"{p.step}: {p.error}" for p in summary.problems if p.error]
            problems += [f"{c.asset}: {c.check}: {c.description}" for c in summary.failed_checks]
            raise LakehouseError(f"the graph failed: {'; '.join(problems)}")
        return dict(seconds)


def specs(project: "Project") -> "Specs":
    """The specs of `DOMAIN`, with the overrides for the handbook's files and protocol."""
    from dataclasses import replace

    from lakehouse.features.spec import FeatureSetSpec
    from lakehouse.orchestration.build import read_specs

    overrides: dict[str, Any] = yaml.safe_load(OVERRIDES.read_text())
    project_specs = read_specs(project, DOMAIN)
    detector = next(spec for spec in project_specs.models if spec.name == "fraud_detector")
    return replace(
        project_specs,
        sources=[
            _override(spec, overrides["sources"].get(spec.name, {}))
            for spec in project_specs.sources
        ],
        feature_sets=[
            *(
                spec.model_copy(update={"spines": spec.spines[:1]})
                for spec in project_specs.feature_sets
            ),
            *map(FeatureSetSpec.model_validate, overrides["feature_sets"]),
        ],
        models=[_override(detector, {"name": n, **o}) for n, o in overrides["models"].items()],
    )


def _override(spec: Any, fields: Mapping[str, Any]) -> Any:
    return type(spec).model_validate({**spec.model_dump(by_alias=True), **fields})


@contextmanager
def _environment(settings: Settings) -> Iterator[None]:
    """Environment variables from which the resources of the run read their settings."""
    before = dict(os.environ)
    os.environ.update(settings.environment())
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
