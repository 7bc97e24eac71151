"""Feature versions that a model's deciding versions read, kept up to date as long as they do.

The current version of a set is its own asset's work. After a declaration has changed, the champion
goes on reading the version before, until the declared rule lets another version take over.
"""

from collections.abc import Iterable
from datetime import datetime

from lakehouse.features import FeatureError
from lakehouse.features.increments import RefreshedMeanwhile, keep_up
from lakehouse.lake import Lake, NoSuchTable
from lakehouse.models.artefact import load_model
from lakehouse.models.errors import BadArtefact
from lakehouse.models.inputs import old_tables
from lakehouse.registry import Version


def keep_features(
    lake: Lake,
    versions: Iterable[Version],
    *,
    run_id: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    full_refresh: bool = False,
) -> dict[str, str]:
    """Bring the old feature tables of `versions` up to date; doing it again changes nothing.

    Returns why, for each table that cannot be computed as it was declared. A version whose artefact
    cannot be read reads nothing. `since`, `until`, `full_refresh`: as for a feature set's refresh.
    """
    tables: dict[str, None] = {}
    for version in versions:
        try:
            card = load_model(lake.settings.models_dir, version.artefact, version.files).card
        except BadArtefact:
            continue
        with lake.reader() as cursor:
            tables |= dict.fromkeys(old_tables(cursor, card.features))
    failed = {}
    for table in tables:
        try:
            keep_up(table, lake, run_id=run_id, since=since, until=until, full_refresh=full_refresh)
        except RefreshedMeanwhile:
            raise
        except (FeatureError, NoSuchTable) as error:
            failed[table] = str(error)
    return failed
