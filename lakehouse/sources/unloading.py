"""Taking a wrong file out of raw again. The file itself stays in the landing zone.

Nothing downstream is done here: `Unloaded` says which days are to be done again.
"""

import duckdb

from lakehouse.lake import qualified
from lakehouse.sources import manifest
from lakehouse.sources.spec import SourceSpec


def take_out(cursor: duckdb.DuckDBPyConnection, spec: SourceSpec, file: str) -> None:
    """Delete a file's rows from raw and quarantine, and its seal, in the open transaction.

    Its load id is kept, so that it is never given again.
    """
    cursor.execute(f"DELETE FROM {qualified(spec.table)} WHERE _file = ?", [file])
    of_source = "WHERE source = ? AND "
    cursor.execute(
        f"DELETE FROM {qualified(manifest.QUARANTINE)} {of_source} _file = ?", [spec.name, file]
    )
    cursor.execute(
        f"UPDATE {qualified(manifest.FILES)} SET status = 'unloaded', seal = NULL, rows = 0, "
        f"rejected = 0 {of_source} file = ? AND seal IS NOT NULL",
        [spec.name, file],
    )
