from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from lakehouse.lake import Author
from lakehouse.models import TrainingError
from lakehouse.models.groups import MISSING, band_labels, group_query, group_values
from lakehouse.models.spec import Group
from tests.training.conftest import START

CUSTOMERS = 12


@pytest.fixture
def people(lake):
    """Versions of customers, spine rows before, between and exactly at them, and merchants."""
    random = np.random.default_rng(3)
    hours = random.permutation(400)[:60]
    versions = [
        {
            "customer_id": int(random.integers(0, CUSTOMERS)),
            "known_at": START + timedelta(hours=int(hour)),
            "birth_year": int(random.integers(1940, 2008)) if random.random() > 0.1 else None,
            "income": float(random.choice([0.0, 0.5, 1.0, 7.25, 99.0])),
            "country": str(random.choice(["NL", "BE"])),
        }
        for hour in hours
    ]
    rows = [
        {
            "key": int(key),
            "customer_id": int(random.integers(0, CUSTOMERS + 2)),
            # on the hour: exactly when some version became known
            "event_time": START + timedelta(hours=int(random.integers(0, 420))),
        }
        for key in random.permutation(500)
    ]
    with lake.writer(Author("test")) as writer:
        writer.register("v", pa.Table.from_pylist(versions))
        writer.register("r", pa.Table.from_pylist(rows))
        writer.execute("CREATE TABLE core.dim_customers AS FROM v")
        writer.execute("CREATE TABLE core.rows AS FROM r")
        writer.execute(
            "CREATE TABLE core.extra AS SELECT key AS transaction_id, key % 3 AS place FROM r "
            "WHERE key % 5 > 0"
        )
    return versions, sorted(rows, key=lambda row: row["key"])


def values(lake, **groups):
    with lake.reader() as cursor:
        return group_values(cursor, groups, "lake.core.rows", key="key", spine_key="transaction_id")


def latest(versions, row):
    before = [
        v
        for v in versions
        if v["customer_id"] == row["customer_id"] and v["known_at"] < row["event_time"]
    ]
    return max(before, key=lambda v: v["known_at"], default=None)


def test_a_rows_group_is_the_latest_version_known_before_its_time(lake, people):
    versions, rows = people
    of = {"table": "core.dim_customers", "entity": "customer_id"}
    found = values(
        lake,
        country=Group(column="country", **of),
        age=Group(column="birth_year", age=True, bins=(30, 50), **of),
        income=Group(column="income", bins=(0.5, 7.25), **of),
    )

    def band(value, bounds, names):
        return MISSING if value is None else names[sum(value >= bound for bound in bounds)]

    expected = {"country": [], "age": [], "income": []}
    for row in rows:
        known = latest(versions, row) or {"country": None, "birth_year": None, "income": None}
        born = known["birth_year"]
        age = None if born is None else row["event_time"].year - born
        expected["country"].append(known["country"] or MISSING)
        expected["age"].append(band(age, (30, 50), ("<30", "30-49", "50+")))
        expected["income"].append(
            band(known["income"], (0.5, 7.25), ("<0.5", "0.5 to <7.25", "7.25+"))
        )
    assert {name: column.tolist() for name, column in found.items()} == expected
    assert all(len(set(column)) >= 3 for column in expected.values())


def test_a_group_in_a_table_with_the_spines_key_is_found_by_it(lake, people):
    _, rows = people
    found = values(lake, place=Group(table="core.extra", column="place"))["place"]
    assert found.tolist() == [str(row["key"] % 3) if row["key"] % 5 else MISSING for row in rows]


def test_ages_without_bands_are_whole_years(lake, people):
    of = {"table": "core.dim_customers", "entity": "customer_id", "column": "birth_year"}
    found = values(lake, age=Group(age=True, **of), year=Group(**of))
    for age, year in zip(found["age"], found["year"], strict=True):
        assert age == (year if year == MISSING else str(START.year - int(year)))


def test_bands_are_named_by_their_bounds():
    assert band_labels((30, 50)) == ["<30", "30-49", "50+"]
    assert band_labels((18,)) == ["<18", "18+"]
    assert band_labels((1e6,)) == ["<1000000", "1000000+"]
    assert band_labels((0.5, 2.0)) == ["<0.5", "0.5 to <2.0", "2.0+"]


def test_names_are_quoted_and_values_bound():
    group = Group(table="core.extra", column='sp"ot', bins=(31, 57))
    query, bound = group_query([group], "somewhere", key="k", spine_key="id")
    assert '"sp""ot"' in query
    assert "31" not in query
    assert bound == [57, "57+", 31, "31-56", "<31", MISSING]


@pytest.mark.parametrize(
    ("group", "complaint"),
    [
        (Group(table="core.nothing", column="x"), "group g cannot be read from core.nothing"),
        (
            Group(table="core.extra", column="colour"),
            "group g cannot be read from core.extra.*colour",
        ),
        (Group(table="core.twice", column="place"), "core.twice has several rows"),
    ],
)
def test_a_group_that_cannot_be_read_is_named(lake, people, group, complaint):
    with lake.writer(Author("test")) as writer:
        writer.execute(
            "CREATE TABLE core.twice AS FROM core.extra UNION ALL FROM core.extra WHERE place = 1"
        )
    with pytest.raises(TrainingError, match=complaint):
        values(lake, g=group)
