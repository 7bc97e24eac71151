"""Lots are uniform, depend on the key alone, and are shared by a unit and day if units count."""

import numpy as np
import pyarrow as pa

from lakehouse.models.lots import draw_lots


def test_lots_are_uniform_and_the_same_alone_as_among_many(detector):
    spec = detector()
    keys = pa.array(range(20_000))
    found = draw_lots(spec, keys, None, [0] * 20_000)
    assert ((found >= 0) & (found < 1)).all()
    counts = np.histogram(found, 20, (0, 1))[0]
    assert abs(counts - 1_000).max() < 5 * 1_000**0.5
    alone = [draw_lots(spec, pa.array([key]), None, [3])[0] for key in (0, 7, 19_999)]
    assert alone == [found[0], found[7], found[19_999]]
    texts = draw_lots(spec, pa.array(["a", "b"]), None, [0, 0])
    assert texts[0] != texts[1]


def test_all_rows_of_a_unit_share_one_lot_per_day(detector):
    spec = detector()
    keys, units = pa.array([1, 2, 3, 4]), pa.array([9, 9, 9, 8])
    one, same, next_day, other = draw_lots(spec, keys, units, [5, 5, 6, 5])
    assert one == same
    assert len({one, next_day, other}) == 3


def test_keys_of_a_table_are_text_or_numbers_in_any_number_of_chunks(detector):
    spec = detector()
    for keys in (["a", "b", None, "a"], [1, 2, None, 1]):
        whole = draw_lots(spec, pa.array(keys), None, [0] * 4)
        chunks = pa.chunked_array([keys[:1], keys[1:]])
        assert list(draw_lots(spec, chunks, None, [0] * 4)) == list(whole)
        units = draw_lots(spec, chunks, chunks, [0] * 4)
        assert units[0] == units[3] != units[1]
