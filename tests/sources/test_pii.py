"""Personal data is removed while loading: raw and quarantine hold tokens or nothing."""

import hashlib
import hmac
import stat
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from lakehouse.lake import Lake
from lakehouse.settings import load_settings
from lakehouse.sources import SourceSpec
from lakehouse.sources.pii import token_key

from .conftest import PAYMENTS, Harness, column, file_name, json_lines, make_spec, payment, seal_of

NOON = datetime(2026, 5, 1, 12)
PEOPLE: list[dict[str, Any]] = [
    *PAYMENTS,
    column("email", pii="token"),
    column("born", "DATE", pii="token"),
    column("birth_date", "DATE", pii="drop"),
    column("birth_year", "INTEGER", expression="year(birth_date)", reveals="the year only"),
]
PERSON = {"email": "ää@secret.org", "born": "1980-02-03", "birth_date": "1980-02-03"}
FREEZE = {"on_change": "freeze"}


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[Harness]:
    settings = load_settings({}, data_dir=tmp_path, pii_key="k" * 100)
    with Lake(settings) as lake:
        yield Harness(settings, lake)


def token(value: str) -> str:
    return hmac.new(b"k" * 100, value.encode(), hashlib.sha256).hexdigest()


def test_tokens_are_hmac_sha256_and_expressions_can_use_dropped_columns(harness: Harness) -> None:
    harness.land(
        file_name(seal_of(0)),
        json_lines(payment(1, NOON, **PERSON), payment(2, NOON, email=None, birth_date=None)),
    )
    harness.load(make_spec(PEOPLE, contract=FREEZE))
    assert harness.rows("id", "email", "born", "birth_year") == [
        (1, token("ää@secret.org"), token("1980-02-03"), 1980),
        (2, None, None, None),
    ]
    assert "birth_date" not in [name for name, *_ in harness.query("DESCRIBE raw.payments")]


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_a_rejected_row_shows_no_personal_data(harness: Harness, suffix: str) -> None:
    if suffix == ".jsonl":
        content = json_lines(
            payment(1, NOON, "x", **PERSON), '{"email": "ää@secret.org", "amount": '
        )
    else:
        content = (
            "id,time,amount,note,email,born,birth_date\n"
            "1,2026-05-01,x,,ää@secret.org,1980-02-03,1980-02-03\n1,ää@secret.org\n"
        ).encode()
    harness.land(file_name(seal_of(0), suffix), content)
    report = harness.load(make_spec(PEOPLE, contract=FREEZE))
    assert report.rejected == 2
    texts = [text for (text,) in harness.rows("text", table="quarantine.rows")]
    assert not any("secret" in text or "1980" in text for text in texts)
    assert token("ää@secret.org") in texts[0]
    assert '"amount":"x"' in texts[0]
    assert len(texts[1]) == 64


def test_no_file_of_the_lake_contains_the_originals(harness: Harness) -> None:
    harness.land(file_name(seal_of(0)), json_lines(payment(1, NOON, **PERSON)))
    harness.load(make_spec(PEOPLE, contract=FREEZE))
    harness.lake.close()
    files = [p for p in (harness.settings.data_dir / "lake").rglob("*") if p.is_file()]
    assert files
    assert not any(b"secret.org" in path.read_bytes() for path in files)


def test_a_contract_with_personal_data_may_not_evolve() -> None:
    with pytest.raises(ValueError, match="cannot `evolve`"):
        make_spec(PEOPLE)


def with_column(expression: str, **more: Any) -> SourceSpec:
    made = column("made", expression=expression, **more)
    return make_spec([*PEOPLE, made], contract=FREEZE)


@pytest.mark.parametrize(
    "expression",
    [
        "email",
        '"Email"',
        "CAST(email AS VARCHAR)",
        "try_cast(born AS VARCHAR)",
        "email || ''",
        "concat('x', note, email)",
        "substring(email, 2)",
        "email[2:9]",
        "upper(trim(EMAIL))",
        "to_json({'a': {'b': email}})",
        "CAST([email] AS VARCHAR)",
        "json_object('mail', email)",
        "CASE WHEN id > 0 THEN email ELSE 'none' END",
        "CASE email WHEN 'a' THEN 'b' END",
        "coalesce(note, email)",
        "CAST(birth_date - DATE '1970-01-01' AS VARCHAR)",
        "strftime(birth_date, '%d.%m.%Y')",
        "array_to_string(list_transform([email], x -> upper(x)), '')",
        "array_to_string(list_transform(['a'], x -> x || email), '')",
        "(SELECT email)",
        "(SELECT max(e) FROM (VALUES (email)) AS v(e))",
        "note IN (email)",
        "CAST(id + length(email) AS VARCHAR)",
        "email COLLATE NOCASE",
        "CAST(row(email) AS VARCHAR)",
        "printf('%s', email)",
        "base64(encode(email))",
        "md5(email)",
    ],
)
def test_an_expression_over_personal_data_must_declare_what_it_reveals(expression: str) -> None:
    with pytest.raises(
        ValueError, match=r"computed from (email|born|birth_date).*`reveals`|subquery"
    ):
        with_column(expression)


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("COALESCE(*COLUMNS(*))", "COLUMNS"),
        ("CAST(COLUMNS('ema.*') AS VARCHAR)", "COLUMNS"),
        ("CAST(#5 AS VARCHAR)", "number"),
        ("CAST((SELECT 1) AS VARCHAR)", "subquery"),
        ("CAST(unnamed_subquery AS VARCHAR)", "refers to unnamed_subquery"),
        ("to_json(unnamed_subquery)", "refers to unnamed_subquery"),
        ("note), (email", "not one expression|syntax error"),
        ("note) AS VARCHAR), CAST((email", "syntax error"),
    ],
)
@pytest.mark.parametrize("reveals", ["", "nothing at all"])
def test_an_expression_that_could_refer_to_any_column_is_refused(
    expression: str, why: str, reveals: str
) -> None:
    with pytest.raises(ValueError, match=f"{why}|reads no personal"):
        with_column(expression, reveals=reveals)


@pytest.mark.parametrize(
    "expression", ["email", "CAST(birth_date AS VARCHAR)", "(email) COLLATE C"]
)
def test_a_copy_is_refused_whatever_it_declares(expression: str) -> None:
    with pytest.raises(ValueError, match="is a copy of"):
        with_column(expression, reveals="hardly anything")


def test_expressions_without_personal_data_need_no_reveals() -> None:
    for expression in (
        "upper(note)",
        "'email'",
        "array_to_string(list_transform([note], x -> upper(x)), ',')",
        "CASE WHEN amount > 10 THEN 'much' END",
    ):
        assert with_column(expression).contract.column("made").expression == expression
    with pytest.raises(ValueError, match="reads no personal column"):
        with_column("upper(note)", reveals="something")
    with pytest.raises(ValueError, match="has no expression"):
        make_spec([*PEOPLE, column("more", reveals="something")], contract=FREEZE)


@pytest.mark.parametrize("origin", ["email", "EMAIL"])
def test_a_second_column_that_reads_a_personal_one_is_refused(origin: str) -> None:
    columns = [*PEOPLE, column("copy", **{"from": origin})]
    with pytest.raises(ValueError, match="email declares personal"):
        make_spec(columns, contract=FREEZE)
    columns[-1]["pii"] = "token"
    make_spec(columns, contract=FREEZE)


def test_the_key_is_created_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    settings = load_settings({}, data_dir=tmp_path)
    key = token_key(settings)
    assert token_key(settings) == key
    assert len(key) == 64
    path = tmp_path / "secrets" / "pii.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["pii.key"]
