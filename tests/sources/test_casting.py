"""Every spelling of a value, in every format, is exact or set aside. Python is the reference."""

import csv
import io
import itertools
import json
import random
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Context, Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import hypothesis.strategies as st
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given

from lakehouse.lake import Lake
from lakehouse.settings import load_settings
from lakehouse.sources.column_types import column_type
from lakehouse.sources.expressions import UNSTABLE

from .conftest import Harness, column, file_name, json_lines, make_spec, seal_of


def split_words(text: str) -> list[str]:
    return text.split()


NUMBERS = split_words(
    """
    0 -0 +0 00 7 007 +7 -7 1.0 1. .5 -.5 1.5 1.50 1.500000 1.005 0.001 0.00001 0.000000125
    12.345 99999999.99 100000000 100000000.00 1e3 1E3 1e+3 1e-3 100e-2 1.25e-7 1.25e2 125e-2
    0e0 0e5 -1.5e1 1e18 1e19 1e37 1e38 1e308 1e309 1e-320 1e-400 32767 32768 -32768 -32769
    2147483647 2147483648 9007199254740993 9007199254740993.0 9007199254740993.5
    9223372036854775807 9223372036854775808 -9223372036854775808 -9223372036854775809
    1234567890123456.789 12345678901234567.891 0.1 0.30000000000000004 57.160000000000004
    99999999999999999999999999999999999999 0.123456789012345678
    123456789012345678901234567890 1_000 1,000 0x1f 1e 1e+ e5 . - + -- 1.2.3 nan NaN inf
    -inf Infinity 1f 1d ١٢ １ 1e1_0 true null None
    """
)
NUMBERS += ["", " 12", "12 ", "\t12", "1 2", "0" * 60 + "1.5", "1." + "5" + "0" * 60, "1e99999"]
TIMES = split_words(
    """
    2026-05-25 2026-05-25T10:00 2026-05-25T10:00:00 2026-05-25T10:00:00Z
    2026-05-25T10:00:00.1 2026-05-25T10:00:00.123456 2026-05-25T10:00:00.123456Z
    2026-05-25T10:00:00.1234560 2026-05-25T10:00:00.1234567 2026-05-25T10:00:00.123456789Z
    2026-05-25T10:00:00+02:00 2026-05-25T10:00:00-05:00 2026-05-25T23:30:00-05:00
    2026-05-25T10:00:00+0530 2026-05-25T10:00:00+02 2026-05-25T00:00:00 2026-05-25T00:00:00Z
    2026-05-25T00:00:00+00:00 2026-05-25T00:00:00.000001 2026-05-25T00:00:00+02:00
    2026-05-25T10:00:00+05:99 2026-05-25T10:00:00+24:00 2026-05-25T25:00:00
    2026-05-25T10:60:00 2026-05-25T10:00:60 2026-02-29 2024-02-29 2026-13-01 2026-00-10
    0000-01-01 0001-01-01 9999-12-31 9999-12-31T23:59:59.999999 10000-01-01
    0001-01-01T00:00:00+01:00 9999-12-31T23:30:00-01:00 1600-01-01 infinity -infinity epoch
    now today 25.05.2026 05/25/2026 1779703200 2026-05-25T10 2026-W22-1 20260525 2026-05
    2026 10:00:00 2026-05-25T10:00:00.000000+00:00 2026-05-25T10:00:00.123456+00:00
    """
)
TIMES += [
    "2026-05-25 10:00:00",
    "2026-05-25 10:00:00+02:00",
    "2026-05-25 10:00:00 +02:00",
    " 2026-05-25",
]
ZONED = [
    "2026-05-25 10:00:00 America/New_York",
    "2026-05-25 10:00:00 Europe/Berlin",
    "2026-05-25T10:00:00 UTC",
    "2026-05-25 10:00:00 Foo/Bar",
    "2026-05-25 10:00:00 CET",
    "2026-11-01 01:30:00 America/New_York",  # twice
    "2026-03-08 02:30:00 America/New_York",  # never
    "2026-11-01 00:59:59 America/New_York",
    "2026-11-01 02:00:00 America/New_York",
    "2026-03-08 03:00:00 America/New_York",
]
OTHERS = ["text", "ä", "a\nb", 'say "hi"', "[/b]", "yes", "No", "T", "0", "1.0", "on", "\x00", "{}"]
SPELLINGS = [*NUMBERS, *TIMES, *ZONED, *OTHERS]
TYPES = [
    *("VARCHAR", "BOOLEAN", "SMALLINT", "INTEGER", "BIGINT", "DOUBLE", "DATE", "TIMESTAMP"),
    *("DECIMAL(10,2)", "DECIMAL(18,8)", "DECIMAL(20,3)", "DECIMAL(38,0)"),
]
QUICK_TYPES = ("VARCHAR", "BIGINT", "TIMESTAMP", "DECIMAL(18,8)")
BITS = {"SMALLINT": 15, "INTEGER": 31, "BIGINT": 63}
FORMATS = ("csv", "jsonl", "parquet")


