"""Bad input is kept, named and counted, and holds up nothing else."""

import gzip
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from lakehouse.sources import create_tables
from tests.project import PROJECT

from .conftest import PAYMENTS, Harness, column, file_name, json_lines, make_spec, payment, seal_of

NOON = datetime(2026, 5, 1, 12)


def test_a_bad_row_is_quarantined_with_its_text_reason_and_column(harness: Harness) -> None:
    columns = [*PAYMENTS, column("kind", values=["a", "b"]), column("size", "INTEGER", minimum=1)]
    bad = {
        '{"id": 1,': ("malformed JSON", None),
        '["id"]': ("malformed JSON", None),
        '{"time":"2026-05-01T12:00:00Z","amount":"1"}': ("required value is missing", "id"),
        '{"id":1,"time":null,"amount":"1"}': ("required value is missing", "time"),
        '{"id":"x","time":"2026-05-01T12:00:00Z","amount":"1"}': ("not a BIGINT", "id"),
        '{"id":1.5,"time":"2026-05-01T12:00:00Z","amount":"1"}': ("not a BIGINT", "id"),
        '{"id":1,"time":"yesterday","amount":"1"}': ("not a TIMESTAMP", "time"),
        '{"id":1,"time":"infinity","amount":"1"}': ("not a TIMESTAMP", "time"),
        '{"id":1,"time":"2026-05-01","amount":"1.005"}': ("not a DECIMAL(18,2)", "amount"),
        '{"id":1,"time":"2026-05-01","amount":"1","kind":"c"}': ("not an allowed value", "kind"),
        '{"id":1,"time":"2026-05-01","amount":"1","size":0}': ("below the minimum 1", "size"),
    }
    name = file_name(seal_of(0))
    harness.land(name, json_lines(payment(7, NOON, kind="a", size=2), *bad))

    report = harness.load(make_spec(columns))

    assert harness.rows("id", "kind", "size") == [(7, "a", 2)]
    assert harness.rows(
        "source", "_file", "_row", "reason", "column_name", "text", table="quarantine.rows"
    ) == [
        ("payments", name, row, reason, column_name, text)
        for row, (text, (reason, column_name)) in enumerate(bad.items(), start=2)
    ]
    assert (report.rows, report.rejected) == (1, len(bad))
    assert report.reasons["malformed JSON"] == 2
    assert report.reasons["id: not a BIGINT"] == 2


def test_a_row_that_is_not_utf8_is_quarantined_alone(harness: Harness) -> None:
    content = json_lines(payment(1, NOON)) + b'{"id": 2, "note": "\xff"}\n'
    harness.land(file_name(seal_of(0)), content)
    harness.land(file_name(seal_of(1), ".csv"), b"id,time,amount\n1,2026-05-01,2\n\xff,x,3\n")
    harness.load(make_spec())
    assert harness.rows("id") == [(1,), (1,)]
    assert [reason for (reason,) in harness.rows("reason", table="quarantine.rows")] == [
        "not UTF-8",
        "not UTF-8",
    ]


@pytest.mark.parametrize(
    ("suffix", "content", "reason"),
    [
        (".jsonl", b"", "the file is empty (0 bytes)"),
        (".jsonl.gz", gzip.compress(json_lines(*[payment(1, NOON)] * 9000))[:-20], "unreadable"),
        (".jsonl.gz", b"no gzip at all", "unreadable jsonl"),
        (".jsonl.zst", b"no zstd at all", "unreadable jsonl"),
        (".parquet", b"no parquet at all", "unreadable parquet"),
        (".csv", b"\n", "there is no header"),
        (".csv", b"id,id\n1,2\n", "twice in the header"),
        (".xml", b"<a/>", "its name does not end in"),
    ],
)
def test_an_unreadable_file_is_refused_whole_and_the_others_are_loaded(
    harness: Harness, suffix: str, content: bytes, reason: str
) -> None:
    bad, good = file_name(seal_of(0), suffix), file_name(seal_of(1))
    harness.land(bad, content)
    harness.land(good, json_lines(payment(1, NOON)))

    report = harness.load(make_spec())

    assert report.files == [good]
    assert reason in report.quarantined_files[bad]
    assert harness.query("SELECT file, status, rows, load_id FROM ops.files ORDER BY file") == [
        (bad, "quarantined", 0, None),
        (good, "loaded", 1, 1),
    ]
    before = harness.lake.snapshot()
    assert harness.load(make_spec()).quarantined_files == {}
    assert harness.lake.snapshot() == before


