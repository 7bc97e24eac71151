"""Names that people choose are checked; those of columns are derived, and all differ."""

import re

import hypothesis.strategies as st
import pytest
from hypothesis import given

from lakehouse.declarations.names import NAME
from lakehouse.scaffolding.errors import ScaffoldingError
from lakehouse.scaffolding.names import check_name, column_names, identifier, sql_name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Invoice No.", "invoice_no"),
        ("CustomerID", "customer_id"),
        ("Größe", "groesse"),
        ("HTTPStatus", "http_status"),
        ("2019", "column_2019"),
        ("Share %", "share_percent"),
        ("__", "column"),
        ("名前", "column"),
        ("pickup_datetime", "pickup_datetime"),
    ],
)
def test_a_column_is_named_as_a_person_would(text: str, name: str) -> None:
    assert identifier(text) == name


@given(st.lists(st.text(), unique=True))
def test_the_names_of_columns_are_valid_and_all_different(origins: list[str]) -> None:
    names = column_names(origins, taken=["known_at", "column"])
    assert list(names) == origins
    assert len({*names.values()} - {"known_at", "column"}) == len(origins)
    assert all(re.fullmatch(NAME, name) for name in names.values())


def test_a_well_named_column_keeps_its_name() -> None:
    assert column_names(["Amount", "amount"]) == {"Amount": "amount_2", "amount": "amount"}


@pytest.mark.parametrize("name", ["Shop", "my-shop", "1st", "", "a__b", "x y", "../x"])
def test_a_name_that_no_declaration_may_have_is_refused_with_one_that_may(name: str) -> None:
    with pytest.raises(ScaffoldingError, match="is not a valid name of a source") as raised:
        check_name("source", name)
    check_name("source", str(raised.value).rpartition("such as ")[2])


def test_keywords_are_quoted_in_sql() -> None:
    assert [sql_name(name) for name in ("order", "amount")] == ['"order"', "amount"]
