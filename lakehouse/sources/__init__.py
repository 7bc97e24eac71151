"""Sources: extract into the landing zone, load landed files into raw. Plain Python, no Dagster.

spec = load_spec(path)
extract(spec, settings)        # the outside world -> complete files in landing/<source>/
load(spec, lake, settings)     # each file exactly once -> raw.<source>, or quarantine
"""

from lakehouse.sources.changes import pending
from lakehouse.sources.errors import SpecError
from lakehouse.sources.extraction import Extraction, extract
from lakehouse.sources.load_report import LoadReport
from lakehouse.sources.loading import load, pending_files, read_seal
from lakehouse.sources.raw_table import create_tables
from lakehouse.sources.spec import SourceSpec, load_spec
from lakehouse.sources.unloading import Unloaded, unload

__all__ = [
    "Extraction",
    "LoadReport",
    "SourceSpec",
    "SpecError",
    "Unloaded",
    "create_tables",
    "extract",
    "load",
    "load_spec",
    "pending",
    "pending_files",
    "read_seal",
    "unload",
]
