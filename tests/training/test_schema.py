import numpy as np
import pyarrow as pa
import pytest

from lakehouse.training.errors import SchemaMismatch
from lakehouse.training.schema import Feature, FeatureSchema, row_hashes

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


def test_numbers_stay_and_texts_become_their_place_in_the_dictionary():
    rows = batch(amount=[1.5, 2.0], channel=["online", "chip"])
    assert SCHEMA.matrix(rows).tolist() == [[1.5, 1.0], [2.0, 0.0]]


def test_missing_values_and_unseen_texts_are_not_a_number():
    rows = batch(amount=[None, 1.0, 2.0], channel=["chip", None, "teleport"])
    matrix = SCHEMA.matrix(rows)
    assert np.isnan(matrix).tolist() == [[True, False], [False, True], [False, True]]


def test_whatever_carries_a_number_gives_the_same_float():
    types = [pa.int64(), pa.float32(), pa.float64(), pa.decimal128(21, 2)]
    texts = pa.array(["chip"])
    found = {
        float(SCHEMA.matrix(batch(amount=pa.array([3]).cast(kind), channel=texts))[0, 0])
        for kind in types
    }
    assert found == {3.0}


def test_a_missing_feature_is_named():
    with pytest.raises(SchemaMismatch, match="feature channel is missing"):
        SCHEMA.matrix(batch(amount=[1.0]))


def test_a_text_where_a_number_should_be_is_named():
    with pytest.raises(SchemaMismatch, match="feature amount should be a number"):
        SCHEMA.matrix(batch(amount=["much"], channel=["chip"]))


def test_equal_rows_have_equal_hashes_and_any_other_value_another():
    nan = np.array([0x7FC00001], dtype="<u4").view("<f4")[0]  # a NaN with another payload
    matrix = np.array([[1, np.nan], [1, nan], [1, 0], [2, np.nan]], dtype=np.float32)
    first, second, *others = row_hashes(matrix)
    assert first == second
    assert len({first, *others}) == 3


def test_the_schema_hash_knows_names_kinds_and_versions_but_not_the_data():
    other = SCHEMA.model_copy(update={"feature_sets": {"a": "ffffffff"}})
    assert SCHEMA.with_categories({"channel": ("chip",)}).hash == SCHEMA.hash
    assert other.hash != SCHEMA.hash
