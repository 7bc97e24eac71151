"""Drift of a million scored rows with sixty features, read from a lake, for a window of one week.

`python -m tests.benchmarks.drift` builds the lake in a temporary folder and prints the figures.
"""

import json
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from lakehouse.lake import Author, Lake
from lakehouse.models import ModelSpec
from lakehouse.models.schema import Feature, FeatureSchema
from lakehouse.monitoring.look.cells import Cells, number_cells, text_cells
from lakehouse.monitoring.look.drift import Days, compare, count_days, drift_findings
from lakehouse.monitoring.look.reference import Part, Periods, Reference, make_reference
from lakehouse.settings import load_settings

ROWS, FEATURES, TEXTS = 1_000_000, 60, 3
FIRST = datetime(2026, 1, 5)
DAYS = Days(FIRST.date(), FIRST.date() + timedelta(days=14))
CHANNELS = ("chip", "contactless", "online")
Outcome = tuple[dict[str, float], dict[str, Any]]


def drift(folder: Path, on_progress: Callable[[str], None]) -> Outcome:
    """`drift_seconds`: from the tables to the findings; `drift_cpu_seconds` of all threads."""
    spec = ModelSpec.model_validate(
        {
            "name": "benchmark",
            "description": "Only monitored",
            "task": "binary",
            "spine": {"table": "core.spine", "key": "id"},
            "feature_sets": ["wide"],
            "label": {"table": "core.labels", "column": "label"},
            "split": {"gap": "14d"},
            "capacity": {"alerts": 100},
        }
    )
    names = [f"f{i}" for i in range(FEATURES - TEXTS)] + [f"t{i}" for i in range(TEXTS)]
    schema = FeatureSchema(
        features=tuple(
            Feature(name=n, set="wide", kind="number" if n[0] == "f" else "category") for n in names
        ),
        feature_sets={"wide": "00000000"},
    )
    with Lake(load_settings({}, data_dir=folder)) as lake:
        _make(lake, names)
        references = [*map(_reference, names), _reference_of("output", "score", _score_cells())]
        before = _peak_mb()
        started, cpu = time.monotonic(), time.process_time()
        with lake.reader() as cursor:
            counts = count_days(cursor, spec, schema, "v1", references, DAYS)
        counted = time.monotonic() - started
        rows: dict[Part, list[dict[str, Any]]] = {"feature": [], "output": []}
        for one in references:
            earlier = np.zeros((6, one.cells.slots), dtype=np.int64)
            of_days = counts[one.part, one.name]
            rows[one.part] += compare(spec, "v1", one, earlier, of_days, DAYS, DAYS.first, FEATURES)
        findings = drift_findings(rows, DAYS)
        figures = {
            "drift_seconds": time.monotonic() - started,
            "drift_cpu_seconds": time.process_time() - cpu,
        }
        made_of = {
            "rows": int(counts["feature", "f0"].sum()),
            "features": len(names),
            "days": len(DAYS),
            "findings": len(findings),
            "seconds_to_count": round(counted, 2),
            "memory_mb_more": round(_peak_mb() - before),
        }
    on_progress(f"drift of {made_of['rows']:,} rows: {figures['drift_seconds']:.2f} s")
    return figures, made_of


def _make(lake: Lake, names: list[str]) -> None:
    columns = ", ".join(
        f"CAST(random() * {i + 1} AS FLOAT) AS {name}"
        if name[0] == "f"
        else f"(['chip', 'contactless', 'online'])[1 + CAST(floor(random() * 3) AS INT)] AS {name}"
        for i, name in enumerate(names)
    )
    day = f"TIMESTAMP '{FIRST}' + to_microseconds(id * {14 * 86_400_000_000 // ROWS})"
    with lake.writer(Author("benchmark")) as writer:
        writer.execute(
            f"CREATE TABLE core.spine AS SELECT range AS id, {day.replace('id', 'range')} "
            f"AS event_time, event_time AS known_at, 1 AS _load_id FROM range({ROWS})"
        )
        writer.execute(
            f"CREATE TABLE features.wide__00000000 AS SELECT id, event_time, {columns}, _load_id "
            "FROM core.spine"
        )
        writer.execute(
            "CREATE TABLE predictions.benchmark AS SELECT id, event_time, random() AS score, "
            "'v1' AS model_version, _load_id FROM core.spine"
        )


def _reference(name: str) -> Reference:
    random = np.random.default_rng(0)
    if name[0] == "t":
        return _reference_of("feature", name, text_cells(CHANNELS))
    sample = random.random(50_000) * (int(name[1:]) + 1)
    return _reference_of("feature", name, number_cells(sample))


def _score_cells() -> Cells:
    return number_cells(np.random.default_rng(0).random(50_000))


def _reference_of(part: Part, name: str, cells: Cells) -> Reference:
    counts = np.full((85, cells.slots), 36, dtype=np.int64)
    periods = Periods(date(2026, 1, 1), np.repeat([0, 1, 2], 28))
    return make_reference(part, name, cells, counts, periods, window=7)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="lakehouse-drift-") as folder:
        print(json.dumps(drift(Path(folder), lambda text: None), indent=2))
