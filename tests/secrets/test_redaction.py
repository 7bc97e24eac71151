"""Which parts of a text are hidden, and which are not."""

import html
import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lakehouse.errors import LakehouseError
from lakehouse.lake import literal
from lakehouse.redacted_output import RedactedRecord, RedactedStream
from lakehouse.redaction import (
    MASK,
    MIN_LENGTH,
    REDACTOR,
    Redactor,
    redact_document,
    register_secret,
)
from lakehouse.settings import SettingsError, load_settings

SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "URL": lambda text: quote(text, safe=""),
    "URL in lower case": lambda text: (
        quote(text, safe="").lower() if text.lower() == text else quote(text, safe="")
    ),
    "URL by requests": lambda text: quote(text, safe="!#$%&'()*+,/:;=?@[]~"),
    "form": quote_plus,
    "URL in a URL": lambda text: quote(quote(text, safe=""), safe=""),
    "SQL": literal,
    "libpq": lambda text: "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'",
    "JSON": json.dumps,
    "JSON as Unicode": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON in JSON": lambda text: json.dumps(json.dumps(text)),
    "Python": repr,
    "ASCII": ascii,
    "HTML": html.escape,
}
passwords = (
    st.text(st.characters(exclude_categories=["Cs"]), min_size=MIN_LENGTH, max_size=20)
    .map(str.strip)
    .filter(lambda text: len(text) >= MIN_LENGTH and "*" not in text)
    .filter(lambda text: text.lower() not in ("true", "false", "none", "null"))
)


@pytest.fixture(scope="module", autouse=True)
def restored_redactor() -> Iterator[None]:
    """Forget secrets after each test, or the errors of later tests would hide them."""
    before = dict(REDACTOR._known)
    yield
    REDACTOR._known = before


@pytest.mark.parametrize("spelling", SPELLINGS)
@given(password=passwords)
@example(password="p@ss'w\"o\\rd")
@example(password="ge heim")
@example(password="zürich€🔑&<>%2F")
def test_a_known_secret_is_hidden_in_every_encoding(spelling: str, password: str) -> None:
    redactor = Redactor()
    redactor.register_secret(password)
    encoded = SPELLINGS[spelling](password)
    text = f"at {encoded} ok"
    clean = redactor.redact(text)
    assert clean.startswith("at ")
    assert clean.endswith(" ok")
    assert encoded.strip("'\"\\") not in clean.removeprefix("at ").removesuffix(" ok")
    assert redactor.redact(clean) == clean


@given(
    user=st.text("abcdefgh", min_size=1),
    password=passwords,
    encode=st.sampled_from([lambda text: quote(text, safe=""), quote]),
)
def test_the_password_in_an_address_is_registered_decoded(
    user: str, password: str, encode: Callable[[str], str]
) -> None:
    redactor = Redactor()
    redactor.register_address(f"postgresql://{user}:{encode(password)}@host:5432/lake?a=b")
    assert password not in redactor.redact(f"<<{password}>>") or password in f"<<{MASK}>>"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("postgresql://me:x@h/lake", "postgresql://me:***@h/lake"),
        ("at postgresql://me:p@ss/w?@h:1/lake.", "at postgresql://me:***@h:1/lake."),
        ("https://t0ken@host/x, later", "https://***@host/x, later"),
        ("host=h password=abc dbname=x", "host=h password=*** dbname=x"),
        (r"host=h password = 'a \'b c' dbname=x", "host=h password = *** dbname=x"),
        (r"password=a\ b dbname=x", "password=*** dbname=x"),
        ("http://h/v1?api_key=abc&page=3", "http://h/v1?api_key=***&page=3"),
        ("http://h/v1?page=3&X-Amz-Signature=ab12", "http://h/v1?page=3&X-Amz-Signature=***"),
        ("{'Authorization': 'Bearer abc.def'}", "{'Authorization': 'Bearer ***'}"),
    ],
)
def test_an_unknown_secret_in_an_address_is_hidden(text: str, clean: str) -> None:
    assert Redactor().redact(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        "done 984,576 rows at 2026-05-01 12:00, see http://127.0.0.1:3000 and mail me@example.org",
        "postgresql://me@host:5432/lake",
        "email: pii token; key: [payment_id]; partition key=7 and tokens=3",
        "SELECT * FROM raw.payments WHERE note = 'password'",
        "s3://bucket/prefix/20260501T235959999999Z.jsonl.gz",
        'password authentication failed for user "me"',
    ],
)
def test_ordinary_text_is_not_changed(text: str) -> None:
    assert Redactor().redact(text) == text


