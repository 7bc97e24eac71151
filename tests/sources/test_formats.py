"""CSV, JSON Lines and Parquet, plain or compressed, give the same rows."""

import csv
import gzip
import io
import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import duckdb
import hypothesis.strategies as st
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given

from lakehouse.sources.reading import Block, Reading
from lakehouse.sources.reading.csv_records import read_csv
from lakehouse.sources.reading.json_lines import FLAT, read_json_lines

from .conftest import PAYMENTS, Harness, column, file_name, json_lines, make_spec, payment, seal_of

ROWS = [
    payment(1, datetime(2026, 5, 1, 9), "1.50", note='say "hi", twice'),
    payment(2, datetime(2026, 5, 1, 10), "-2.25", note="two\nlines, ä"),
    payment(3, datetime(2026, 5, 1, 11), "3.00", note=None),
]


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def as_parquet(rows: list[dict[str, Any]]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out)
    return out.getvalue()


def plain(content: bytes) -> bytes:
    return content


def zstd(content: bytes) -> bytes:
    out = pa.BufferOutputStream()
    with pa.CompressedOutputStream(out, "zstd") as stream:
        stream.write(content)
    return bytes(out.getvalue())


@pytest.mark.parametrize(
    ("suffix", "write", "pack"),
    [
        (".jsonl", lambda rows: json_lines(*rows), plain),
        (".jsonl.gz", lambda rows: json_lines(*rows), gzip.compress),
        (".jsonl.zst", lambda rows: json_lines(*rows), zstd),
        (".csv", as_csv, plain),
        (".csv.gz", as_csv, gzip.compress),
        (".csv.zst", as_csv, zstd),
        (".parquet", as_parquet, plain),
    ],
)
def test_every_format_gives_the_same_rows(
    harness: Harness,
    suffix: str,
    write: Callable[[list[dict[str, Any]]], bytes],
    pack: Callable[[bytes], bytes],
) -> None:
    harness.land(file_name(seal_of(0), suffix), pack(write(ROWS)))
    report = harness.load(make_spec())
    assert report.reasons == report.quarantined_files == {}
    assert harness.rows("_row", "id", "time", "amount::VARCHAR", "note") == [
        (1, 1, datetime(2026, 5, 1, 9), "1.50", 'say "hi", twice'),
        (2, 2, datetime(2026, 5, 1, 10), "-2.25", "two\nlines, ä"),
        (3, 3, datetime(2026, 5, 1, 11), "3.00", None),
    ]


def test_a_csv_row_with_too_few_fields_is_quarantined_and_the_next_keeps_its_number(
    harness: Harness,
) -> None:
    harness.land(
        file_name(seal_of(0), ".csv"),
        b'\xef\xbb\xbfid,time,amount,note\n1,2026-05-01\n2,2026-05-01,2,"a\nb"\n\n3,x,1,\n',
    )
    harness.load(make_spec())
    assert harness.rows("_row", "id", "note") == [(2, 2, "a\nb")]
    assert harness.rows("_row", "reason", "text", table="quarantine.rows") == [
        (1, "4 fields expected", "1,2026-05-01"),
        (4, "not a TIMESTAMP", "3,x,1,"),
    ]


def test_a_rejected_parquet_row_is_kept_as_json(harness: Harness) -> None:
    harness.land(file_name(seal_of(0), ".parquet"), as_parquet([{**ROWS[0], "amount": "x"}]))
    harness.load(make_spec())
    assert harness.rows("text", table="quarantine.rows") == [
        ('{"id":1,"time":"2026-05-01T09:00:00Z","amount":"x","note":"say \\"hi\\", twice"}',)
    ]


def test_the_delimiter_and_the_format_can_be_declared(harness: Harness) -> None:
    harness.land(file_name(seal_of(0), ".txt"), b"id;time;amount\n1;2026-05-01T12:00:00+02:00;2\n")
    harness.load(make_spec(format="csv", delimiter=";"))
    assert harness.rows("id", "time") == [(1, datetime(2026, 5, 1, 10))]


