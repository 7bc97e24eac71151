"""A bad file is refused by name, or read up to its damage; it never stops its source."""

import gzip
import io
import os
import resource
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse.lake import Lake
from lakehouse.settings import load_settings
from lakehouse.sources.decisions import Choice, discard
from lakehouse.sources.undecided import find_undecided
from tests.project import PROJECT

from .conftest import Harness, column, file_name, json_lines, make_spec, payment, seal_of

NOON = datetime(2026, 5, 1, 12)
HEADER = "id,time,amount,note\n"
BAD, GOOD = file_name(seal_of(0), ".csv"), file_name(seal_of(1))


def row(number: int, note: str = "") -> str:
    return f"{number},2026-05-01,1.00,{note}\n"


def records(harness: Harness, text: str) -> tuple[list[int], list[tuple[int, str, str]]]:
    """The loaded ids, and the rejected records, of a CSV with these lines."""
    harness.land(BAD, (HEADER + text).encode())
    report = harness.load(make_spec())
    assert not report.quarantined_files
    loaded = [number for (number,) in harness.rows("id")]
    return loaded, harness.rows("_row", "reason", "text", table="quarantine.rows")


def test_an_unclosed_quote_costs_only_its_own_line(harness: Harness) -> None:
    others = [number for number in range(1, 201) if number != 3]
    text = "".join(row(number, '"open' if number == 3 else "fine") for number in range(1, 201))
    loaded, rejected = records(harness, text)
    assert loaded == others
    assert [(number, text) for number, _, text in rejected] == [(3, '3,2026-05-01,1.00,"open')]


def test_an_open_quote_closed_on_a_later_line_costs_no_other_row(harness: Harness) -> None:
    text = row(1) + row(2, '"open') + row(3, '"fine"') + row(4, '"two\nlines"') + row(5)
    loaded, rejected = records(harness, text)
    assert loaded == [1, 3, 4, 5]
    assert [text for _, _, text in rejected] == ['2,2026-05-01,1.00,"open']
    assert harness.rows("note")[2] == ("two\nlines",)


def test_text_after_a_closing_quote_and_missing_fields_cost_only_their_line(
    harness: Harness,
) -> None:
    text = row(1, '"a"b') + "2,2026-05-01\n" + row(3, '"he said ""hi"", twice"') + row(4, "x,y")
    loaded, rejected = records(harness, text)
    assert loaded == [3]
    assert [number for number, _, _ in rejected] == [1, 2, 4]
    assert harness.rows("note") == [('he said "hi", twice',)]


def test_mixed_line_endings_are_all_recognized(harness: Harness) -> None:
    loaded, rejected = records(harness, "1,2026-05-01,1,a\r\n2,2026-05-01,1,b\r3,2026-05-01,1,c\n")
    assert (loaded, rejected) == ([1, 2, 3], [])


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_row_over_the_limit_is_quarantined_alone(tmp_path: Path, suffix: str) -> None:
    settings = load_settings({}, data_dir=tmp_path, longest_row="1KB")
    with Lake(settings) as lake:
        harness = Harness(settings, lake)
        if suffix == ".csv":
            long = row(2, "x" * 5000) + row(3, '"' + "y\n" * 2000 + '"')
            content = (HEADER + row(1) + long + row(4)).encode()
        else:
            lines = (payment(n, NOON, note="x" * 5000 * (n in (2, 3))) for n in range(1, 5))
            content = json_lines(*lines)
        harness.land(file_name(seal_of(0), suffix), content)
        report = harness.load(make_spec())
        assert [number for (number,) in harness.rows("id")] == [1, 4]
        reason = "longer than 1,000 bytes (LAKEHOUSE_LONGEST_ROW)"
        assert report.reasons[reason] == 2
        kept = harness.rows("length(text)", table="quarantine.rows")
        assert all(length <= 2000 for (length,) in kept)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (BAD, (HEADER + row(1)).encode("utf-16"), "it is UTF-16, not UTF-8"),
        (
            BAD,
            "id,time,amount,grÖße\n".encode("latin-1"),
            "its header is not UTF-8 (id,time,amount,gr",
        ),
        (BAD, b'id,"time,amount\n1,2', "its header is malformed CSV"),
        (BAD, b"id,id\n1,2\n", "'id' appears twice in the header"),
        (BAD, ",".join(f"c{n}" for n in range(3000)).encode(), "its header has 3,000 columns"),
    ],
)
def test_a_file_with_the_wrong_encoding_or_a_bad_header_is_refused_and_the_next_is_loaded(
    harness: Harness, name: str, content: bytes, reason: str
) -> None:
    harness.land(name, content)
    harness.land(GOOD, json_lines(payment(1, NOON)))
    for on_change in ("evolve", "freeze"):
        spec = make_spec(name=on_change, contract={"on_change": on_change})
        harness.land(name, content, source=on_change)
        harness.land(GOOD, json_lines(payment(1, NOON)), source=on_change)
        report = harness.load(spec)
        assert reason in report.quarantined_files[name]
        assert report.files == [GOOD]


