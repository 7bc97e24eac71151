"""Small inputs on which features, training or scoring failed once, with what they must come to."""

import json
import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lakehouse.declarations.yaml_file import SpecError, read_attributes
from lakehouse.features import FeatureSetSpec, refresh
from lakehouse.lake import Lake
from lakehouse.models import ModelSpec
from lakehouse.models.schema import LARGEST
from lakehouse.scoring import score
from lakehouse.settings import Settings
from lakehouse.sources import load, load_spec
from lakehouse.training import TrainReport, train

HERE = Path(__file__).parent
CASE_15 = HERE / "15-double-too-big-for-float"
START = datetime(2026, 8, 1)
DAY = timedelta(days=1)
PER_DAY, DAYS = 40, 45
DBL_MAX = 1.7976931348623157e308


def deliver(settings: Settings, days: range, beyond: dict[int, float]) -> None:
    """Land files of readings and outcomes, a day each; `beyond`: values by number of the row."""
    for day in days:
        draw = random.Random(day)
        begin = START + day * DAY
        rows: dict[str, list[dict[str, Any]]] = {"readings": [], "outcomes": []}
        for place in range(PER_DAY):
            number = day * PER_DAY + place
            at = begin + timedelta(seconds=draw.randrange(80_000), microseconds=place)
            x = draw.gauss(0, 1)
            failed = int((x > 0.9 and draw.random() < 0.7) or draw.random() < 0.03)
            value = beyond.get(number, round(x, 4))
            ids = {"reading_id": number, "machine_id": draw.randrange(20)}
            rows["readings"].append({**ids, "at": f"{at.isoformat()}Z", "value": value})
            known = at + timedelta(hours=1)
            outcome = {"reading_id": number, "at": f"{known.isoformat()}Z", "failed": failed}
            rows["outcomes"].append(outcome)
        seal = begin + DAY - timedelta(microseconds=1)
        for source, made in rows.items():
            path = Path(settings.landing) / source / f"{seal:%Y%m%dT%H%M%S%f}Z.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(json.dumps(row) + "\n" for row in made))


def load_and_refresh(lake: Lake, settings: Settings) -> None:
    for source in ("readings", "outcomes"):
        load(load_spec(CASE_15 / f"{source}.yaml"), lake, settings)
    refresh(read_attributes(CASE_15 / "machine_load.yaml", FeatureSetSpec), lake)


@pytest.fixture
def detector() -> ModelSpec:
    return read_attributes(CASE_15 / "fail_soon.yaml", ModelSpec)


@pytest.fixture
def trained(lake: Lake, settings: Settings, detector: ModelSpec) -> TrainReport:
    """A champion of a world in which every 500th value is DBL_MAX."""
    count = PER_DAY * DAYS
    deliver(settings, range(DAYS), dict.fromkeys(range(0, count, 500), DBL_MAX))
    load_and_refresh(lake, settings)
    return train(detector, lake)


@pytest.mark.slow
def test_15_a_double_beyond_32_bits_stops_neither_training_nor_scoring(
    lake: Lake, settings: Settings, detector: ModelSpec, trained: TrainReport
) -> None:
    assert trained.champion == trained.version.version
    (note,) = (note for note in trained.notes if "beyond" in note)
    assert note.startswith("values beyond ±3.4e+38 were set to that bound: ")
    assert "of load_top" in note
    assert "4 of value_now" in note
    first = score(detector, lake)
    deliver(settings, range(DAYS, DAYS + 1), {PER_DAY * DAYS + 7: 1e39})
    load_and_refresh(lake, settings)
    day = score(detector, lake)
    assert first.rows > 0
    assert (day.rows, day.waiting, day.without_features) == (PER_DAY, 0, 0)
    assert day.clipped["value_now"] == 1
    with lake.reader() as cursor:
        found = cursor.execute(
            "SELECT count(*), count(score) FILTER (score BETWEEN 0 AND 1) "
            "FROM predictions.fail_soon WHERE event_time >= ?",
            [START + DAYS * DAY],
        ).fetchone()
        assert found == (PER_DAY, PER_DAY)
        kept = cursor.execute("SELECT max(value_now) FROM training.fail_soon").fetchone()
        assert kept == (LARGEST,)


@pytest.mark.parametrize("name", ["label", "split"])
def test_17_a_feature_named_as_a_column_of_training_sets_is_refused_when_read(
    tmp_path: Path, name: str
) -> None:
    text = (HERE / "17-feature-named-label" / "defs.yaml").read_text()
    path = tmp_path / "defs.yaml"
    path.write_text(text.replace("    label:", f"    {name}:"))
    with pytest.raises(SpecError) as refused:
        read_attributes(path, FeatureSetSpec)
    assert f"{path}, line 10: features.{name}" in str(refused.value)
    assert f"feature '{name}' has the name of a column of training sets" in str(refused.value)
