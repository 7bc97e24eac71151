"""Two lakes on one landing zone are equal, whatever was killed, late, refused or altered."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse.lake import Author, Lake, qualified
from lakehouse.lake.layout import FILES
from lakehouse.settings import Settings, load_settings
from lakehouse.sources import loading, pending, pending_files, staging
from lakehouse.sources.errors import LandingError, LoadError
from lakehouse.sources.landing import Landing, sha256
from lakehouse.sources.ledger import Ledger

from .conftest import Harness, Row, file_name, json_lines, make_spec, payment, reference, seal_of

COLUMNS = ("_file", "_row", "id", "time", "amount", "note", "known_at")
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@contextmanager
def another_lake(home: Settings, name: str) -> Iterator[Harness]:
    """A fresh lake on the landing zone of `home`."""
    folder = home.data_dir / name
    other = load_settings({}, data_dir=folder).model_copy(update={"landing": home.landing})
    with Lake(other) as lake:
        yield Harness(other, lake)


def full_state(harness: Harness, source: str = "payments") -> tuple[list[Any], ...]:
    """All that must be equal: rows in the order of their loads, rejected rows, order and seals."""
    if not harness.lake.exists(f"raw.{source}"):
        return [], [], []
    return (
        harness.rows(*COLUMNS, table=f"raw.{source}"),
        harness.query(
            "SELECT _file, _row, reason, column_name, text FROM quarantine.rows "
            f"WHERE source = '{source}' ORDER BY _load_id, _row"
        ),
        harness.query(
            "SELECT number, file, status, reason, seal, rows, rejected, sha256 FROM ops.files "
            f"WHERE source = '{source}' ORDER BY number"
        ),
    )


def one(number: int, day: int) -> bytes:
    return json_lines(payment(number, seal_of(day)))


def test_a_late_file_has_the_same_known_at_in_a_fresh_lake(harness: Harness) -> None:
    for number, day in enumerate([0, 4, 2]):
        harness.land(file_name(seal_of(day)), one(number, day))
        harness.load(make_spec())

    with another_lake(harness.settings, "fresh") as fresh:
        fresh.load(make_spec())
        assert full_state(fresh) == full_state(harness)
    assert harness.rows("id", "known_at")[-1] == (2, seal_of(4) + timedelta(microseconds=1))


@pytest.mark.slow
def test_files_that_the_first_lake_has_not_loaded_change_nothing_that_it_has(
    harness: Harness,
) -> None:
    for number, day in enumerate([0, 4]):
        harness.land(file_name(seal_of(day)), one(number, day))
    harness.load(make_spec())
    harness.land(file_name(seal_of(2)), one(2, 2))

    with another_lake(harness.settings, "fresh") as fresh:
        fresh.load(make_spec())
        assert fresh.rows("id", "known_at")[:2] == harness.rows("id", "known_at")
        harness.load(make_spec())
        assert full_state(fresh) == full_state(harness)


class Killed(BaseException):
    """Stands for a killed process."""


POINTS = ("before", "between", "after")


def load_and_die(harness: Harness, spec: Any, point: str, monkeypatch: pytest.MonkeyPatch) -> None:
    append, committed = Ledger.append, loading.commit

    def dying_append(self: Ledger, decisions: Any) -> bool:
        if point == "before":
            raise Killed
        done = append(self, decisions)
        if point == "between":
            raise Killed
        return done

    def dying_commit(*arguments: Any) -> Any:
        committed(*arguments)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "append", dying_append)
        if point == "after":
            patch.setattr(loading, "commit", dying_commit)
        try:
            harness.load(spec, now=lambda: NOON)
        except Killed:
            return


rows: Any = st.lists(
    st.one_of(
        st.just("broken"),
        st.builds(
            lambda number, hours: payment(
                number, datetime(2026, 5, 1) + timedelta(hours=hours), "1.50", note="x"
            ),
            st.integers(0, 99),
            st.integers(-30, 200),
        ),
    ),
    max_size=3,
)
steps: Any = st.lists(
    st.tuples(
        st.sampled_from(["payments", "refunds"]),
        st.integers(0, 9),  # the day: late files, and files that were refused before
        st.one_of(st.none(), rows),  # None: an empty file, which is refused
        st.sampled_from(["", "", "load", "other lake", *POINTS]),
    ),
    max_size=9,
)


@pytest.mark.slow
@settings(max_examples=12, suppress_health_check=list(HealthCheck))
@given(steps, st.sampled_from([1, 200, 10**9]))
def test_any_deliveries_and_kills_give_the_same_lake_again(
    tmp_path_factory: pytest.TempPathFactory, deliveries: list[Any], batch: int
) -> None:
    specs = {name: make_spec(name=name) for name in ("payments", "refunds")}
    home = load_settings({}, data_dir=tmp_path_factory.mktemp("full_state"))
    contents: dict[tuple[str, str], bytes] = {}
    with (
        pytest.MonkeyPatch.context() as patch,
        Lake(home) as lake,
        another_lake(home, "other") as other,
    ):
        harness = Harness(home, lake)
        for source, day, delivered, action in deliveries:
            name = file_name(seal_of(day))
            content = b"" if delivered is None else json_lines(*delivered, "{}")
            if (source, name) not in contents or contents[source, name] == b"":
                contents[source, name] = content
                harness.land(name, content, source)
            if action in POINTS:
                load_and_die(harness, specs[source], action, patch)
            elif action:
                (other if action == "other lake" else harness).load(specs[source], now=lambda: NOON)
        for each in (harness, other, harness):
            for spec in specs.values():
                each.load(spec, now=lambda: NOON)
        patch.setattr(staging, "BATCH_BYTES", batch)
        with another_lake(home, "fresh") as fresh:
            for name, spec in specs.items():
                assert (
                    pending_files(spec, fresh.lake, fresh.settings)
                    or not full_state(harness, name)[2]
                )
                fresh.load(spec)
                assert pending(spec, fresh.lake) == ""
                assert (
                    full_state(fresh, name) == full_state(harness, name) == full_state(other, name)
                )
                good, _ = expected_rows(full_state(harness, name)[2], name, contents)
                assert full_state(harness, name)[0] == good


def expected_rows(
    manifest: list[Any], source: str, contents: dict[tuple[str, str], bytes]
) -> tuple[list[Row], Any]:
    """As `reference`, where the name of a skipped file may move the seal."""
    files = [
        (file, contents[source, file] if status == "loaded" else b"")
        for _, file, status, _, seal, *_ in manifest
        if status == "loaded" or (status == "skipped" and seal)
    ]
    return reference(files)


SCRIPT = """
import os, signal, sys
from pathlib import Path
from lakehouse.lake import Lake
from lakehouse.settings import load_settings
from lakehouse.sources import SourceSpec, load, loading
from lakehouse.sources.ledger import Ledger

