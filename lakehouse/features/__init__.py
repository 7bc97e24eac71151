"""Feature sets: declared once in YAML, computed for any spine or, to the same bits, for a request.

Depends on the lake, never on Dagster or models.
"""

from lakehouse.features.compile import Feature, Plan, plan, read_schema
from lakehouse.features.computation import compute
from lakehouse.features.expressions import FeatureError
from lakehouse.features.increments import HeldBack, RefreshReport, refresh
from lakehouse.features.jobs import Bounds, FeatureJob, run
from lakehouse.features.online import compute_online
from lakehouse.features.replays import Replay, replay
from lakehouse.features.spec import FeatureSetSpec
from lakehouse.features.versions import feature_columns, load_plan, table_name, view_name

__all__ = [
    "Bounds",
    "Feature",
    "FeatureError",
    "FeatureJob",
    "FeatureSetSpec",
    "HeldBack",
    "Plan",
    "RefreshReport",
    "Replay",
    "compute",
    "compute_online",
    "feature_columns",
    "load_plan",
    "plan",
    "read_schema",
    "refresh",
    "replay",
    "run",
    "table_name",
    "view_name",
]