def test_a_big_truncated_file_leaves_none_of_its_rows(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakehouse.sources.staging._CHUNK_BYTES", 1)
    monkeypatch.setattr("lakehouse.sources.reading.lines.BLOCK_BYTES", 1000)
    content = gzip.compress(json_lines(*[payment(1, NOON)] * 200), compresslevel=0)
    harness.land(file_name(seal_of(0), ".jsonl.gz"), content[: len(content) // 2])
    report = harness.load(make_spec())
    assert (report.rows, report.rejected, len(report.quarantined_files)) == (0, 0, 1)
    assert harness.query("SELECT status, rows, rejected FROM ops.files") == [("quarantined", 0, 0)]
    assert harness.rows("*") == harness.rows("*", table="quarantine.rows") == []


def test_a_file_whose_name_lacks_the_declared_seal_is_refused(harness: Harness) -> None:
    harness.land("yesterday.jsonl", json_lines(payment(1, NOON)))
    spec = make_spec(seal_pattern={"regex": r"(\d{8})", "strptime": "%Y%m%d"})
    assert "no seal" in harness.load(spec).quarantined_files["yesterday.jsonl"]


def test_a_file_with_a_misspelled_seal_is_refused(harness: Harness) -> None:
    harness.land("20261332T235959999999Z.jsonl", json_lines(payment(1, NOON)))
    (reason,) = harness.load(make_spec()).quarantined_files.values()
    assert "no seal (20260525T" in reason


def test_a_refused_file_that_is_delivered_complete_is_loaded(harness: Harness) -> None:
    name, whole = file_name(seal_of(0), ".jsonl.gz"), gzip.compress(json_lines(payment(1, NOON)))
    harness.land(name, whole[:-8])
    harness.load(make_spec())
    harness.land(name, whole)
    assert harness.load(make_spec()).files == [name]
    assert harness.rows("id", "_load_id") == [(1, 1)]


def test_a_loaded_file_with_other_bytes_is_reported_and_not_loaded_again(harness: Harness) -> None:
    name = file_name(seal_of(0))
    harness.land(name, json_lines(payment(1, NOON)))
    harness.load(make_spec())
    harness.land(name, json_lines(payment(2, NOON), payment(3, NOON)))
    report = harness.load(make_spec())
    assert (report.altered_files, report.rows) == ([name], 0)
    assert harness.rows("id") == [(1,)]


def test_a_loaded_file_with_a_new_time_but_the_same_bytes_is_not_reported(harness: Harness) -> None:
    path = harness.land(file_name(seal_of(0)), json_lines(payment(1, NOON)))
    harness.load(make_spec())
    path.touch()
    assert harness.load(make_spec()).altered_files == []


def test_hidden_and_partial_files_are_ignored(harness: Harness) -> None:
    harness.land("." + file_name(seal_of(0)) + ".partial", json_lines(payment(1, NOON)))
    assert harness.load(make_spec()).files == []


def test_evolve_adds_the_column_and_earlier_rows_have_null(harness: Harness) -> None:
    harness.land(file_name(seal_of(0)), json_lines(payment(1, NOON)))
    harness.load(make_spec())
    harness.land(
        file_name(seal_of(1)),
        json_lines(payment(2, NOON, wallet="w", Id=5, _no=1), payment(3, NOON)),
    )
    report = harness.load(make_spec())
    assert (report.new_columns, report.discarded) == (["wallet"], {"Id": 1, "_no": 1})
    assert harness.rows("id", "wallet") == [(1, None), (2, "w"), (3, None)]
    harness.land(file_name(seal_of(2)), json_lines(payment(4, NOON, wallet="v")))
    assert harness.load(make_spec()).new_columns == []
    assert harness.rows("id", "wallet")[-1] == (4, "v")


def test_freeze_refuses_the_file_and_names_the_column(harness: Harness) -> None:
    names = [file_name(seal_of(0)), file_name(seal_of(1))]
    harness.land(names[0], json_lines(payment(1, NOON), payment(2, NOON, wallet="w")))
    harness.land(names[1], json_lines(payment(3, NOON)))
    report = harness.load(make_spec(contract={"on_change": "freeze"}))
    assert list(report.quarantined_files) == names[:1]
    assert "columns not in the contract: wallet; declare" in report.quarantined_files[names[0]]
    assert harness.rows("id") == [(3,)]


def test_discard_leaves_the_column_out_and_counts_its_rows(harness: Harness) -> None:
    harness.land(file_name(seal_of(0)), json_lines(payment(1, NOON), payment(2, NOON, wallet="w")))
    report = harness.load(make_spec(contract={"on_change": "discard"}))
    assert (report.rows, report.discarded, report.new_columns) == (2, {"wallet": 1}, [])


def test_a_new_column_of_the_contract_is_added_to_raw(harness: Harness) -> None:
    harness.land(file_name(seal_of(0)), json_lines(payment(1, NOON)))
    harness.load(make_spec())
    create_tables(make_spec([*PAYMENTS, column("size", "INTEGER")]), harness.lake)
    assert harness.rows("id", "size") == [(1, None)]


def test_a_missing_nullable_column_is_null_and_a_missing_required_one_rejects(
    harness: Harness,
) -> None:
    harness.land(file_name(seal_of(0), ".csv"), b"id,time,amount\n1,2026-05-01,2\n")
    harness.land(file_name(seal_of(1), ".csv"), b"id,time,note\n1,2026-05-01,x\n")
    report = harness.load(make_spec())
    assert harness.rows("id", "note") == [(1, None)]
    assert report.reasons == {"amount: required value is missing": 1}


def test_a_file_with_fewer_rows_than_expected_is_reported(harness: Harness) -> None:
    harness.land(file_name(seal_of(0)), json_lines(payment(1, NOON)))
    report = harness.load(make_spec(volume={"min_rows": 2}))
    assert (report.short_files, report.rows) == ([file_name(seal_of(0))], 1)


def test_a_failed_commit_keeps_nothing_and_its_error_gives_the_remedy(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lakehouse.sources import manifest
    from lakehouse.sources.errors import LoadError

    harness.land(file_name(seal_of(0)), json_lines(payment(1, NOON)))
    with monkeypatch.context() as patch:

        def full(*_: object) -> None:
            raise duckdb.IOException("No space left on device")

        patch.setattr(manifest, "write_entries", full)
        with pytest.raises(
            LoadError, match=r"nothing of this batch was kept.*No space.*free space"
        ):
            harness.load(make_spec())
    assert harness.rows("*") == []
    assert harness.load(make_spec()).rows == 1


_LOAD = """
import sys
from lakehouse.lake import Lake
from lakehouse.settings import load_settings
from lakehouse.sources import load
from tests.sources.conftest import make_spec
settings = load_settings({}, data_dir=sys.argv[1])
with Lake(settings) as lake:
    print(load(make_spec(), lake, settings).rows)
"""


@pytest.mark.slow
def test_loaders_in_several_processes_load_each_file_once(harness: Harness) -> None:
    for day in range(6):
        harness.land(file_name(seal_of(day)), json_lines(payment(day, NOON)))
    command = [sys.executable, "-c", _LOAD, str(harness.settings.data_dir)]
    loaders = [
        subprocess.Popen(command, cwd=PROJECT.root, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    loaded = [loader.communicate(timeout=60)[0] for loader in loaders]
    assert sum(map(int, loaded)) == 6
    assert [number for (number,) in harness.rows("id")] == list(range(6))


def test_files_in_folders_and_with_other_names_follow_the_seal_pattern(
    harness: Harness, tmp_path: Path
) -> None:
    pattern = {
        "regex": r"tx_date=(\d{4}-\d{2}-\d{2})",
        "strptime": "%Y-%m-%d",
        "offset": "23h59m59s999999us",
    }
    columns = [
        column("id", "BIGINT", **{"from": "TX_ID"}),
        column("time", "TIMESTAMP", **{"from": "TX_DATETIME"}),
        column("amount", "DECIMAL(18,2)", **{"from": "TX_AMOUNT"}),
    ]
    duckdb.sql(
        "SELECT 1::BIGINT AS TX_ID, TIMESTAMP '2026-05-02 10:00:00' AS TX_DATETIME, "
        "57.16::DOUBLE AS TX_AMOUNT, 0 AS TX_FRAUD"
    ).write_parquet(str(tmp_path / "p"))
    harness.land("tx_date=2026-05-02/part-0.parquet", (tmp_path / "p").read_bytes())
    report = harness.load(
        make_spec(columns, seal_pattern=pattern, contract={"on_change": "discard"})
    )
    assert (report.seal, report.rows, report.discarded) == (seal_of(1), 1, {"TX_FRAUD": 1})
    assert harness.rows("id", "amount::VARCHAR") == [(1, "57.16")]
