"""A source that is proposed from files loads every row of them, with the same values."""

import csv
import gzip
import io
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings

from lakehouse.lake import Lake
from lakehouse.project import Project, read_project
from lakehouse.scaffolding.errors import ScaffoldingError
from lakehouse.scaffolding.proposal import write
from lakehouse.scaffolding.samples import Sample, read_sample
from lakehouse.scaffolding.source import ProposedSource, land
from lakehouse.scaffolding.source import propose_source as propose_source_at
from lakehouse.settings import load_settings
from lakehouse.sources import load
from lakehouse.sources.landing import Landing
from tests.sources.conftest import Harness

Make = Callable[..., Sample]
NOW = datetime(2026, 7, 1)


def propose_source(project: Project, domain: str, name: str, sample: Sample) -> ProposedSource:
    return propose_source_at(project, domain, name, sample, NOW)


def load_all(harness: Harness, proposed: ProposedSource) -> list[dict[str, Any]]:
    """The rows of raw by their file and number, after the proposal's files have landed."""
    spec = proposed.spec
    land(proposed, Landing(harness.settings, spec.name))
    report = harness.load(spec)
    assert not report.rejected, harness.query("SELECT * FROM quarantine.rows")
    assert len(report.files) == len(proposed.landing)
    with harness.lake.reader() as cursor:
        found = cursor.execute(f'FROM raw."{spec.name}" ORDER BY _load_id, _row')
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def column(proposed: ProposedSource, name: str) -> dict[str, Any]:
    """A column as the YAML declares it, without its description."""
    text = proposed.files.files[0].text
    columns = yaml.safe_load(text)["attributes"]["contract"]["columns"]
    return next(
        {key: value for key, value in one.items() if key != "description"}
        for one in columns
        if one["name"] == name
    )


def at(day: int, hour: int) -> datetime:
    return datetime(2026, 5, day, hour)


ORDERS = """Order No,Größe,zip,amount,ordered at,note,flag,order
1,1.5,01234,12.50,2026-05-01T10:00:00Z,"say ""hi"", Änne",true,5
2,2.25,12345,3,2026-05-01T10:00:00+02:00,"two
lines",false,
3,3,99999,100.05,2026-05-02 11:00:00,,TRUE,1
"""


def test_a_csv_with_everything_loads_with_the_same_values(
    project: Project, harness: Harness, sample_of: Make
) -> None:
    proposed = propose_source(project, "shop", "orders", sample_of(ORDERS, "orders.csv"))
    rows = load_all(harness, proposed)
    assert [
        (r["order_no"], r["groesse"], r["zip"], r["amount"], r["ordered_at"], r["note"], r["flag"])
        for r in rows
    ] == [
        (1, Decimal("1.50"), "01234", Decimal("12.50"), at(1, 10), 'say "hi", Änne', True),
        (2, Decimal("2.25"), "12345", Decimal("3.00"), at(1, 8), "two\nlines", False),
        (3, Decimal("3.00"), "99999", Decimal("100.05"), at(2, 11), None, True),
    ]  # fmt: skip
    assert [row["order"] for row in rows] == [5, None, 1]
    assert [row["known_at"] for row in rows] == [row["ordered_at"] for row in rows]
    assert column(proposed, "zip") == {"name": "zip", "type": "VARCHAR"}
    assert proposed.spec.contract.key == ("order_no",)
    assert "order_no is the key: 3 of 3 values differ" in proposed.files.assumptions


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), max_size=8).filter(
    lambda text: "@" not in text
)
VALUES = st.one_of(
    st.none(),
    TEXT,
    st.integers(-(10**19), 10**19),
    st.integers(0, 99).map("{:04d}".format),
    st.decimals(-(10**6), 10**6, places=2),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.dates(),
    st.datetimes(),
    st.sampled_from(["NA", "?", "yes", "12/31/2010", "1.2.2010", "007", " 1", "1e3", "+4"]),
)
COLUMNS = st.one_of(
    st.lists(VALUES, min_size=3, max_size=3),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=3, max_size=3),
    st.lists(st.none() | st.decimals(-(10**6), 10**6, places=2), min_size=3, max_size=3),
    st.lists(st.none() | st.floats(-1e9, 1e9), min_size=3, max_size=3),
    st.lists(st.none() | st.datetimes(), min_size=3, max_size=3),
    st.lists(st.none() | st.dates(), min_size=3, max_size=3),
)
NAMES = st.text(st.characters(categories=["L", "Nd", "Zs", "P"]), min_size=1, max_size=6).filter(
    lambda name: name.strip() and name.isprintable() and any(map(str.isalpha, name))
)


