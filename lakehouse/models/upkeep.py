"""Updates of the old feature tables that deciding versions of a model still read.

A set's own asset updates its current version. After a declaration has changed, the champion
continues to read the previous version until the declared rule promotes another one.
"""

from collections.abc import Iterable
from datetime import datetime

from lakehouse.features import FeatureError
from lakehouse.features.increments import ConcurrentRefresh, refresh_old_version
from lakehouse.lake import Lake, NoSuchTable
from lakehouse.models.artefact import load_model
from lakehouse.models.errors import BadArtefact
from lakehouse.models.inputs import old_tables
from lakehouse.registry import Version


def refresh_old_features(
    lake: Lake,
    versions: Iterable[Version],
    *,
    run_id: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    full_refresh: bool = False,
) -> dict[str, str]:
    """Bring the old feature tables of `versions` up to date; repeating it changes nothing.

    Returns the reason for each table that cannot be computed as declared. Versions with an
    unreadable artefact are skipped. `since`, `until`, `full_refresh`: as for a feature set's
    refresh.
    """
    tables: dict[str, None] = {}
    for version in versions:
        try:
            card = load_model(lake.settings.models_dir, version.artefact, version.files).card
        except BadArtefact:
            continue
        with lake.reader() as cursor:
            tables |= dict.fromkeys(old_tables(cursor, card.features))
    reasons = {}
    for table in tables:
        try:
            refresh_old_version(
                table, lake, run_id=run_id, since=since, until=until, full_refresh=full_refresh
            )
        except ConcurrentRefresh:
            raise
        except (FeatureError, NoSuchTable) as error:
            reasons[table] = str(error)
    return reasons