def test_a_short_secret_is_hidden_only_as_a_word_and_a_tiny_one_only_in_its_address() -> None:
    redactor = Redactor()
    redactor.register_address("postgresql://me:lake@host/db")
    assert redactor.redact("is 'lake' lakehouse") == "is '***' lakehouse"
    assert redactor.redact(json.dumps("in\nlake")) == '"in\\n***"'
    redactor.register_address("postgresql://me:ab@host/db")
    assert redactor.redact("a cab, ab: postgresql://me:ab@host") == (
        "a cab, ab: postgresql://me:***@host"
    )


def test_a_password_that_is_a_word_does_not_change_the_names_in_a_document() -> None:
    register_secret("customers")
    document = {"path": ["raw", "customers"], "message": "the password customers is wrong"}
    assert json.loads(redact_document(json.dumps(document))) == {
        "path": ["raw", "customers"],
        "message": "the password *** is wrong",
    }
    assert redact_document('["raw", "customers"]') == '["raw", "customers"]'


def test_a_password_of_digits_does_not_change_times_and_ids() -> None:
    register_secret("2026")
    for text in ("2026-05-01 12:00:00.000001", "2026-05-01", "a1b2c3d4-2026-4abc", '{"at": 2026}'):
        assert redact_document(text) == text
    assert redact_document("the password 2026 is wrong") == "the password *** is wrong"


def test_in_a_webhooks_path_tokens_are_secrets_and_words_are_not() -> None:
    redactor = Redactor()
    redactor.register_webhook("https://hooks.example.org/services/T0001/B0002/abcDEF123456?x=1")
    assert redactor.redact("our services: abcDEF123456") == "our services: ***"
    assert "T0001" not in redactor.redact("url: /services/T0001/B0002/abcDEF123456?x=1")


def test_our_errors_hide_secrets_in_the_texts_they_quote() -> None:
    load_settings({}, s3_secret="Kx71y'Kx72y")
    error = LakehouseError("cannot open with SECRET 'Kx71y''Kx72y'")
    assert "Kx7" not in str(error)
    assert "Kx7" not in repr(load_settings({}, s3_secret="Kx71y'Kx72y"))
    with pytest.raises(SettingsError) as raised:
        load_settings({}, catalog="mysql://me:Kx73y@h/x")
    assert "Kx73y" not in f"{raised.value} {raised.value.__cause__}"


def test_a_log_record_that_is_changed_later_is_still_redacted() -> None:
    register_secret("Lr81z Lr82z")
    record = RedactedRecord("a", 10, "f.py", 1, "%s of %d", ("Lr81z Lr82z", 3), None)
    assert record.getMessage() == "*** of 3"
    record.msg, record.args = "now Lr81z%20Lr82z", ()
    assert logging.Formatter().format(record) == "now ***"
    try:
        raise ValueError("Lr81z+Lr82z")
    except ValueError:
        record = RedactedRecord("a", 10, "f.py", 1, "broken", (), sys.exc_info())
    assert logging.Formatter().format(record).endswith("ValueError: ***")
    assert "Lr81z" not in json.dumps(record.__dict__, default=str)


def test_a_stream_that_was_closed_first_can_still_be_forgotten() -> None:
    stream = io.StringIO()
    redacted = RedactedStream(stream)
    stream.close()
    redacted.flush()