@pytest.mark.slow
def test_another_encoding_can_be_declared(harness: Harness) -> None:
    columns = [column("id", "BIGINT"), column("time", "TIMESTAMP"), column("größe")]
    text = "id,time,größe\n1,2026-05-01,30 €\n"
    for encoding in ("cp1252", "utf-16", "utf-8"):
        source = encoding.replace("-", "_")
        harness.land(BAD, text.encode(encoding), source=source)
        columns[2] = column("size", **{"from": "größe"})
        harness.load(make_spec(columns, name=source, encoding=encoding))
        assert harness.rows("size", table=f"raw.{source}") == [("30 €",)]
    harness.land(GOOD, b"id,time,gr\xf6\xdfe\n", source="utf_16")
    assert harness.load(make_spec(columns, name="utf_16", encoding="utf-16")).quarantined_files


def test_broken_links_pipes_and_odd_names_are_refused_by_name(harness: Harness) -> None:
    folder = harness.land(GOOD, json_lines(payment(1, NOON))).parent
    (folder / file_name(seal_of(2))).symlink_to(folder / "nothing")
    os.mkfifo(folder / file_name(seal_of(3)))
    (folder / "elsewhere").symlink_to(folder.parent)
    odd = os.fsencode(folder) + b"/" + file_name(seal_of(4)).encode() + b"\xff.csv"
    Path(os.fsdecode(odd)).write_bytes((HEADER + row(2)).encode())
    report = harness.load(make_spec())
    assert report.quarantined_files == {
        file_name(seal_of(2)): "a broken link (No such file or directory)",
        file_name(seal_of(3)): "not a regular file but a pipe",
        "elsewhere": "not a regular file but a link to a folder",
    }
    assert report.files == [GOOD, file_name(seal_of(4)) + "\\xff.csv"]
    assert harness.load(make_spec()).quarantined_files == {}


def test_a_file_that_grows_while_it_is_read_waits_for_the_next_load(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lakehouse.sources import staging

    path = harness.land(GOOD, json_lines(payment(1, NOON)))
    read = staging.read_file

    def growing(*arguments: object) -> object:
        yield from read(*arguments)  # type: ignore[arg-type]
        with path.open("ab") as file:
            file.write(json_lines(payment(2, NOON)))

    with monkeypatch.context() as patch:
        patch.setattr(staging, "read_file", growing)
        assert (
            "it changed while it was being read"
            in harness.load(make_spec()).quarantined_files[GOOD]
        )
    assert harness.rows("id") == []
    assert harness.load(make_spec()).rows == 2


@pytest.mark.slow
def test_names_that_differ_in_case_or_are_odd_are_matched_exactly_in_every_format(
    harness: Harness,
) -> None:
    names = ["amount", "Amount", 'Sélect "x"', "a[b]", "order", "nul\x00"]
    columns = [
        column("id", "BIGINT"),
        column("time", "TIMESTAMP"),
        *(column(f"x{place}", "BIGINT", **{"from": name}) for place, name in enumerate(names)),
    ]
    good = {"id": 1, "time": "2026-05-01", **{name: 10 + n for n, name in enumerate(names)}}
    bad = {**good, "Amount": "many"}
    texts = [{key: str(value) for key, value in row.items()} for row in (good, bad)]
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(texts), out)
    header = ",".join('"' + name.replace('"', '""') + '"' for name in good)
    lines = [",".join(row.values()) for row in texts]
    for suffix, content in {
        ".parquet": out.getvalue(),
        ".jsonl": json_lines(good, bad),
        ".csv": "\n".join([header, *lines]).encode(),
    }.items():
        source = "from_" + suffix.removeprefix(".")
        harness.land(file_name(seal_of(0), suffix), content, source=source)
        spec = make_spec(columns, name=source, contract={"on_change": "freeze"})
        report = harness.load(spec)
        assert report.quarantined_files == {}
        assert report.reasons == {"x1: not a BIGINT": 1}
        stored = [f"x{place}" for place in range(len(names))]
        assert harness.rows(*stored, table=f"raw.{source}") == [(10, 11, 12, 13, 14, 15)]


def test_a_duplicate_key_in_a_json_row_quarantines_the_row_and_is_named(harness: Harness) -> None:
    twice = '{"id": 2, "time": "2026-05-01", "amount": 1, "amount": 2}'
    nested = '{"id": 3, "time": "2026-05-01", "amount": 3, "note": {"a": 1.10, "a": 2}}'
    harness.land(GOOD, json_lines(payment(1, NOON), twice, nested.replace('"a": 2', '"b": 2')))
    report = harness.load(make_spec())
    assert report.reasons == {"malformed JSON: 'amount' appears twice": 1}
    assert harness.rows("id", "note") == [(1, None), (3, '{"a": 1.10, "b": 2}')]


