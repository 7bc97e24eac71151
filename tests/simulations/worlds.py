"""Payment worlds of several sizes, each processed by the product's own code up to its features."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from lakehouse.declarations.specs import find_specs
from lakehouse.features import FeatureSetSpec, refresh
from lakehouse.lake import Lake
from lakehouse.models import ModelSpec
from lakehouse.orchestration.dbt.project import DbtProjectFiles
from lakehouse.orchestration.dbt.runner import run_dbt
from lakehouse.settings import Settings, load_settings
from lakehouse.simulator.config import WorldConfig
from lakehouse.simulator.folder import world_folder
from lakehouse.simulator.world import advance_world, create_world
from lakehouse.sources import SourceSpec, extract, load
from tests.project import PAYMENTS

DAY = timedelta(days=1)
MATURITY = 14
WEEKS = 28
"""Days for which the champion decides after its training."""

START = date(2026, 3, 2)


@dataclass(frozen=True)
class World:
    """A world with a training as of the end of day `cut`, and the data after it.

    It is a default world up to the cut, and continues with drift: card testing grows to four times
    its share just after the training period, which has `training_days` days. Between its end and
    the cut are 70 days (validation, test and three times the label's maturity). Capacity is a
    fiftieth of the customers, as by default, or a twentieth: about two or five rows of a hundred.
    """

    number: int
    customers: int
    training_days: int = 110

    @property
    def name(self) -> str:
        return f"{self.number:02d}"

    @property
    def cut(self) -> int:
        return self.training_days + 28 + 3 * MATURITY

    @property
    def trained_at(self) -> datetime:
        """The midnight up to which everything is known when the model is trained."""
        return datetime.combine(START, datetime.min.time()) + self.cut * DAY

    @property
    def alerts(self) -> int:
        return self.customers // (50 if self.number % 2 else 20)

    @property
    def config(self) -> WorldConfig:
        return WorldConfig(
            start=START,
            days=self.cut,
            seed=100 + self.number,
            customers=self.customers,
            terminals=2 * self.customers,
        )


SIZES = (300, 400, 500, 600, 800, 1000, 1200, 1500, 2000, 2500)
WORLDS = tuple(
    World(number, customers, training_days)
    for number, (customers, training_days) in enumerate(
        [(size, training_days) for size in SIZES for training_days in (60, 110)], 1
    )
)
"""Twenty: some tens to some hundred positives in the test period, short and long histories."""


def settings_of(folder: Path) -> Settings:
    """One thread: speed is not measured, and threads cost more on a busy machine."""
    return load_settings({}, data_dir=folder, threads=1)


def detector(world: World) -> ModelSpec:
    """The project's own detector, with this world's capacity and no obstacle to promotion."""
    spec = next(
        s for s in find_specs("PredictiveModel", ModelSpec, PAYMENTS) if s.name == "fraud_detector"
    )
    return spec.model_copy(
        update={
            "capacity": spec.capacity.model_copy(update={"alerts": world.alerts}),
            "gates": (),
            "fairness": None,
            "judging": spec.judging.model_copy(update={"repeats": 20, "segments": {}}),
        }
    )


def build(world: World, folder: Path, parsed: Path | None = None) -> None:
    """Simulate, load, transform and compute features in `folder`.

    `parsed` is a folder in which the dbt project is already parsed, which saves seconds.
    """
    settings = settings_of(folder)
    landing = Path(settings.landing)
    create_world(world.config, world_folder(settings), landing)
    advance_world(world_folder(settings), landing, WEEKS + MATURITY)
    with Lake(settings) as lake:
        for source in find_specs("Source", SourceSpec, PAYMENTS):
            extract(source, settings)
            load(source, lake, settings)
    files = DbtProjectFiles(settings if parsed is None else settings_of(parsed))
    of_world = DbtProjectFiles(settings)
    of_world.__dict__["parsed"] = files.parsed
    layers = ["path:models/payments/staging", "path:models/payments/core"]
    arguments = ["--quiet", "run", "--select", *layers]
    for _ in run_dbt(of_world, arguments, {"run_id": "simulation"}, of_world.target / "run"):
        pass
    required = detector(world).feature_sets
    with Lake(settings) as lake:
        for features in find_specs("FeatureSet", FeatureSetSpec, PAYMENTS):
            if features.name in required:
                refresh(features, lake)