def expected_value(text: str, type: str) -> Any:
    """The value of `text` as `type`, by Python's own parsers; None if it must be set aside."""
    if type == "VARCHAR":
        return text
    text = text.strip(" \t")
    if type == "BOOLEAN":
        words = {"true": True, "t": True, "yes": True, "y": True, "1": True}
        words |= {"false": False, "f": False, "no": False, "n": False, "0": False}
        return words.get(text.lower())
    if type in ("DATE", "TIMESTAMP"):
        return expected_time(text, type)
    try:
        exact = Decimal(text) if text.isascii() and "_" not in text else None
    except InvalidOperation:
        return None
    if exact is None or not exact.is_finite() or abs(int(exact.as_tuple().exponent)) > 9999:
        return None
    if type == "DOUBLE":
        number = float(text)
        return number if number - number == 0 and (number != 0 or exact == 0) else None
    if type in BITS:
        return (
            int(exact)
            if exact == int(exact) and -(2 ** BITS[type]) <= exact < 2 ** BITS[type]
            else None
        )
    precision, scale = map(int, re.findall(r"\d+", type))
    scaled = exact.scaleb(scale, Context(prec=200))
    fits = scaled == int(scaled) and abs(int(scaled)) < 10**precision
    return Decimal(int(scaled)).scaleb(-scale, Context(prec=60)) if fits else None


