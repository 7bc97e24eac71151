from decimal import Decimal

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.models.errors import SchemaMismatch
from lakehouse.models.schema import (
    LARGEST,
    Feature,
    FeatureSchema,
    count_clipped,
    describe_clipped,
    in_range,
    row_hashes,
)

SCHEMA = FeatureSchema(
    features=(
        Feature(name="amount", set="a", kind="number"),
        Feature(name="channel", set="a", kind="category"),
    ),
    feature_sets={"a": "0a1b2c3d"},
    categories={"channel": ("chip", "online")},
)


def batch(**columns):
    return pa.RecordBatch.from_pydict(columns)


def test_numbers_stay_and_texts_become_dictionary_positions():
    rows = batch(amount=[1.5, 2.0], channel=["online", "chip"])
    assert SCHEMA.matrix(rows).tolist() == [[1.5, 1.0], [2.0, 0.0]]


def test_missing_values_and_unseen_texts_become_nan():
    rows = batch(amount=[None, 1.0, 2.0], channel=["chip", None, "teleport"])
    matrix = SCHEMA.matrix(rows)
    assert np.isnan(matrix).tolist() == [[True, False], [False, True], [False, True]]


def test_every_numeric_type_gives_the_same_float():
    types = [pa.int64(), pa.float32(), pa.float64(), pa.decimal128(21, 2)]
    texts = pa.array(["chip"])
    found = {
        float(SCHEMA.matrix(batch(amount=pa.array([3]).cast(kind), channel=texts))[0, 0])
        for kind in types
    }
    assert found == {3.0}


def in_sql(values: pa.Array, sql_type: str = "") -> np.ndarray:
    """The values as training and batch scoring read them."""
    of = FeatureSchema(features=SCHEMA.features[:1], feature_sets=SCHEMA.feature_sets)
    column = f"CAST(amount AS {sql_type}) AS amount" if sql_type else "amount"
    with duckdb.connect() as connection:
        connection.register("rows", pa.table({"amount": values}))
        query = f"SELECT {of.select_list({'a': 'x'})} FROM (SELECT {column} FROM rows) x"
        found = connection.execute(query).to_arrow_table().to_batches()
        return np.concatenate([of.matrix(each)[:, 0] for each in found])


def in_numpy(values: pa.Array) -> np.ndarray:
    """The values as a request brings them."""
    of = FeatureSchema(features=SCHEMA.features[:1], feature_sets=SCHEMA.feature_sets)
    return of.matrix(batch(amount=values))[:, 0]


BEYOND = [1e39, -1e39, 1.7976931348623157e308, float("inf"), float("-inf"), 3.4028236e38]
NUMBERS = {
    pa.float64(): st.floats() | st.sampled_from(BEYOND) | st.floats(3.4e38, 3.41e38),
    pa.float32(): st.floats(width=32),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.bool_(): st.booleans(),
    pa.decimal128(38, 0): st.integers(-(10**38) + 1, 10**38 - 1).map(Decimal),
    pa.decimal128(38, 10): st.decimals(-(10**20), 10**20, places=10),
}


@pytest.mark.parametrize("kind", NUMBERS, ids=str)
@given(data=st.data())
@settings(max_examples=15, derandomize=True)
def test_a_number_is_the_same_bits_in_sql_and_in_numpy(kind: pa.DataType, data: st.DataObject):
    values = pa.array(data.draw(st.lists(st.none() | NUMBERS[kind], min_size=50)), kind)
    sql, numpy = in_sql(values), in_numpy(values)
    assert row_hashes(sql[:, None]) == row_hashes(numpy[:, None])
    assert not np.isinf(numpy).any()


@pytest.mark.parametrize("value", [2**127 - 1, -(2**127) + 1, 7])
def test_a_hugeint_is_the_same_bits_in_sql_and_in_numpy(value: int):
    texts = pa.array([str(value)])
    assert in_sql(texts, "HUGEINT").tolist() == [np.float32(value)]
    assert in_sql(texts, "UHUGEINT" if value > 0 else "HUGEINT").tolist() == [np.float32(value)]


def test_numbers_beyond_32_bits_are_clipped():
    values = pa.array([1e39, -1e39, float("inf"), float("-inf"), float("nan"), None, LARGEST, 1.5])
    right = [LARGEST, -LARGEST, LARGEST, -LARGEST, None, None, LARGEST, 1.5]
    for found in (in_sql(values), in_numpy(values)):
        assert [None if np.isnan(x) else x for x in found.tolist()] == right
    assert in_sql(pa.array([str(2**128 - 1)]), "UHUGEINT").tolist() == [LARGEST]


def test_clipped_values_are_counted_and_excluded_from_means():
    matrix = np.array([[LARGEST, 1.0], [-LARGEST, np.nan], [0.0, 2.0]], dtype=np.float32)
    assert count_clipped(["top", "n"], matrix, matrix) == {"top": 4}
    assert in_range(matrix).tolist() == [[False, True], [False, False], [True, True]]
    assert describe_clipped({"top": 4}) == "values beyond ±3.4e+38 were set to that bound: 4 of top"
    assert describe_clipped(count_clipped(["n"], matrix[:, 1:])) == ""


def test_a_missing_feature_is_named():
    with pytest.raises(SchemaMismatch, match="feature channel is missing"):
        SCHEMA.matrix(batch(amount=[1.0]))


def test_a_text_where_a_number_should_be_is_named():
    with pytest.raises(SchemaMismatch, match="feature amount should be a number"):
        SCHEMA.matrix(batch(amount=["much"], channel=["chip"]))


def test_rows_have_equal_hashes_only_if_all_values_are_equal():
    nan = np.array([0x7FC00001], dtype="<u4").view("<f4")[0]  # a NaN with another payload
    matrix = np.array([[1, np.nan], [1, nan], [1, 0], [2, np.nan]], dtype=np.float32)
    first, second, *others = row_hashes(matrix)
    assert first == second
    assert len({first, *others}) == 3


def test_the_schema_hash_covers_names_kinds_and_versions_but_not_data():
    other = SCHEMA.model_copy(update={"feature_sets": {"a": "ffffffff"}})
    assert SCHEMA.with_categories({"channel": ("chip",)}).hash == SCHEMA.hash
    assert other.hash != SCHEMA.hash