append, commit, point = Ledger.append, loading.commit, sys.argv[3]

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def dying_append(self, decisions):
    if point == "before":
        die()
    append(self, decisions)
    if point == "between":
        die()
    return True

def dying_commit(*arguments):
    commit(*arguments)
    die()

Ledger.append = dying_append
if point == "after":
    loading.commit = dying_commit
settings = load_settings({}, data_dir=Path(sys.argv[1]))
with Lake(settings) as lake:
    load(SourceSpec.model_validate_json(Path(sys.argv[2]).read_text()), lake, settings)
"""


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
def test_a_process_killed_around_the_ledger_repeats_its_decision(
    tmp_path: Path, point: str
) -> None:
    home = load_settings({}, data_dir=tmp_path / "data")
    spec_file = tmp_path / "spec.json"
    spec_file.write_text(make_spec().model_dump_json(by_alias=True))
    with Lake(home) as lake:
        harness = Harness(home, lake)
        harness.land(file_name(seal_of(3)), one(1, 3))
        command = [sys.executable, "-c", SCRIPT, str(home.data_dir), str(spec_file), point]
        assert subprocess.run(command).returncode == -9
        # an earlier file, which would have been loaded first
        harness.land(file_name(seal_of(1)), one(2, 1))

        harness.load(make_spec())

        order = [1, 2] if point != "before" else [2, 1]
        assert harness.rows("id") == [(number,) for number in order]
        assert harness.query("SELECT count(*), max(load_id) FROM ops.files") == [(2, 2)]
        with another_lake(home, "fresh") as fresh:
            fresh.load(make_spec())
            assert full_state(fresh) == full_state(harness)


@pytest.mark.slow
def test_a_file_that_is_corrected_after_a_killed_refusal_is_loaded(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = file_name(seal_of(0))
    harness.land(name, b"")
    load_and_die(harness, make_spec(), "between", monkeypatch)
    harness.land(name, one(1, 0))

    with another_lake(harness.settings, "fresh") as fresh:
        assert fresh.load(make_spec()).files == [name]
        harness.load(make_spec())
        assert fresh.rows("id") == [(1,)]
        assert full_state(fresh) == full_state(harness)


@pytest.mark.slow
def test_a_different_file_under_a_loaded_name_is_refused_by_a_fresh_lake_until_corrected(
    harness: Harness,
) -> None:
    names = [file_name(seal_of(day)) for day in (0, 3, 1)]
    for number, name in enumerate(names):
        harness.land(name, one(number, 0))
        harness.load(make_spec())
    whole = full_state(harness)
    harness.land(names[1], one(99, 0))
    harness.land(names[2], b"").unlink()

    assert harness.load(make_spec()).altered_files == [names[1]]
    assert full_state(harness) == whole
    with another_lake(harness.settings, "fresh") as fresh:
        report = fresh.load(make_spec())
        assert "differ from those that were loaded first" in report.quarantined_files[names[1]]
        assert "is no longer in the landing zone" in report.quarantined_files[names[2]]
        assert fresh.rows("id") == [(0,)]
        harness.land(file_name(seal_of(2)), one(7, 2))
        harness.load(make_spec())
        fresh.load(make_spec())
        assert fresh.rows("id", "known_at")[-1] == harness.rows("id", "known_at")[-1]

        harness.land(names[1], one(1, 0))
        harness.land(names[2], one(2, 0))
        fresh.load(make_spec())

        assert sorted(fresh.rows(*COLUMNS)) == sorted(harness.rows(*COLUMNS))
        assert full_state(fresh)[2] == full_state(harness)[2]
        assert fresh.load(make_spec()).files == []


@pytest.mark.slow
def test_a_lake_without_a_ledger_writes_it_once(harness: Harness) -> None:
    for number, day in enumerate([0, 4, 2]):
        harness.land(file_name(seal_of(day)), one(number, day))
        harness.load(make_spec())
    harness.land(file_name(seal_of(7)), b"")
    harness.load(make_spec())
    recorded = Ledger(Landing(harness.settings, "payments")).since(0)
    ledger = Path(harness.settings.landing) / "payments" / ".loads"
    for kept in (3, 0):  # as from a backup, or from a time without a ledger
        for path in sorted(ledger.iterdir())[kept:]:
            path.unlink()

        harness.load(make_spec())

        assert Ledger(Landing(harness.settings, "payments")).since(0) == recorded
    assert len(list(ledger.iterdir())) == 1
    with another_lake(harness.settings, "fresh") as fresh:
        fresh.load(make_spec())
        assert full_state(fresh) == full_state(harness)


@pytest.mark.slow
def test_a_lake_whose_order_differs_from_the_ledger_gets_an_error(harness: Harness) -> None:
    for number, day in enumerate([0, 4, 2]):
        harness.land(file_name(seal_of(day)), one(number, day))
        harness.load(make_spec())
    ledger = Path(harness.settings.landing) / "payments" / ".loads"
    shutil.move(ledger, harness.settings.data_dir / "aside")
    with another_lake(harness.settings, "fresh") as fresh:
        fresh.load(make_spec())
        shutil.rmtree(ledger)
        shutil.move(harness.settings.data_dir / "aside", ledger)
        for _ in range(2):
            with pytest.raises(LoadError, match="in another order"):
                fresh.load(make_spec())


@pytest.mark.slow
def test_two_lakes_that_decide_at_the_same_time_agree(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.land(file_name(seal_of(3)), one(1, 3))
    append = Ledger.append
    with another_lake(harness.settings, "rival") as rival:

        def slow(self: Ledger, decisions: Any) -> bool:
            monkeypatch.setattr(Ledger, "append", append)
            harness.land(file_name(seal_of(1)), one(2, 1))
            rival.load(make_spec())
            return append(self, decisions)

        monkeypatch.setattr(Ledger, "append", slow)
        harness.load(make_spec())

        assert full_state(harness) == full_state(rival)
    assert harness.rows("id") == [(2,), (1,)]


@pytest.mark.slow
def test_the_error_for_a_gap_or_a_damaged_object_names_the_ledger(harness: Harness) -> None:
    for day in range(3):
        harness.land(file_name(seal_of(day)), one(day, day))
        harness.load(make_spec())
    ledger = Path(harness.settings.landing) / "payments" / ".loads"
    second = ledger / "00000002.json"
    content = second.read_bytes()
    second.write_bytes(content[:-9])
    with another_lake(harness.settings, "fresh") as fresh:
        with pytest.raises(LandingError, match=r"00000002.json is damaged"):
            fresh.load(make_spec())
        second.unlink()
        with pytest.raises(LandingError, match="has a gap"):
            fresh.load(make_spec())
        second.write_bytes(content)
        fresh.load(make_spec())
        assert full_state(fresh) == full_state(harness)


def test_the_ledger_records_what_the_rows_of_each_file_depend_on(harness: Harness) -> None:
    path = harness.land(file_name(seal_of(2)), one(1, 2))
    harness.load(make_spec())
    late = harness.land(file_name(seal_of(1)), one(2, 1))
    harness.load(make_spec())

    kept = Path(harness.settings.landing) / "payments" / ".loads"
    assert json.loads((kept / "00000002.json").read_text()) == {
        "decisions": [
            {
                "number": 2,
                "file": late.name,
                "status": "loaded",
                "bytes": late.stat().st_size,
                "sha256": sha256(late),
                "previous": seal_of(2).isoformat(),
                "own": seal_of(1).isoformat(),
                "seal": (seal_of(2) + timedelta(microseconds=1)).isoformat(),
            }
        ]
    }
    assert [file.name for file in Landing(harness.settings, "payments").files()] == [
        late.name,
        path.name,
    ]


@pytest.mark.slow
def test_reading_the_ledger_costs_the_same_after_many_loads(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[int] = []
    read = Landing.read_hidden

    def counted(self: Landing, name: str) -> bytes:
        reads[-1] += 1
        return read(self, name)

    monkeypatch.setattr(Landing, "read_hidden", counted)
    for day in range(12):
        harness.land(file_name(seal_of(day)), one(day, day))
        reads.append(0)
        harness.load(make_spec())
    assert reads[2:] == [reads[2]] * 10


@pytest.mark.slow
def test_a_rebuilt_manifest_has_the_numbers_of_the_ledger(harness: Harness) -> None:
    for number, day in enumerate([0, 4, 2]):
        harness.land(file_name(seal_of(day)), one(number, day))
        harness.load(make_spec())
    before = full_state(harness)
    with harness.lake.writer(Author("a full refresh")) as cursor:
        cursor.execute(f"DELETE FROM {qualified(FILES)}")
        cursor.execute(f"DELETE FROM {qualified('raw.payments')}")

    harness.load(make_spec())

    assert full_state(harness) == before
