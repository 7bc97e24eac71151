"""Five writers, maintenance and eight readers on one lake at once, each in a separate process.

Each writer adds batches of `ROWS` rows to its own table and deletes half of an older one in the
same commit, so that a reader detects half a commit, or a change of snapshot during its own.
`test_soak.py` runs it; the process of a role prints its results as one line of JSON.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

from lakehouse.lake import Author, Lake
from lakehouse.lake.lake import table_exists
from lakehouse.lake.lock import write_lock
from lakehouse.lake.maintenance import maintain
from lakehouse.settings import Settings, load_settings

WRITERS, READERS, ROWS = 5, 8, 1000
GRACE = timedelta(seconds=45)
"""How long maintenance keeps unused files; a reader keeps its snapshot for a tenth of that."""
Outcome = dict[str, list[str] | int]


def write(lake: Lake, table: str, until: float) -> Outcome:
    """Commit until `until`; `rows` is the number that the table must hold in the end."""
    with lake.writer(Author(table)) as cursor:
        cursor.execute(f"CREATE TABLE {table} (batch BIGINT, i BIGINT)")
    batch, errors = 0, []
    while time.time() < until:
        try:
            with lake.writer(Author(table)) as cursor:
                cursor.execute(f"INSERT INTO {table} SELECT ?, range FROM range(?)", [batch, ROWS])
                cursor.execute(f"DELETE FROM {table} WHERE batch = ? AND i % 2 = 1", [batch - 3])
            batch += 1
        except Exception as error:
            errors.append(f"{table}: {error!r}")
        time.sleep(random.random() / 2)
    return {
        "commits": batch,
        "rows": batch * ROWS - max(batch - 3, 0) * ROWS // 2,
        "errors": errors,
    }


def read(lake: Lake, until: float) -> Outcome:
    """Read a table twice on one snapshot, with a pause; then on each newest one."""
    reads, errors = 0, []
    while time.time() < until:
        table = f"raw.w{random.randrange(WRITERS)}"
        query = (
            f"SELECT batch, count(*), sum(i) FROM lake.{table} GROUP BY batch HAVING count(*) "
            "NOT IN (500, 1000) OR sum(i) NOT IN (249500, 499500)"
        )
        try:
            with lake.reader() as cursor:
                if not table_exists(cursor, table):
                    time.sleep(0.2)
                    continue
                whole = f"SELECT count(*), sum(i), bit_xor(hash(batch, i)) FROM lake.{table}"
                first = cursor.execute(whole).fetchall()
                time.sleep(random.random() * GRACE.total_seconds() / 10)
                if (again := cursor.execute(whole).fetchall()) != first:
                    errors.append(f"{table}: {first} became {again} in one snapshot")
                if partial := cursor.execute(query).fetchall():
                    errors.append(f"{table}: half a commit: {partial[:3]}")
            with lake.cursor() as cursor:
                if partial := cursor.execute(query).fetchall():
                    errors.append(f"{table}: half a commit: {partial[:3]}")
            reads += 4
        except Exception as error:
            errors.append(f"{table}: {error!r}")
    return {"reads": reads, "errors": errors}


def run_maintenance(lake: Lake, until: float) -> Outcome:
    """Run maintenance without a pause; it expires and deletes everything older than its grace."""
    rounds, deleted, errors = 0, 0, []
    while time.time() < until:
        try:
            with write_lock(lake.settings, "soak"):
                if lake.settings.embedded:
                    _age_files(lake)
                done = maintain(lake, keep_snapshots=timedelta(seconds=5), keep_files=GRACE)
            rounds, deleted = rounds + 1, deleted + done.files_deleted
        except Exception as error:
            errors.append(f"maintenance: {error!r}")
        time.sleep(0.5)
    return {"rounds": rounds, "files_deleted": deleted, "errors": errors}


def _age_files(lake: Lake) -> None:
    """Age the files beyond their grace by two days: with SQLite, maintenance counts whole days."""
    with lake.cursor() as cursor:
        cursor.execute(
            "UPDATE __ducklake_metadata_lake.ducklake_files_scheduled_for_deletion SET "
            "schedule_start = strftime(schedule_start::TIMESTAMPTZ - INTERVAL 2 DAY, "
            "'%Y-%m-%d %H:%M:%S.%f+00') WHERE schedule_start::TIMESTAMPTZ < ?::TIMESTAMPTZ",
            [datetime.now(UTC) - GRACE],
        )


def soak(settings: Settings, seconds: float) -> tuple[Counter[str], list[str], dict[str, int]]:
    """Run all of them for `seconds`: what they did, every error, and the rows of each table."""
    with Lake(settings) as lake:
        lake.snapshot()
    roles = [f"w{n}" for n in range(WRITERS)] + ["read"] * READERS + ["run_maintenance"]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.lake.soak", role, str(seconds)],
            env={**os.environ, **settings.environment()},
            stdout=subprocess.PIPE,
            text=True,
        )
        for role in roles
    ]
    done: Counter[str] = Counter()
    errors, rows = [], {}
    for role, process in zip(roles, processes, strict=True):
        answer, _ = process.communicate(timeout=seconds + 300)
        if process.returncode:
            errors.append(f"{role} died with status {process.returncode}")
            continue
        outcome = json.loads(answer)
        errors += outcome.pop("errors")
        if "rows" in outcome:
            rows[f"raw.{role}"] = outcome.pop("rows")
        done.update(outcome)
    return done, errors, rows


def main(role: str, seconds: float) -> None:
    until = time.time() + seconds
    settings = load_settings().model_copy(update={"memory_limit": "200MB", "threads": 1})
    with Lake(settings, read_only=role == "read") as lake:
        if role == "read":
            outcome = read(lake, until)
        elif role == "run_maintenance":
            outcome = run_maintenance(lake, until)
        else:
            outcome = write(lake, f"raw.{role}", until)
    print(json.dumps(outcome))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
