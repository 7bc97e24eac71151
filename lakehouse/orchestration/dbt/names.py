"""Import dagster-dbt's names as if dbt were not installed.

dagster-dbt imports dbt when it is installed, only for a few names that it also defines itself. The
import takes two to three seconds in every process that loads the definitions, and few of those run
dbt; those call `import_dbt`.
"""

import sys

_DBT_MODULE = "dbt.version"
"""The module that dagster-dbt imports to detect dbt."""

_hidden = _DBT_MODULE not in sys.modules and "dagster_dbt" not in sys.modules
if _hidden:
    sys.modules[_DBT_MODULE] = None  # type: ignore[assignment]  # to import it raises ImportError
try:
    from dagster_dbt import DagsterDbtTranslator
    from dagster_dbt.asset_utils import DAGSTER_DBT_UNIQUE_ID_METADATA_KEY as UNIQUE_ID
    from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage
finally:
    if _hidden:
        del sys.modules[_DBT_MODULE]

__all__ = [
    "UNIQUE_ID",
    "DagsterDbtTranslator",
    "DbtCoreCliEventMessage",
]
