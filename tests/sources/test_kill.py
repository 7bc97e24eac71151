"""After a kill at any point, the final content of the lake equals the reference."""

import gzip
import random
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from lakehouse.lake import Lake
from lakehouse.settings import load_settings

from .conftest import Harness, file_name, json_lines, make_spec, payment, reference, seal_of

LOADER = """
import sys
from pathlib import Path
from lakehouse.lake import Lake
from lakehouse.settings import load_settings
from lakehouse.sources import SourceSpec, load, staging

staging.BATCH_BYTES = 40_000
settings = load_settings({}, data_dir=Path(sys.argv[1]))
spec = SourceSpec.model_validate_json(Path(sys.argv[2]).read_text())
with Lake(settings) as lake:
    print("ready", flush=True)
    load(spec, lake, settings)
"""


@pytest.mark.slow
def test_a_loader_killed_at_random_points_loads_every_row_once(tmp_path: Path) -> None:
    settings = load_settings({}, data_dir=tmp_path / "data")
    spec, chance = make_spec(), random.Random(5)
    spec_file = tmp_path / "spec.json"
    spec_file.write_text(spec.model_dump_json(by_alias=True))
    files = []
    with Lake(settings) as lake:
        harness = Harness(settings, lake)
        for day in range(60):
            start = datetime(2026, 5, 1) + timedelta(days=day)
            rows = [payment(day * 300 + n, start + timedelta(minutes=n)) for n in range(300)]
            content = gzip.compress(json_lines(*rows, "broken"))
            files.append((file_name(seal_of(day), ".jsonl.gz"), content))
            harness.land(*files[-1])
    command = [sys.executable, "-c", LOADER, str(settings.data_dir), str(spec_file)]
    killed = 0
    for _ in range(15):
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.uniform(0.0, 1.2))
        process.kill()
        killed += process.wait() != 0
        if killed >= 6 and process.returncode == 0:
            break
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    with Lake(settings) as lake:
        harness = Harness(settings, lake)
        good, bad = reference(files)
        columns = ("_file", "_row", "id", "time", "amount", "note", "known_at")
        assert harness.rows(*columns) == good
        assert harness.rows("_file", "_row", "text", table="quarantine.rows") == bad
        assert harness.query("SELECT count(*), max(load_id) FROM ops.files") == [(60, 60)]
    assert killed >= 3
