"""Names that a declaration may not use, because the resulting tables have columns of that name.

Each name is listed once, with its owner. A test compares these lists with the tables that are
created, so every declaration rejects a new column's name.
"""

from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, Field

FEATURE_TABLE_COLUMNS = {
    "event_time": "feature tables and training sets",
    "known_at": "feature tables",
    "key": "training sets",
    "split": "training sets",
    "training_set_id": "training sets",
    "label": "training sets",
    "label_known_at": "training sets",
    "naive_last": "training sets",
    "naive_season": "training sets",
    "naive_mean": "training sets",
}
"""Columns stored with features. Names with a leading underscore are reserved as well."""

RESERVED_PREFIXES = ("naive_", "_")

PREDICTION_LOG_COLUMNS = dict.fromkeys(
    (
        "score", "prediction", "label", "probability", "decision", "threshold", "blocked",
        "control", "reasons", "version", "model_version", "feature_hash", "scored_at", "run_id",
        "event_time",
    ),
    "the prediction log",
)  # fmt: skip
"""Columns stored with the spine's key and entities in prediction tables."""


def refuse_reserved(subject: str, names: Iterable[str], reserved: dict[str, str]) -> None:
    """Raise `ValueError` for the first of `names` that is reserved, ignoring case."""
    for name in names:
        lower = name.lower()
        owner = reserved.get(lower)
        if (
            owner is None
            and reserved is FEATURE_TABLE_COLUMNS
            and lower.startswith(RESERVED_PREFIXES)
        ):
            owner = "training sets"
        if owner is not None:
            raise ValueError(
                f"{subject} {name!r} has the name of a column of {owner}; give it another name, "
                f"such as {name.strip('_')}_value"
            )


def refuse_case_duplicates(subject: str, names: Iterable[str]) -> None:
    """Raise `ValueError` for names that are equal, ignoring case as SQL does."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.lower(), name)
        if other != name:
            raise ValueError(f"{subject} {other!r} and {name!r} differ only in case; rename one")


def _check_not_reserved(name: str) -> str:
    refuse_reserved("feature", [name], FEATURE_TABLE_COLUMNS)
    return name


def _check_underscores(name: str) -> str:
    if "__" in name:
        raise ValueError(
            f"{name!r} has two underscores in a row, which are reserved for the tables of "
            "versions, spines and shadows; write one"
        )
    return name


FeatureName = Annotated[
    str, Field(pattern=r"^[a-z][a-z0-9_]*$"), AfterValidator(_check_not_reserved)
]
"""A column stored with those of the engine."""

TablePart = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$"), AfterValidator(_check_underscores)]
"""A base name for tables, which get suffixes after `__`."""