def expected_time(text: str, type: str) -> date | datetime | None:
    zone = None
    if match := re.fullmatch(r"(.*) ([A-Z][A-Za-z_]*/[A-Za-z_]+|UTC)", text):
        text, name = match.groups()
        try:
            zone = ZoneInfo(name)
        except (KeyError, ValueError):
            return None
    text = re.sub(r" (?=[+-]\d\d:\d\d$)", "", text)
    if re.search(r"[+-]\d\d:?[6-9]\d$", text):
        return None  # Python would carry the minutes over
    text = re.sub(r"(\.\d{6})0+(?=$|Z|[+-])", r"\1", text)
    if re.search(r"\.\d{7,}", text) or not re.match(r"\d{4}-\d{2}-\d{2}($|[T ]\d{2}:\d{2})", text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if zone:
        first, second = moment.replace(tzinfo=zone), moment.replace(tzinfo=zone, fold=1)
        if first.utcoffset() != second.utcoffset():
            return None  # twice or never
        moment = first
    if type == "DATE":
        is_day = moment.time() == time() and not moment.utcoffset()
        return moment.date() if is_day else None
    try:
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except OverflowError:
        return None


def as_file(format: str, spellings: Sequence[str]) -> bytes:
    out = io.BytesIO()
    if format == "parquet":
        pq.write_table(pa.table({"id": range(len(spellings)), "value": list(spellings)}), out)
    elif format == "jsonl":
        for number, text in enumerate(spellings):
            is_number = re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", text, re.ASCII)
            value = text if is_number else json.dumps(text)
            out.write(f'{{"id": {number}, "value": {value}}}\n'.encode())
    else:
        lines = io.TextIOWrapper(out, newline="", write_through=True)
        csv.writer(lines).writerows([("id", "value"), *enumerate(spellings)])
        lines.detach()
    return out.getvalue()


def loaded(harness: Harness, type: str, format: str, spellings: Sequence[str]) -> dict[int, Any]:
    """The loader's value of each spelling, by place, without those that were set aside."""
    name = f"{format}_{re.sub(r'[^a-z0-9]', '', type.lower())}_{len(spellings)}"
    columns = [
        column("id", "BIGINT"),
        column("time", "TIMESTAMP", expression="TIMESTAMP '2026-05-01'"),
        column("value", type),
    ]
    spec = make_spec(columns, name=name, contract={"on_change": "freeze"})
    harness.land(file_name(seal_of(0), "." + format), as_file(format, spellings), source=name)
    report = harness.load(spec)
    assert report.rows + report.rejected == len(spellings), report
    assert report.reasons.keys() <= {f"value: not a {type}"}
    return dict(harness.rows("id", "value", table=f"raw.{name}"))


@pytest.mark.parametrize(
    "type",
    [pytest.param(t, marks=[] if t in QUICK_TYPES else pytest.mark.slow) for t in TYPES],
)
def test_each_spelling_of_each_type_is_exact_or_quarantined_in_every_format(
    harness: Harness, type: str
) -> None:
    references = {place: expected_value(text, type) for place, text in enumerate(SPELLINGS)}
    for format in FORMATS:
        found = loaded(harness, type, format, SPELLINGS)
        for place, text in enumerate(SPELLINGS):
            expected = references[place]
            if format == "csv" and text == "":
                expected = None  # an empty field is NULL
            got = found.get(place)
            assert (got, str(got)) == (expected, str(expected)), (format, text)


def test_the_reference_accepts_and_refuses_enough_spellings_of_each_type() -> None:
    for type in TYPES[1:]:
        verdicts = [expected_value(text, type) is not None for text in SPELLINGS]
        assert 5 < sum(verdicts) < len(verdicts) - 5


@pytest.mark.slow
def test_a_value_does_not_depend_on_the_rows_around_it() -> None:
    with duckdb.connect() as connection:
        for type in TYPES:
            alone = [cast(connection, [text], type)[0] for text in SPELLINGS]
            for seed in range(5):
                places = random.Random(seed).choices(range(len(SPELLINGS)), k=5000)
                many = cast(connection, [SPELLINGS[place] for place in places], type)
                assert many == [alone[place] for place in places]


def cast(connection: duckdb.DuckDBPyConnection, texts: list[str], type: str) -> list[Any]:
    kind = column_type(type)
    values = kind.plain(pa.chunked_array([pa.array(texts, pa.string())]), "VARCHAR")
    connection.register("texts", pa.table({"n": range(len(texts)), "v": values}))
    query = f"SELECT {kind.cast_sql('v', 'VARCHAR')} FROM texts ORDER BY n"
    return [value for (value,) in connection.execute(query).fetchall()]


@pytest.mark.slow
@given(
    st.lists(
        st.from_regex(r"[+-]?[0-9]{0,25}(\.[0-9]{0,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
        min_size=1,
        max_size=50,
    )
)
def test_any_number_has_the_value_that_decimal_gives_it(texts: list[str]) -> None:
    texts = [text for text in texts if text.isascii()] or ["1"]
    with duckdb.connect() as connection:
        for type in ("INTEGER", "BIGINT", "DECIMAL(38,10)", "DECIMAL(9,0)", "DOUBLE"):
            expected = [expected_value(text, type) for text in texts]
            assert list(map(str, cast(connection, texts, type))) == list(map(str, expected))


TEN = 1_779_703_200_000_000_000
"""Nanoseconds from 1970 to 2026-05-25 10:00 UTC."""
TYPED: list[tuple[str, Any, str, Any]] = [
    # type of Parquet, value, declared type, expected value in raw (None: set aside)
    ("int64", 2**53 + 1, "BIGINT", 2**53 + 1),
    ("int64", 2**53 + 1, "DECIMAL(20,3)", Decimal("9007199254740993.000")),
    ("int64", 2**53 + 1, "VARCHAR", "9007199254740993"),
    ("int64", 40_000, "SMALLINT", None),
    ("uint64", 2**63, "BIGINT", None),
    ("uint64", 2**63, "DECIMAL(38,0)", Decimal(2**63)),
    ("float64", 3.0, "BIGINT", 3),
    ("float64", 3.5, "BIGINT", None),
    ("float64", 1e16, "BIGINT", 10**16),
    ("float64", 1e-05, "DECIMAL(10,2)", None),
    ("float64", 57.16, "DECIMAL(10,2)", Decimal("57.16")),
    ("float64", 57.160000000000004, "DECIMAL(10,2)", None),
    ("float64", float("nan"), "DOUBLE", None),
    ("float64", float("inf"), "DOUBLE", None),
    ("float32", 0.5, "DOUBLE", 0.5),
    ("float32", 0.10000000149011612, "DOUBLE", 0.10000000149011612),
    ("float16", 0.5, "DOUBLE", 0.5),
    ("bool", True, "BOOLEAN", True),
    ("bool", True, "BIGINT", None),
    ("decimal128(20, 4)", Decimal("1.5000"), "DECIMAL(10,2)", Decimal("1.50")),
    ("decimal128(20, 4)", Decimal("1.5050"), "DECIMAL(10,2)", None),
    ("decimal256(50, 3)", Decimal("1.500"), "DECIMAL(10,2)", Decimal("1.50")),
    ("date32", date(2026, 5, 25), "DATE", date(2026, 5, 25)),
    ("date32", date(2026, 5, 25), "TIMESTAMP", datetime(2026, 5, 25)),
    ("timestamp[s]", datetime(2026, 5, 25, 10), "TIMESTAMP", datetime(2026, 5, 25, 10)),
    ("timestamp[ms]", datetime(2026, 5, 25, 10), "TIMESTAMP", datetime(2026, 5, 25, 10)),
    ("timestamp[us]", datetime(2026, 5, 25, 10), "DATE", None),
    ("timestamp[us]", datetime(2026, 5, 25), "DATE", date(2026, 5, 25)),
    ("timestamp[ns]", TEN + 1000, "TIMESTAMP", datetime(2026, 5, 25, 10, 0, 0, 1)),
    ("timestamp[ns]", TEN + 1, "TIMESTAMP", None),
    (
        "timestamp[us, tz=Europe/Berlin]",
        datetime(2026, 5, 25, 8, tzinfo=UTC),
        "TIMESTAMP",
        datetime(2026, 5, 25, 8),
    ),
    ("timestamp[ns, tz=UTC]", TEN + 1, "TIMESTAMP", None),
    (
        "timestamp[ns, tz=UTC]",
        TEN + 1000,
        "TIMESTAMP",
        datetime(2026, 5, 25, 10, 0, 0, 1),
    ),
    (
        "timestamp[ns, tz=UTC]",
        TEN + 1,
        "VARCHAR",
        "2026-05-25 10:00:00.000000001",
    ),
    ("timestamp[ms]", 253_402_300_800_000_000, "TIMESTAMP", None),
    ("timestamp[ms]", 253_402_300_800_000_000, "VARCHAR", None),
    ("timestamp[us]", -(2**63), "TIMESTAMP", None),
    ("timestamp[us, tz=Europe/Berlin]", -(2**63) + 2, "TIMESTAMP", None),
    ("date32", 2**31 - 2, "TIMESTAMP", None),
    ("date32", 2**31 - 1, "VARCHAR", None),
    ("string", "x", "VARCHAR", "x"),
    ("large_string", "2026-05-25", "DATE", date(2026, 5, 25)),
    ("dictionary<string>", "1.50", "DECIMAL(10,2)", Decimal("1.50")),
    ("binary", b"12", "BIGINT", 12),
    ("binary", b"\xff", "VARCHAR", None),
    ("list<int64>", [1, 2], "VARCHAR", "[1, 2]"),
    ("time64[us]", time(10, 0), "VARCHAR", "10:00:00.000000"),
]


def arrow_type(name: str) -> Any:
    special = {
        "decimal128(20, 4)": pa.decimal128(20, 4),
        "decimal256(50, 3)": pa.decimal256(50, 3),
        "timestamp[us, tz=Europe/Berlin]": pa.timestamp("us", "Europe/Berlin"),
        "timestamp[ns, tz=UTC]": pa.timestamp("ns", "UTC"),
        "dictionary<string>": pa.dictionary(pa.int32(), pa.string()),
        "list<int64>": pa.list_(pa.int64()),
        "large_string": pa.large_string(),
    }
    return special.get(name) or pa.type_for_alias(name)


@pytest.mark.parametrize(("kind", "value", "type", "expected"), TYPED)
def test_a_typed_value_of_parquet_is_exact_or_quarantined(
    harness: Harness, kind: str, value: Any, type: str, expected: Any
) -> None:
    out = io.BytesIO()
    of_type = arrow_type(kind)
    if isinstance(value, int) and kind.startswith(("timestamp", "date32")):
        width = pa.int32() if kind == "date32" else pa.int64()
        value_column = pa.array([value, None], width).view(of_type)
    else:
        value_column = pa.array([value, None], of_type)
    pq.write_table(pa.table({"id": [1, 2], "value": value_column}), out, store_schema=True)
    columns = [
        column("id", "BIGINT"),
        column("time", "TIMESTAMP", expression="TIMESTAMP '2026-05-01'"),
        column("value", type),
    ]
    harness.land(file_name(seal_of(0), ".parquet"), out.getvalue())
    report = harness.load(make_spec(columns, contract={"on_change": "freeze"}))
    assert not report.quarantined_files
    assert (
        harness.rows("id", "value") == [(1, expected), (2, None)]
        if expected is not None
        else [(2, None)]
    )
    assert report.rejected == (expected is None)


def test_an_unsupported_parquet_type_refuses_the_file_and_names_the_column(
    harness: Harness,
) -> None:
    out = io.BytesIO()
    pq.write_table(pa.table({"id": [1], "value": pa.array([1], pa.duration("s"))}), out)
    columns = [
        column("id", "BIGINT"),
        column("time", "TIMESTAMP", expression="TIMESTAMP '2026-05-01'"),
        column("value"),
    ]
    name = file_name(seal_of(0), ".parquet")
    harness.land(name, out.getvalue())
    refused = harness.load(make_spec(columns)).quarantined_files[name]
    assert (
        refused
        == "its column 'value' is of type duration[s], which is not supported: send it as text"
    )


def test_int96_is_refused_where_it_is_declared_and_left_out_where_it_is_not(
    harness: Harness,
) -> None:
    out = io.BytesIO()
    rows = {"id": ["1"], "time": ["2026-05-01"], "then": [datetime(3000, 1, 1)]}
    table = pa.table(rows).cast(
        pa.schema([("id", pa.string()), ("time", pa.string()), ("then", pa.timestamp("us"))])
    )
    pq.write_table(table, out, use_deprecated_int96_timestamps=True)
    name = file_name(seal_of(0), ".parquet")
    keys = [column("id", "BIGINT"), column("time", "TIMESTAMP")]
    for source, columns in (("without", keys), ("declared", [*keys, column("then")])):
        harness.land(name, out.getvalue(), source=source)
        report = harness.load(make_spec(columns, name=source))
        if source == "without":
            assert (report.rows, report.discarded) == (1, {"then": 1})
        else:
            assert "its column 'then' is INT96" in report.quarantined_files[name]


@pytest.mark.parametrize("kind", ["string", "large_string", "string_view", "list<string>"])
def test_a_long_value_is_quarantined_whatever_its_text_type(tmp_path: Path, kind: str) -> None:
    values: list[Any] = ["x" * 3000, "y"]
    types = {"list<string>": pa.list_(pa.string()), "string_view": pa.string_view()}
    of_type = types.get(kind) or pa.type_for_alias(kind)
    if kind == "list<string>":
        values = [[value] for value in values]
    table = pa.table(
        {"id": ["1", "2"], "time": ["2026-05-01"] * 2, "value": pa.array(values, of_type)}
    )
    out = io.BytesIO()
    pq.write_table(table, out)
    with Lake(load_settings({}, data_dir=tmp_path, longest_row="1KB")) as lake:
        harness = Harness(lake.settings, lake)
        harness.land(file_name(seal_of(0), ".parquet"), out.getvalue())
        columns = [column("id", "BIGINT"), column("time", "TIMESTAMP"), column("value")]
        report = harness.load(make_spec(columns))
        assert report.reasons == {"longer than 1,000 bytes (LAKEHOUSE_LONGEST_ROW)": 1}
        assert harness.rows("id") == [(2,)]


def test_times_out_of_range_in_undeclared_columns_cost_no_row(harness: Harness) -> None:
    out = io.BytesIO()
    wild = pa.array([0, 253_402_300_800_000_000, 1], pa.int64()).view(pa.timestamp("ms"))
    rows = pa.table({"id": ["1", "2", "3"], "time": ["2026-05-01"] * 3, "wild": wild})
    pq.write_table(rows, out, row_group_size=1)
    harness.land(file_name(seal_of(0), ".parquet"), out.getvalue())
    harness.load(make_spec([column("id", "BIGINT"), column("time", "TIMESTAMP")]))
    assert harness.rows("id", "wild") == [
        (1, "1970-01-01 00:00:00"),
        (2, "253402300800000000"),
        (3, "1970-01-01 00:00:00.001"),
    ]


@pytest.mark.parametrize(
    ("type", "rule"),
    [
        ("BIGINT", {"minimum": 1.4}),
        ("DECIMAL(18,2)", {"minimum": 0.001}),
        ("DECIMAL(4,2)", {"maximum": 1000}),
        ("BIGINT", {"maximum": 1e20}),
        ("DATE", {"maximum": "2026-13-01"}),
        ("VARCHAR", {"minimum": 10}),
        ("BIGINT", {"values": ["one"]}),
    ],
)
def test_a_bound_that_its_type_cannot_represent_is_refused_at_declaration(
    type: str, rule: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"is not a valid |has no minimum"):
        make_spec([column("id", "BIGINT"), column("time", "TIMESTAMP"), column("x", type, **rule)])


def test_allowed_values_and_bounds_are_compared_as_values_of_the_type(harness: Harness) -> None:
    columns = [
        column("id", "BIGINT"),
        column("time", "TIMESTAMP", maximum="2026-05-01 12:00+02:00"),
        column("price", "DECIMAL(18,2)", values=["1", "2.50"]),
        column("ok", "BOOLEAN", values=["True"]),
    ]
    good = {"id": 1, "time": "2026-05-01T10:00:00Z", "price": "1.00", "ok": "t"}
    bad = [{"price": "2"}, {"ok": "false"}, {"time": "2026-05-01T10:00:01Z"}]
    harness.land(file_name(seal_of(0)), json_lines(good, *({**good, **one} for one in bad)))
    report = harness.load(make_spec(columns))
    assert (report.rows, report.rejected) == (1, 3)


def test_undeclared_columns_of_any_type_cost_no_row(harness: Harness) -> None:
    out = io.BytesIO()
    table = pa.table(
        {
            "id": ["1"],
            "time": ["2026-05-01"],
            "span": pa.array([1], pa.duration("s")),
            "blob": pa.array([b"\xff\x01"], pa.binary()),
            "key": pa.array([bytes(range(16))], pa.uuid()),
            "tags": [["a", "b"]],
        }
    )
    pq.write_table(table, out)
    harness.land(file_name(seal_of(0), ".parquet"), out.getvalue())
    report = harness.load(make_spec([column("id", "BIGINT"), column("time", "TIMESTAMP")]))
    assert (report.rows, report.discarded) == (1, {"span": 1})
    assert harness.rows("blob", "key", "tags") == [
        ("\\xff01", "00010203-0405-0607-0809-0a0b0c0d0e0f", '["a", "b"]')
    ]


def test_time_zones_of_a_hundred_rows_apply_only_to_their_rows() -> None:
    texts = [f"2026-05-25 10:{minute:02}:00" for minute in range(60)]
    for zone, place in itertools.product(("America/New_York", "Europe/Berlin"), (0, 9, 31)):
        mixed = [*texts[:place], f"{texts[place]} {zone}", *texts[place + 1 :]]
        with duckdb.connect() as connection:
            expected = [expected_value(text, "TIMESTAMP") for text in mixed]
            assert cast(connection, mixed, "TIMESTAMP") == expected


@pytest.mark.parametrize(
    "expression", ["now()", "current_date", "CURRENT_TIMESTAMP", "age(time)", "random()", "uuid()"]
)
def test_an_expression_whose_value_changes_is_refused_at_declaration(expression: str) -> None:
    made = column("made", "VARCHAR", expression=expression)
    with pytest.raises(ValueError, match=r"differs each time|only columns that|volatile"):
        make_spec([column("id", "BIGINT"), column("time", "TIMESTAMP"), made])


def test_every_unstable_function_of_this_duckdb_is_listed() -> None:
    query = (
        "SELECT DISTINCT function_name FROM duckdb_functions() "
        "WHERE stability <> 'CONSISTENT' AND function_type = 'scalar'"
    )
    with duckdb.connect() as connection:
        assert {name for (name,) in connection.execute(query).fetchall()} <= UNSTABLE