def same(text: str, value: Any) -> bool:
    """Whether a value in raw says what the file's text says."""
    if isinstance(value, bool):
        return text.lower() in (("true", "yes") if value else ("false", "no"))
    if isinstance(value, int | Decimal):
        return Decimal(text) == value
    if isinstance(value, float):
        return Decimal(text) == Decimal(repr(value))
    if isinstance(value, datetime):
        read = datetime.fromisoformat(text)
        return (read.astimezone(UTC).replace(tzinfo=None) if read.tzinfo else read) == value
    if isinstance(value, date):
        return date.fromisoformat(text) == value
    return bool(text == value)


@pytest.mark.slow
@settings(max_examples=25)
@given(st.dictionaries(NAMES, COLUMNS, min_size=1, max_size=4), st.sampled_from(",;\t|"))
def test_whatever_a_csv_holds_every_row_loads_with_the_same_values(
    tmp_path_factory: pytest.TempPathFactory, table: dict[str, list[Any]], delimiter: str
) -> None:
    folder = tmp_path_factory.mktemp("generated")
    table = {"row id": [1, 2, 3]} | {f"{name}x": values for name, values in table.items()}
    if len(set(table)) < len(table):
        return
    written = io.StringIO()
    writer = csv.writer(written, delimiter=delimiter)
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    path = folder / "rows.csv"
    path.write_text(written.getvalue(), encoding="utf-8", newline="")
    texts = list(csv.DictReader(io.StringIO(written.getvalue(), newline=""), delimiter=delimiter))
    (folder / "defs").mkdir()
    (folder / "pyproject.toml").write_text("[tool.lakehouse]\n")
    proposed = propose_source(
        read_project(folder), "shop", "rows", read_sample([(path, path.name)], 1_000_000)
    )
    own = load_settings({}, data_dir=folder / "data")
    with Lake(own) as lake:
        rows = load_all(Harness(own, lake), proposed)
    assert len(rows) == 3
    named = {c.origin: c.name for c in proposed.spec.contract.read}
    assert set(named) == set(table)
    for row, original in zip(rows, texts, strict=True):
        for origin, text in original.items():
            if proposed.spec.contract.column(named[origin]).pii is None:
                value = row[named[origin]]
                assert (value is None) if text == "" else same(text, value), (origin, text, value)


