"""dagster-dbt's names, imported as where dbt is not installed.

dagster-dbt imports dbt if it can, only for a few names that it has itself as well. That takes two
to three seconds of every process that loads the definitions, and few of those run dbt; `import_dbt`
is called by those that do.
"""

import sys

_FOUND_BY = "dbt.version"
"""The module by which dagster-dbt finds out whether there is a dbt."""

_hidden = _FOUND_BY not in sys.modules and "dagster_dbt" not in sys.modules
if _hidden:
    sys.modules[_FOUND_BY] = None  # type: ignore[assignment]  # to import it raises ImportError
try:
    from dagster_dbt import DagsterDbtTranslator
    from dagster_dbt.asset_utils import DAGSTER_DBT_UNIQUE_ID_METADATA_KEY as UNIQUE_ID
    from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage
finally:
    if _hidden:
        del sys.modules[_FOUND_BY]

__all__ = [
    "UNIQUE_ID",
    "DagsterDbtTranslator",
    "DbtCoreCliEventMessage",
]
