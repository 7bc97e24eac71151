"""The definitions that Dagster loads: everything in `defs/` and the dbt project.

`lakehouse run` loads the same. Assets and jobs in Python are files in `defs/<domain>/`, not here.
"""

from lakehouse.definitions import defs

__all__ = ["defs"]