def test_json_lines_and_parquet_load_with_the_same_values(
    project: Project, harness: Harness, sample_of: Make, tmp_path: Path
) -> None:
    lines = [
        {"id": 9007199254740993, "price": 0.1, "tags": ["a", 1], "at": "2026-05-01T00:00:00Z"},
        {"id": 2, "price": 1e-7, "ok": True, "at": "2026-05-02T00:00:00Z"},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    sample = sample_of({"a.jsonl.gz": gzip.compress(text.encode())})
    rows = load_all(harness, propose_source(project, "shop", "events", sample))
    assert [(r["id"], r["price"], r["tags"], r["ok"]) for r in rows] == [
        (9007199254740993, 0.1, '["a", 1]', None),
        (2, 1e-07, None, True),
    ]

    table = pa.table(
        {
            "id": pa.array([1, 2], pa.int32()),
            "big": pa.array([2**64 - 1, 0], pa.uint64()),
            "f": pa.array([0.5, None], pa.float32()),
            "nan": [float("nan"), 1.0],
            "d": pa.array([date(2026, 5, 1), None]),
            "t": pa.array([datetime(2026, 5, 1, 1, 2, 3, 4), None], pa.timestamp("us", "UTC")),
            "fine": pa.array([1, None], pa.timestamp("ns")),
            "m": pa.array([Decimal("1.50"), None]),
            "code": ["007", "8"],
        }
    )
    path = tmp_path / "x.parquet"
    pq.write_table(table, path)
    proposed = propose_source(project, "shop", "frames", read_sample([(path, path.name)], 10**6))
    rows = load_all(harness, proposed)
    assert [list(row.values())[:9] for row in rows] == [
        [
            *(1, 2**64 - 1, 0.5, "nan", date(2026, 5, 1), datetime(2026, 5, 1, 1, 2, 3, 4)),
            *("1970-01-01 00:00:00.000000001", Decimal("1.50"), "007"),
        ],
        [2, 0, None, "1.0", None, None, None, None, "8"],
    ]


def test_floats_that_are_all_amounts_load_as_decimals_of_the_same_value(
    project: Project, harness: Harness, tmp_path: Path
) -> None:
    amounts = [number / 100 for number in range(1, 400, 3)]
    table = pa.table(
        {"id": range(len(amounts)), "paid": amounts, "ratio": [x / 7 for x in amounts]}
    )
    path = tmp_path / "paid.parquet"
    pq.write_table(table, path)
    proposed = propose_source(project, "shop", "paid", read_sample([(path, path.name)], 10**6))
    rows = load_all(harness, proposed)
    assert [row["paid"] for row in rows] == [Decimal(repr(amount)) for amount in amounts]
    assert [row["ratio"] for row in rows] == [amount / 7 for amount in amounts]


@pytest.mark.parametrize(
    ("encoding", "delimiter"), [("cp1252", ";"), ("utf-16", "\t"), ("utf-8-sig", ",")]
)
def test_encoding_and_delimiter_are_found(
    project: Project, harness: Harness, sample_of: Make, encoding: str, delimiter: str
) -> None:
    text = "id,Straßen art\n1,Gäßchen €\n2,Ring\n".replace(",", delimiter)
    sample = sample_of({"rows.csv": text.encode(encoding)})
    rows = load_all(harness, propose_source(project, "shop", "rows", sample))
    assert [row["strassen_art"] for row in rows] == ["Gäßchen €", "Ring"]


def test_exact_duplicates_are_kept_where_rows_have_no_key(
    project: Project, harness: Harness, sample_of: Make
) -> None:
    proposed = propose_source(project, "shop", "sales", sample_of("a,b\n1,x\n1,x\n2,y\n"))
    assert len(load_all(harness, proposed)) == 3
    assert any("rows have no key (1 of 3 rows repeat" in one for one in proposed.files.assumptions)
    assert "_file || ':' || _row as row_id" in proposed.files.files[2].text


def test_several_columns_are_the_key_where_no_single_one_is(
    project: Project, sample_of: Make
) -> None:
    sample = sample_of("order_id,line,sku,n\n1,1,a,1\n1,2,b,1\n2,1,a,1\n2,2,a,1\n")
    assert propose_source(project, "shop", "lines", sample).spec.contract.key == (
        "order_id",
        "line",
    )


def test_a_row_is_known_from_its_latest_time_on_and_never_from_a_planned_one(
    project: Project, harness: Harness, sample_of: Make
) -> None:
    text = (
        "id,pickup,dropoff,due date\n"
        "1,2026-05-01T10:00:00,2026-05-01T10:30:00,2026-06-01\n"
        "2,2026-05-02T10:00:00,2026-05-02T11:30:00,2026-06-02\n"
    )
    proposed = propose_source(project, "taxi", "trips", sample_of(text))
    assert proposed.spec.contract.declared_time == "dropoff"
    rows = load_all(harness, proposed)
    assert [row["known_at"] for row in rows] == [row["dropoff"] for row in rows]


@pytest.mark.parametrize("day", ["2026-05-01", "05/31/2026"])
def test_a_row_with_a_day_is_known_at_its_end(
    project: Project, harness: Harness, sample_of: Make, day: str
) -> None:
    proposed = propose_source(project, "shop", "sales", sample_of(f"id,sold_on\n1,{day}\n"))
    (row,) = load_all(harness, proposed)
    moment = datetime(2026, 5, 1) if day.startswith("2") else datetime(2026, 5, 31)
    assert row["known_at"] == moment + timedelta(days=1, microseconds=-1)


def test_a_row_without_any_time_is_known_at_the_seal_of_its_file(
    project: Project, harness: Harness, sample_of: Make
) -> None:
    sample = sample_of({"codes_2026-05-01.csv": "code,text\na,x\nb,y\n"})
    rows = load_all(harness, propose_source(project, "shop", "codes", sample))
    assert {row["known_at"] for row in rows} == {datetime(2026, 5, 1, 23, 59, 59, 999999)}


@pytest.mark.parametrize(
    ("names", "seal"),
    [
        (["day=2026-05-01/a.csv", "day=2026-05-02/a.csv"], datetime(2026, 5, 2)),
        (["sales_20260501.csv", "sales_20260502.csv"], datetime(2026, 5, 2)),
        (["20260502T235959999999Z.csv"], datetime(2026, 5, 2)),
        (["sales.csv"], datetime(2026, 5, 1)),
        (["part-00012345.csv"], datetime(2026, 5, 1)),
    ],
)
def test_the_day_in_a_name_or_else_that_of_the_newest_row_is_the_seal(
    project: Project, harness: Harness, sample_of: Make, names: list[str], seal: datetime
) -> None:
    files = {
        name: f"id,at\n{number},2026-05-01T10:00:0{number}\n" for number, name in enumerate(names)
    }
    proposed = propose_source(project, "shop", "sales", sample_of(files))
    load_all(harness, proposed)
    (newest,) = harness.query("SELECT max(seal) FROM ops.files")
    assert newest[0] == seal + timedelta(days=1, microseconds=-1)


def test_the_month_in_a_name_is_the_seal_if_it_is_over_and_no_row_is_later(
    project: Project, sample_of: Make
) -> None:
    def proposed(last: str) -> ProposedSource:
        files = {
            "sales_2026-04.csv": f"id,at\n1,2026-04-02T10:00:00\n2,{last}\n",
            "sales_2026-05.csv": "id,at\n3,2026-05-01T05:00:00\n",
        }
        return propose_source(project, "shop", "sales", sample_of(files))

    pattern = proposed("2026-04-30T23:00:00").spec.seal_pattern
    assert pattern is not None
    assert pattern.offset == "month"
    names = [name for _, name in proposed("2026-05-01T04:00:00").landing]
    folder = sample_of({"2026-05-orders.csv": "id,at\n1,2026-05-02T10:00:00\n"})
    monthly = propose_source(project, "shop", "orders", folder).spec.seal_pattern
    assert monthly is not None
    assert monthly.offset == "month"
    assert names[0] == "20260501T045959999999Z_sales_2026-04.csv", "up to the next file's rows"
    assert names[1].startswith("20260501T235959999999Z_")


def test_a_lookup_of_few_rows_has_its_first_column_as_key(
    project: Project, sample_of: Make
) -> None:
    codes = sample_of({"codes.csv": "code,name\na,Apple\nb,Banana\nc,Cherry\n"})
    proposed = propose_source(project, "shop", "codes", codes)
    assert proposed.spec.contract.key == ("code",)
    cities = sample_of({"sales.csv": "city,amount,qty\nParis,1.50,1\nRome,2.00,2\nOslo,3.10,3\n"})
    assert propose_source(project, "shop", "cities", cities).spec.contract.key == ()
    assert "# complete: always" in proposed.files.files[0].text


def test_personal_columns_become_tokens_and_their_values_are_nowhere_in_the_files(
    project: Project, harness: Harness, sample_of: Make
) -> None:
    text = (
        "id,name,contact,tel,birth date,city\n"
        "1,Ada,ada@example.org,+43 1 5880112,1990-01-31,Wien\n"
        "2,Bob,bob@example.org,+43 1 5880113,1991-12-24,Graz\n"
    )
    proposed = propose_source(project, "shop", "customers", sample_of(text))
    for name in ("name", "contact", "tel"):
        assert column(proposed, name)["pii"] == "token"
    assert column(proposed, "birth_date")["pii"] == "drop"
    rows = load_all(harness, proposed)
    assert [(row["birth_date_year"], row["city"]) for row in rows] == [
        (1990, "Wien"),
        (1991, "Graz"),
    ]
    everything = "".join(file.text for file in proposed.files.files)
    everything += "".join(proposed.files.assumptions)
    for secret in ("Ada", "Bob", "example.org", "5880", "1990", "12-24"):
        assert secret not in everything
    assert proposed.spec.contract.on_change == "freeze"


def test_a_name_of_a_thing_is_not_personal(project: Project, sample_of: Make) -> None:
    proposed = propose_source(project, "shop", "items", sample_of("id,name\n1,Bolt\n2,Nut\n"))
    assert not proposed.spec.contract.personal


def test_a_column_without_a_name_is_left_out_and_said(
    project: Project, harness: Harness, sample_of: Make
) -> None:
    proposed = propose_source(project, "shop", "frame", sample_of(",a\n0,x\n1,y\n"))
    assert [row["a"] for row in load_all(harness, proposed)] == ["x", "y"]
    assert any("no visible name: 1 columns" in one for one in proposed.files.assumptions)


def test_a_template_in_the_data_is_no_template_in_the_files(
    project: Project, sample_of: Make
) -> None:
    text = "id,kind\n" + "".join(f"{n},{{{{ env_var('HOME') }}}}\n" for n in range(9))
    proposed = propose_source(project, "shop", "rows", sample_of(text, "{{ x }}.csv"))
    assert all("{{ env" not in file.text for file in proposed.files.files)
    assert all("{{ x" not in file.text for file in proposed.files.files)


@pytest.mark.parametrize(("values", "name"), [("upsert,delete", "op"), ("buy,sell", "op_2")])
def test_a_column_op_is_one_of_changes_only_if_it_holds_changes(
    project: Project, harness: Harness, sample_of: Make, values: str, name: str
) -> None:
    first, second = values.split(",")
    sample = sample_of(f"id,op,n\n1,{first},5\n2,{second},\n")
    proposed = propose_source(project, "shop", "rows", sample)
    assert [row[name] for row in load_all(harness, proposed)] == [first, second]


def test_a_column_that_some_files_lack_is_optional(
    project: Project, harness: Harness, sample_of: Make
) -> None:
    files = {"2026-05-01.csv": "id,a\n1,x\n", "2026-05-02.csv": "id,a,b\n2,y,z\n"}
    proposed = propose_source(project, "shop", "rows", sample_of(files))
    assert column(proposed, "b")["optional"] is True
    assert [row["b"] for row in load_all(harness, proposed)] == [None, "z"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "is empty"),
        ("a,b\n", r"there is no row in rows\.csv"),
        ("a,b\n1\n", r"no row in rows\.csv that fits its header \(2 fields expected in row 1\)"),
        ("1,2\n3,4\n", r"the first line of .* is a row and no header \(1,2\)"),
        ("a,a\n1,2\n", "'a' appears twice in the header"),
        ('[{"a": 1}]', "is one JSON list; write an object a line"),
        (b"PK\x03\x04zip", "a ZIP archive or a spreadsheet"),
        ("<html>", "is HTML or XML"),
        (b"PAR1nothing", "cannot read .*unreadable parquet"),
    ],
)
def test_what_gives_no_rows_is_refused_in_a_sentence(
    sample_of: Make, content: str | bytes, sentence: str
) -> None:
    with pytest.raises(ScaffoldingError, match=sentence):
        sample_of(content)


