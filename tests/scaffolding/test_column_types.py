"""The type of a column: the narrowest under which no value changes."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal

import hypothesis.strategies as st
import pytest
from hypothesis import given

from lakehouse.scaffolding.column_types import guess_texts, type_of
from lakehouse.sources.column_types import column_type

NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.integers(0, 999).map(lambda n: f"{n:05d}"),
    st.decimals(-(10**6), 10**6, places=2).map(str),
    st.decimals(-(10**3), 10**3, places=7).map(lambda d: f"{d:f}"),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
)
MOMENTS = st.one_of(
    st.dates().map(str),
    st.datetimes().map(str),
    st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)).map(
        lambda t: f"{t.isoformat()}+02:00"
    ),
    st.sampled_from(["2026-02-30", "31.12.2026", "2026-5-1", "12/31/2026", "2026-05-01T24:00"]),
)
WORDS = st.sampled_from(["true", "FALSE", "yes", "no", "NA", "x", " 1", "1 ", "+1", "1_000", "é"])


def judge(values: list[str]) -> str:
    """The type again, obviously: does every value say the same after it was read and written?"""

    def is_code(text: str) -> bool:
        return text != text.strip() or bool(re.match(r"\+|-?0\d", text)) or "_" in text

    if any(map(is_code, values)):
        return "VARCHAR"
    words = {value.lower() for value in values}
    if words <= {"true", "false"} or words == {"yes", "no"}:
        return "BOOLEAN"
    try:
        numbers = [Decimal(value) for value in values]
    except ArithmeticError:
        numbers = []
    plain = not any("e" in value.lower() for value in values)
    if numbers:
        if all(n.is_finite() and n == n.to_integral_value() for n in numbers) and plain:
            return "BIGINT" if all(-(2**63) <= n < 2**63 for n in numbers) else "VARCHAR"
        places = max(len(value.partition(".")[2]) for value in values)
        places += places % 2
        whole = max(len(value.lstrip("-").partition(".")[0]) for value in values)
        if plain and places <= 4 and places + whole <= 38:
            return f"DECIMAL({18 if places + whole <= 18 else 38}, {places})"
        if all(Decimal(repr(float(value))) == Decimal(value) for value in values):
            return "DOUBLE"
        places = max(len(value.partition(".")[2]) for value in values)
        return f"DECIMAL(38, {places})" if plain and places + whole <= 38 else "VARCHAR"
    for kind, read in (("DATE", date.fromisoformat), ("TIMESTAMP", datetime.fromisoformat)):
        try:
            for value in values:
                read(value)
            if all(re.match(r"\d{4}-\d\d-\d\d", value) for value in values):
                return kind
        except ValueError:
            pass
    return "VARCHAR"


@given(st.lists(st.one_of(NUMBERS, WORDS), min_size=1, max_size=6))
def test_the_type_of_numbers_and_words_is_the_one_that_a_plain_reading_gives(
    values: list[str],
) -> None:
    assert type_of(values) == judge(values)


@given(st.lists(MOMENTS, min_size=1, max_size=4))
def test_every_time_keeps_its_instant_under_the_type_that_is_guessed(values: list[str]) -> None:
    kind = type_of(values)
    if kind in ("DATE", "TIMESTAMP"):
        for value in values:
            year, month, day = map(int, re.split("[-T ]", value)[:3])
            exact = column_type(kind).exact(value)
            assert exact is not None
            read = datetime.fromisoformat(exact)
            if "+" not in value:
                assert (read.year, read.month, read.day) == (year, month, day)
            else:
                zoned = datetime.fromisoformat(value).astimezone(UTC).replace(tzinfo=None)
                assert read == zoned
    if all(re.fullmatch(r"\d{4}-\d\d-\d\d", value) for value in values) and "2026-02-30" not in (
        values
    ):
        assert kind == "DATE"


@pytest.mark.slow
@given(st.lists(st.one_of(NUMBERS, WORDS, MOMENTS, st.text(min_size=1)), min_size=1, max_size=5))
def test_every_value_fits_the_type_that_is_guessed_for_it(values: list[str]) -> None:
    kind = column_type(type_of(values))
    assert all(kind.exact(value) is not None for value in values)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([], "VARCHAR"),
        (["0", "1"], "BIGINT"),
        (["007", "8"], "VARCHAR"),
        (["17850.0", "1.0"], "BIGINT"),
        (["1", "2.5"], "DECIMAL(18, 2)"),
        (["1.234"], "DECIMAL(18, 4)"),
        (["51.504872"], "DOUBLE"),
        (["1e-05", "2"], "DOUBLE"),
        (["12345678901234567890"], "VARCHAR"),
        (["no"], "VARCHAR"),
        (["Yes", "no"], "BOOLEAN"),
        (["2026-05-01", "2026-05-01T10:00:00Z"], "TIMESTAMP"),
        (["2026-05-01 10:00:00 Europe/Vienna"], "TIMESTAMP"),
        (["20260501"], "BIGINT"),
    ],
)
def test_examples(values: list[str], kind: str) -> None:
    assert type_of(values) == kind


def test_a_text_for_a_missing_value_keeps_the_column_text_and_names_the_type_of_the_others() -> (
    None
):
    guess = guess_texts(["1.5", "NA", "2", "?"])
    assert (guess.type, guess.inner, guess.markers) == ("VARCHAR", "DECIMAL(18, 2)", ("NA", "?"))


def test_a_decimal_comma_is_read_unless_it_may_stand_before_thousands() -> None:
    assert (guess_texts(["1,5", "20"]).inner, guess_texts(["1,5"]).comma) == (
        "DECIMAL(18, 2)",
        True,
    )
    assert guess_texts(["1,500", "2,250"]).inner == ""
    assert guess_texts(["1,5", "1.5"]).inner == ""


def test_a_day_in_another_format_is_read_only_if_one_format_fits_all() -> None:
    sure, unsure = guess_texts(["12/31/2026", "1/2/2026"]), guess_texts(["1/2/2026", "3/4/2026"])
    assert (sure.inner, sure.formats) == ("DATE", ("%m/%d/%Y",))
    assert (unsure.inner, unsure.formats) == ("", ("%d/%m/%Y", "%m/%d/%Y"))
    assert guess_texts(["13/1/2010 8:26"]).inner == "TIMESTAMP"
