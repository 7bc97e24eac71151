"""The lake itself: connect, read, write, snapshots, maintenance. Depends on the settings alone.

Its public interface: this module, `layout` (every layer and table name) and `door` (user SQL).
"""

from lakehouse.lake.attached import attach_writer, hash_commits
from lakehouse.lake.columns import read_columns
from lakehouse.lake.connection import (
    connect,
    load_extensions,
    roll_back,
    spill_folder,
    use_object_storage,
)
from lakehouse.lake.interrupts import Interrupts
from lakehouse.lake.lake import (
    Author,
    Lake,
    LakeError,
    NoSuchTable,
    code_version,
    current_snapshot,
    fetch_value,
    table_exists,
)
from lakehouse.lake.listing import list_tables
from lakehouse.lake.lock import LakeBusy, lock_path, write_lock
from lakehouse.lake.maintenance import describe_unknown, maintain
from lakehouse.lake.names import CATALOG, Table, literal, qualified, quote
from lakehouse.lake.progress import (
    ALWAYS,
    NO_PROGRESS,
    Progress,
    all_progress,
    describe_seal,
    last_load,
    read_progress,
    write_progress,
)
from lakehouse.lake.transient import is_retryable, is_transient_message
from lakehouse.lake.verify import Damage, Verification, verify_lake
from lakehouse.lake.written import rows_written

__all__ = [
    "ALWAYS",
    "CATALOG",
    "NO_PROGRESS",
    "Author",
    "Damage",
    "Interrupts",
    "Lake",
    "LakeBusy",
    "LakeError",
    "NoSuchTable",
    "Progress",
    "Table",
    "Verification",
    "all_progress",
    "attach_writer",
    "code_version",
    "connect",
    "current_snapshot",
    "describe_seal",
    "describe_unknown",
    "fetch_value",
    "hash_commits",
    "is_retryable",
    "is_transient_message",
    "last_load",
    "list_tables",
    "literal",
    "load_extensions",
    "lock_path",
    "maintain",
    "qualified",
    "quote",
    "read_columns",
    "read_progress",
    "roll_back",
    "rows_written",
    "spill_folder",
    "table_exists",
    "use_object_storage",
    "verify_lake",
    "write_lock",
    "write_progress",
]
