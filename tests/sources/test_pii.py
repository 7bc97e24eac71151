"""Personal data leaves the lake at the door: raw and quarantine hold tokens or nothing."""

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
from lakehouse.sources.pii import token_key

from .conftest import PAYMENTS, House, column, file_name, json_lines, make_spec, payment, seal_of

NOON = datetime(2026, 5, 1, 12)
PEOPLE: list[dict[str, Any]] = [
    *PAYMENTS,
    column("email", pii="token"),
    column("born", "DATE", pii="token"),
    column("birth_date", "DATE", pii="drop"),
    column("birth_year", "INTEGER", expression="year(birth_date)"),
]
PERSON = {"email": "ää@secret.org", "born": "1980-02-03", "birth_date": "1980-02-03"}
FREEZE = {"on_change": "freeze"}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    settings = load_settings({}, data_dir=tmp_path, pii_key="k" * 100)
    with Lake(settings) as lake:
        yield House(settings, lake)


def token(value: str) -> str:
    return hmac.new(b"k" * 100, value.encode(), hashlib.sha256).hexdigest()


def test_tokens_are_hmac_sha256_and_dropped_columns_live_on_in_expressions(house: House) -> None:
    house.land(
        file_name(seal_of(0)),
        json_lines(payment(1, NOON, **PERSON), payment(2, NOON, email=None, birth_date=None)),
    )
    house.load(make_spec(PEOPLE, contract=FREEZE))
    assert house.rows("id", "email", "born", "birth_year") == [
        (1, token("ää@secret.org"), token("1980-02-03"), 1980),
        (2, None, None, None),
    ]
    assert "birth_date" not in [name for name, *_ in house.ask("DESCRIBE raw.payments")]


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_a_rejected_row_shows_no_personal_data(house: House, suffix: str) -> None:
    if suffix == ".jsonl":
        content = json_lines(
            payment(1, NOON, "x", **PERSON), '{"email": "ää@secret.org", "amount": '
        )
    else:
        content = (
            "id,time,amount,note,email,born,birth_date\n"
            "1,2026-05-01,x,,ää@secret.org,1980-02-03,1980-02-03\n1,ää@secret.org\n"
        ).encode()
    house.land(file_name(seal_of(0), suffix), content)
    report = house.load(make_spec(PEOPLE, contract=FREEZE))
    assert report.rejected == 2
    texts = [text for (text,) in house.rows("text", table="quarantine.rows")]
    assert not any("secret" in text or "1980" in text for text in texts)
    assert token("ää@secret.org") in texts[0]
    assert '"amount":"x"' in texts[0]
    assert len(texts[1]) == 64


def test_no_file_of_the_lake_holds_the_originals(house: House) -> None:
    house.land(file_name(seal_of(0)), json_lines(payment(1, NOON, **PERSON)))
    house.load(make_spec(PEOPLE, contract=FREEZE))
    house.lake.close()
    files = [p for p in (house.settings.data_dir / "lake").rglob("*") if p.is_file()]
    assert files
    assert not any(b"secret.org" in path.read_bytes() for path in files)


def test_a_contract_with_personal_data_may_not_evolve() -> None:
    with pytest.raises(ValueError, match="cannot `evolve`"):
        make_spec(PEOPLE)


def test_the_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    settings = load_settings({}, data_dir=tmp_path)
    key = token_key(settings)
    assert token_key(settings) == key
    assert len(key) == 64
    path = tmp_path / "secrets" / "pii.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["pii.key"]
