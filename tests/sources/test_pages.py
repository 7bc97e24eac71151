"""An API's records reach the landing zone unchanged; the reference is the text itself."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.sources import SourceSpec, extract
from lakehouse.sources.connectors.api.pages import InvalidPage, decode_page, split_page
from lakehouse.sources.errors import SourceDown

from .conftest import Harness, column, make_spec

DAY = "2026-05-01"
END = '"complete_through": "2026-05-01T23:59:59.999999Z"'


def make_api(tmp_path: Path, **connector: Any) -> SourceSpec:
    return make_spec(
        [
            column("id"),
            column("time", "TIMESTAMP", nullable=False),
            column("amount", "DECIMAL(38, 18)"),
            column("note"),
        ],
        connector={"kind": "api", "url": f"file://{tmp_path}/api", **connector},
        contract={"on_change": "discard"},
    )


def publish(tmp_path: Path, body: bytes, name: str = f"{DAY}.json") -> None:
    (tmp_path / "api").mkdir(exist_ok=True)
    (tmp_path / "api" / name).write_bytes(body)


def landed(harness: Harness) -> list[bytes]:
    (file,) = (Path(harness.settings.landing) / "payments").glob("*.gz")
    return gzip.decompress(file.read_bytes()).splitlines()


RECORDS = [
    '{"id": 9007199254740993, "amount": 1234567890123456.789012345678901234}',
    '{"id": 123456789012345678901234567890, "amount": 1E+2}',
    '{"id": 0.1000, "amount": 1e400, "note": -0.0}',
    '{"id": 1, "id": 2}',
    '{"id": ' + "7" * 5_000 + "}",
    '{"id": NaN, "amount": -Infinity}',
    '{"note": "\\u00e9 \\ud83d\\ude00 \\ud800 \\/ [{,:\\"]} é"}',
    '{"note": ' + "[" * 100_000 + "]" * 100_000 + "}",
    '{"id": 01}',
    "[1, 2]",
    '"text"',
    "17",
    "{}",
]
"""`json.loads` and `json.dumps` change every one of these, and fail on some."""


def test_each_record_is_landed_with_its_original_text(harness: Harness, tmp_path: Path) -> None:
    body = f'{{"data": [{", ".join(RECORDS)}], "meta": {{"x": [1, "]"]}}, "next": null, {END}}}'
    publish(tmp_path, body.encode())

    extraction = extract(make_api(tmp_path), harness.settings)

    assert landed(harness) == [record.encode() for record in RECORDS]
    assert extraction.rows == len(RECORDS)


def test_a_record_that_is_not_json_is_quarantined_and_the_rest_is_loaded(
    harness: Harness, tmp_path: Path
) -> None:
    time = f'"time": "{DAY}T10:00:00Z"'
    records = [
        f'{{"id": "a", {time}, "amount": "1.10"}}',
        f'{{"id": "b", {time}, "amount": NaN}}',
        f'{{"id": "c", {time}, "note": "two\nlines"}}',
        f'{{\n  "id": "d",\r\n  {time},\n  "note": "one\\nline"\n}}',
    ]
    publish(tmp_path, f'{{"data": [\n{", ".join(records)}\n], {END}}}'.encode())
    spec = make_api(tmp_path)
    extract(spec, harness.settings)
    report = harness.load(spec)
    assert [row[0] for row in harness.rows("id")] == ["a", "d"]
    assert report.rejected == 2


def test_bytes_that_are_not_utf_8_quarantine_only_their_record(
    harness: Harness, tmp_path: Path
) -> None:
    time = f'"time": "{DAY}T10:00:00Z"'
    body = f'{{"data": [{{"id": "é", {time}}}, {{"id": "BAD", {time}}}], {END}}}'.encode()
    publish(tmp_path, body.replace(b"BAD", b"\xff\xfe"))
    spec = make_api(tmp_path)
    extract(spec, harness.settings)
    report = harness.load(spec)
    assert harness.rows("id") == [("é",)]
    assert report.reasons == {"not UTF-8": 1}
    assert b"\xff\xfe" in landed(harness)[1]


@pytest.mark.parametrize(
    ("content", "charset"),
    [
        ("é€".encode(), None),
        ("é€".encode(), "iso-8859-1"),  # the header is wrong: only UTF-8 text is valid as UTF-8
        ("é€".encode("utf-8-sig"), None),
        ("é€".encode("utf-16"), None),
        ("a é€".encode("utf-16-le"), None),
        ("é€".encode("utf-32"), "utf-8"),
        ("é€".encode("cp1252"), "windows-1252"),
    ],
)
def test_a_body_is_decoded_in_its_actual_encoding(content: bytes, charset: str | None) -> None:
    assert decode_page(content, charset).removeprefix("a ") == "é€"


@pytest.mark.parametrize(
    ("content", "charset"),
    [
        (b"\xff\xfe\x00", None),
        ("é".encode("cp1252"), "klingon"),
        (b"\x81", "windows-1252"),
        (b"\xff", "punycode"),
        (b"\xff", "hex"),
    ],
)
def test_a_body_not_in_its_declared_encoding_is_an_invalid_page(
    content: bytes, charset: str | None
) -> None:
    with pytest.raises(InvalidPage, match="its bytes are not"):
        decode_page(content, charset)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "{ is expected at 0, not the end"),
        ("[]", "{ is expected at 0"),
        ("{}", "no list `data`"),
        ('{"data": null}', r"\[ is expected at 9"),
        ('{"data": [{"a": 1}', ", is expected at 18, not the end"),
        ('{"data": [{"a": 1]}', "] does not match the open bracket, at 17"),
        ('{"data": [{"a": "1}]}', "a string is not closed, at 16"),
        ('{"data": [1 2]}', ", is expected at 12"),
        ('{"data": [1,]}', "a value is missing"),
        ('{"data": [,1]}', "a value is missing"),
        ('{"data": [], "data": [1]}', "or a duplicate"),
        ('{"data": [], "next": 1}', "`next` is neither a string nor null"),
        ('{"data": [], "next": "\\x"}', "`next` is neither"),
        ('{"data": []} {}', "more text after its end, at 13"),
        ('{"data": []', ", is expected at 11"),
        ("{data: []}", "is not a valid name"),
        ('{"data": [' + "[" * 100_000, "100000 brackets are not closed"),
    ],
)
def test_the_error_for_an_invalid_page_names_the_position(text: str, message: str) -> None:
    with pytest.raises(InvalidPage, match=message):
        split_page(text)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
)


@pytest.mark.slow
@given(st.lists(VALUES), st.none() | st.text(), st.sampled_from([None, 2]), st.booleans())
def test_the_records_of_any_page_are_those_that_json_parses(
    data: list[Any], next: str | None, indent: int | None, ascii: bool
) -> None:
    text = json.dumps({"x": data, "data": data, "next": next}, indent=indent, ensure_ascii=ascii)
    page = split_page(text)
    assert not any("\n" in record for record in page.records)
    assert repr([json.loads(record) for record in page.records]) == repr(data)
    assert page.next == next


def test_a_page_over_the_limit_is_refused_and_one_below_is_not(
    harness: Harness, tmp_path: Path
) -> None:
    record = json.dumps({"id": "a", "time": f"{DAY}T10:00:00Z"})
    body = f'{{"data": [{", ".join([record] * 100)}], {END}}}'.encode()
    publish(tmp_path, body)
    with pytest.raises(SourceDown, match=r"more than 1,000 bytes .* raise `page_bytes`"):
        extract(make_api(tmp_path, page_bytes=1_000), harness.settings)
    assert not (Path(harness.settings.landing) / "payments").exists()
    assert extract(make_api(tmp_path, page_bytes=len(body)), harness.settings).rows == 100


def test_a_time_without_a_zone_is_utc(harness: Harness, tmp_path: Path) -> None:
    publish(tmp_path, b'{"data": [], "complete_through": "2026-05-01T23:59:59.999999"}')
    assert len(extract(make_api(tmp_path), harness.settings).files) == 1