def test_rows_of_one_file_keep_their_order_over_many_blocks(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakehouse.sources.reading.lines.BLOCK_BYTES", 1000)
    monkeypatch.setattr("lakehouse.sources.staging._CHUNK_BYTES", 5000)
    harness.land(
        file_name(seal_of(0)),
        json_lines(*(payment(number, datetime(2026, 5, 1)) for number in range(1, 501))),
    )
    harness.load(make_spec())
    assert harness.rows("_row", "id") == [(number, number) for number in range(1, 501)]


def test_the_noise_of_binary_floats_is_rounded_away_only_where_it_is_declared(
    harness: Harness,
) -> None:
    floats = [{**ROWS[0], "amount": amount} for amount in (57.160000000000004, 0.1 + 0.2, 1.005)]
    harness.land(file_name(seal_of(0), ".parquet"), as_parquet(floats))
    harness.land(file_name(seal_of(1)), json_lines(*floats))
    amount = column("amount", "DECIMAL(18, 2)", nullable=False, from_float=True)
    harness.load(make_spec([*PAYMENTS[:2], amount, PAYMENTS[3]]))
    assert harness.rows("amount::VARCHAR") == [("57.16",), ("0.30",)] * 2
    assert harness.rows("_row", table="quarantine.rows") == [(3,), (3,)]

    exactly = {"name": "exactly", "connector": {"kind": "files"}}
    harness.land(file_name(seal_of(1)), json_lines(*floats), source="exactly")
    assert harness.load(make_spec(**exactly)).reasons == {"amount: not a DECIMAL(18,2)": 3}


@pytest.mark.slow
@given(
    st.lists(
        st.lists(
            st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=6),
            min_size=3,
            max_size=3,
        ).filter(any),
        max_size=12,
    ),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from([",", ";", "\t"]),
)
def test_any_fields_that_csv_can_write_are_read_unchanged(
    rows: list[list[str]], end: str, quoting: Any, delimiter: str
) -> None:
    if any(letter in field for row in rows for field in row for letter in "\r\n"):
        quoting = csv.QUOTE_ALL  # otherwise Python writes files that cannot be read back
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerows([["a", "b", "c"], *rows])
    reading = Reading("csv", ("c", "a"), delimiter=delimiter)
    found: dict[int, tuple[str | None, str | None]] = {}
    for block in read_csv(io.BytesIO(out.getvalue().encode()), reading):
        assert block.shape.columns == ("a", "c")
        assert block.table["_broken"].null_count == len(block.table)
        for row in block.table.to_pylist():
            found[row["_row"]] = (row["_c0"], row["_c1"])
    assert [found[number] for number in sorted(found)] == [
        (row[0] or None, row[2] or None) for row in rows
    ]


NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,9})?([eE][+-]?[0-9])?", fullmatch=True)
VALUES = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=5).map(json.dumps),
    st.text("ab/~ é", max_size=3).map(lambda text: json.dumps(text, ensure_ascii=False)),
    NUMBERS.filter(str.isascii),
    st.sampled_from(["true", "false", "null", "[1.10]", '{"a": 1e5}', "NaN", "x", "01", "-0"]),
)
KEYS = st.sampled_from(["a", "A", "b/c", "~", "é", "0", "", 'q"', "_file"])


@pytest.mark.slow
@given(
    st.lists(
        st.one_of(
            st.lists(st.tuples(KEYS, VALUES), max_size=4).map(
                lambda pairs: "{" + ", ".join(f"{json.dumps(k)}:{v}" for k, v in pairs) + "}"
            ),
            st.sampled_from(["", " ", "[]", '{"a": 1', '{"a": 1} ', '{"a": 1}\r', "\x00"]),
        ),
        max_size=12,
    )
)
def test_lines_in_plain_form_are_read_as_pythons_parser_reads_them(lines: list[str]) -> None:
    content = "\n".join(lines).encode()
    reading = Reading("jsonl", ("a", "0"), all_columns=True)
    with duckdb.connect() as scratch:
        fast = [*read_json_lines(io.BytesIO(content), reading, scratch)]
    slow = [*read_json_lines(io.BytesIO(content), reading)]
    assert as_rows(fast) == as_rows(slow)


def as_rows(blocks: list[Block]) -> list[Any]:
    """Rows by number, with their values by name, and how many have each column."""
    rows: list[Any] = []
    for block in blocks:
        columns = [*("_row", "_text", "_broken"), *block.shape.columns]
        for row in block.table.to_pylist():
            values = dict(zip(columns, row.values(), strict=True))
            rows.append({name: value for name, value in values.items() if value is not None})
        rows.append(sorted(block.found.items()))
    return rows


def test_lines_of_the_simulator_and_of_most_writers_are_in_plain_form() -> None:
    for line in (
        json.dumps(payment(1, datetime(2026, 5, 1), "12.50")),
        json.dumps(payment(1, datetime(2026, 5, 1), "1", size=12.5), separators=(",", ":")),
    ):
        assert re.match(FLAT, line)
    for line in ('{"a": 1.10}', '{"a": 1e3}', '{"a": 1234567890123456}', '{"a": "\\u00e9"}'):
        assert not re.match(FLAT, line)