def test_a_malformed_row_is_counted_and_the_others_decide(
    project: Project, harness: Harness, sample_of: Make
) -> None:
    proposed = propose_source(project, "shop", "rows", sample_of("id,n\n1,5\n2\n3,7\n"))
    assert any("1 rows are malformed" in one for one in proposed.files.assumptions)
    land(proposed, Landing(harness.settings, "rows"))
    assert load(proposed.spec, harness.lake, harness.settings).rejected == 1
    assert harness.rows("id", "n", table="raw.rows") == [(1, 5), (3, 7)]


def test_nothing_is_overwritten_and_a_second_proposal_is_refused(
    project: Project, sample_of: Make
) -> None:
    proposed = propose_source(project, "shop", "rows", sample_of("id\n1\n"))
    write(proposed.files)
    with pytest.raises(
        ScaffoldingError, match=r"there is a source rows in .*defs\.yaml; names are"
    ):
        propose_source(project, "bank", "rows", sample_of("id\n1\n"))
    with pytest.raises(ScaffoldingError, match=r"defs\.yaml exists and is never overwritten"):
        write(proposed.files)


def test_a_second_source_is_added_to_the_file_of_the_first(
    project: Project, sample_of: Make
) -> None:
    for name in ("one", "two"):
        write(propose_source(project, "shop", name, sample_of("id\n1\n")).files)
    text = (project.dbt_dir / "models" / "shop" / "sources.yml").read_text()
    (source,) = yaml.safe_load(text)["sources"]
    assert [table["name"] for table in source["tables"]] == ["one", "two"]
