"""Window features by SQL written by hand: `duckdb_windows.py SQL_FILE INPUT OUTPUT TIMES`.

The file has statements for views over the input and one SELECT a table, as JSON.
"""

import json
import sys
from pathlib import Path

import duckdb
from measured import measure, report

THREADS = 2


def main(statements: dict[str, list[str] | dict[str, str]], source: Path, target: Path) -> None:
    """Read Parquet, compute each table, write Parquet."""
    with duckdb.connect() as db:
        db.execute(f"SET threads = {THREADS}; SET TimeZone = 'UTC'")
        db.execute("SET preserve_insertion_order = false")
        for statement in statements["first"]:
            db.execute(statement.replace("{input}", str(source)))
        for table, query in dict(statements["tables"]).items():
            query = query.replace("{input}", str(source))
            db.execute(f"COPY ({query}) TO '{target}/{table}.parquet'")


if __name__ == "__main__":
    file, source, target, times = sys.argv[1:5]
    statements = json.loads(Path(file).read_text())
    measured = measure(lambda: main(statements, Path(source), Path(target)), int(times))
    report(**measured, versions={"duckdb": duckdb.__version__}, threads=THREADS)