def test_columns_that_evolve_cannot_add_are_counted_by_name(harness: Harness) -> None:
    names = ["ID", "Note", "_file", "known_at", "a\x00b", "", "Extra", "extra"]
    harness.land(GOOD, json_lines({**payment(1, NOON), **dict.fromkeys(names, "x")}))
    report = harness.load(make_spec())
    assert report.new_columns == ["Extra"]
    assert report.discarded == dict.fromkeys(set(names) - {"Extra"}, 1)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_file_without_a_declared_column_is_refused_under_freeze_and_reported_under_discard(
    harness: Harness, suffix: str
) -> None:
    out = io.BytesIO()
    pq.write_table(pa.table({"id": ["1"], "time": ["2026-05-01"], "amount": ["1"]}), out)
    content = {
        ".csv": b"id,time,amount\n1,2026-05-01,1\n",
        ".jsonl": b'{"id": 1, "time": "2026-05-01", "amount": 1}\n',
        ".parquet": out.getvalue(),
    }[suffix]
    name = file_name(seal_of(0), suffix)
    for on_change in ("freeze", "discard", "evolve"):
        harness.land(name, content, source=on_change)
        report = harness.load(make_spec(name=on_change, contract={"on_change": on_change}))
        assert report.rows == (on_change != "freeze")
        assert report.missing == ({name: ["note"]} if on_change == "discard" else {})
        if on_change == "freeze":
            refused = report.quarantined_files[name]
            assert refused == "columns of the contract are missing: note"
    optional = [*make_spec().model_dump(by_alias=True)["contract"]["columns"]]
    optional[-1]["optional"] = True
    harness.land(name, content, source="optional")
    spec = make_spec(optional, name="optional", contract={"on_change": "freeze"})
    assert harness.load(spec).rows == 1


@pytest.mark.slow
def test_columns_that_a_load_lost_stay_undecided_until_a_decision(
    harness: Harness,
) -> None:
    lossy = make_spec(name="lossy")
    harness.land(GOOD, json_lines(payment(1, NOON, Note="x", fine="y")), source="lossy")
    lacking = make_spec(name="lacking", contract={"on_change": "discard"})
    harness.land(GOOD, json_lines({"id": 1, "time": "2026-05-01", "amount": 1}), source="lacking")
    for spec, reason in (
        (lossy, "columns that raw cannot have were left out: Note"),
        (lacking, "columns of the contract are missing: note"),
    ):
        for _ in range(2):
            harness.load(spec)
            with harness.lake.reader() as cursor:
                (found,) = find_undecided(cursor, spec)
            assert (found.kind, found.reasons) == ("columns", {reason: 1})
        discard(spec, harness.lake, Choice(GOOD), who="me", why="known", now=NOON)
        with harness.lake.reader() as cursor:
            assert find_undecided(cursor, spec) == []


def test_a_failing_expression_quarantines_only_its_row(harness: Harness) -> None:
    columns = [
        column("id", "BIGINT"),
        column("time", "TIMESTAMP"),
        column("text"),
        column("number", "INTEGER", expression="CAST(text AS INTEGER)"),
    ]
    rows = [{"id": n, "time": "2026-05-01", "text": t} for n, t in enumerate(["1", "x", None])]
    harness.land(GOOD, json_lines(*rows))
    report = harness.load(make_spec(columns))
    assert harness.rows("id", "number") == [(0, 1), (2, None)]
    assert report.reasons == {"number: its expression fails or is not a INTEGER": 1}


_BOMB = """
import sys
from lakehouse.lake import Lake
from lakehouse.settings import load_settings
from lakehouse.sources import load
from tests.sources.conftest import make_spec
settings = load_settings({}, data_dir=sys.argv[1], memory_limit="1GB", threads=1)
with Lake(settings) as lake:
    report = load(make_spec(), lake, settings)
    print(report.rows, report.rejected, len(report.quarantined_files))
"""


@pytest.mark.slow
def test_files_that_decompress_to_gigabytes_take_bounded_memory(harness: Harness) -> None:
    """A line of 3 GB, a CSV field of 3 GB, and a Parquet dictionary of 1.8 GB once decoded."""
    for suffix, start in ((".jsonl.gz", b'{"id": "'), (".csv.gz", HEADER.encode() + b"1,x,1,")):
        path = harness.land(file_name(seal_of(0), suffix), b"")
        with gzip.open(path, "wb", compresslevel=1) as file:
            file.write(start)
            for _ in range(300):
                file.write(b"0" * 10_000_000)
    dictionary = pa.DictionaryArray.from_arrays(
        pa.array([0] * 3_000, pa.int32()), pa.array(["x" * 600_000])
    )
    keys = list(map(str, range(3_000)))
    table = pa.table(
        {"id": keys, "time": ["2026-05-01"] * 3_000, "amount": ["z"] * 3_000, "note": dictionary}
    )
    out = io.BytesIO()
    pq.write_table(table, out)
    harness.land(file_name(seal_of(1), ".parquet"), out.getvalue())
    harness.lake.close()
    done = subprocess.run(
        [sys.executable, "-c", _BOMB, str(harness.settings.data_dir)],
        cwd=PROJECT.root,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30)),
    )
    assert done.stdout.split() == ["0", "3002", "0"], done.stderr
