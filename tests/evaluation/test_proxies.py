import numpy as np
import pytest

from lakehouse.evaluation.proxies import _bands, _cramers_v, find_proxies

RANDOM = np.random.default_rng(11)


def test_cramers_v_is_that_of_scipy():
    from scipy.stats.contingency import association

    band, group = RANDOM.integers(0, 5, 800), RANDOM.integers(0, 3, 800)
    group = np.where(RANDOM.random(800) < 0.3, band % 3, group)
    table = np.zeros((5, 3), int)
    np.add.at(table, (band, group), 1)
    assert _cramers_v(band, group, 3) == pytest.approx(association(table, method="cramer"))


def test_bands_hold_about_equally_many_rows_and_missing_values_are_separate():
    values = np.append(RANDOM.random(1000), [np.nan] * 50)
    sizes = np.bincount(_bands(values))
    assert len(sizes) == 11
    assert sorted(sizes)[0] == 50
    assert max(sizes) <= 101
    assert np.bincount(_bands(np.array([3.0, 1, 1, np.nan]))).tolist() == [2, 1, 1]


def customers(rows=6000, count=300):
    customer = RANDOM.integers(0, count, rows)
    group = np.array(["F", "M"])[RANDOM.integers(0, 2, count)]
    habit = RANDOM.random(count)  # a number per customer, independent of the group
    return customer, group, habit


def test_a_feature_related_to_the_group_is_found_and_an_unrelated_one_is_not():
    customer, group, habit = customers()
    related = (group[customer] == "F") + RANDOM.normal(0, 0.5, len(customer))
    category = np.where(group[customer] == "F", RANDOM.integers(0, 2, len(customer)), 2)
    matrix = np.column_stack([habit[customer], related, category, RANDOM.random(len(customer))])
    names = ["habit", "related", "category", "noise"]
    found = find_proxies(
        "gender", group[customer], names, matrix, {"related": 3.0, "noise": 1.0}, customer
    )
    assert [each.feature for each in found][:2] == ["category", "related"]
    by_name = {each.feature: each for each in found}
    assert by_name["category"].strength > 0.99
    assert by_name["related"].strength > by_name["related"].floor
    assert by_name["habit"].strength <= by_name["habit"].floor
    assert (by_name["related"].importance, by_name["habit"].importance) == (0.75, 0.0)


def test_rows_of_one_customer_are_not_independent_evidence():
    customer, group, habit = customers()
    matrix = habit[customer][:, None]
    shared = find_proxies("g", group[customer], ["habit"], matrix, {}, customer)[0].floor
    rows = find_proxies("g", group[customer], ["habit"], matrix, {})[0].floor
    assert shared > 2 * rows


@pytest.mark.slow
def test_unrelated_features_exceed_the_floor_in_one_world_of_twenty():
    found = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        customer = random.integers(0, 150, 1500)
        group = random.integers(0, 3, 150)[customer]
        matrix = np.column_stack([random.random(150)[customer] for _ in range(6)])
        proxies = find_proxies("g", group, list("abcdef"), matrix, {}, customer, seed=seed)
        found += proxies[0].strength > proxies[0].floor
    assert 2 <= found <= 22


def test_a_single_group_and_no_features_have_no_proxies():
    assert find_proxies("g", np.array(["a"] * 9), ["x"], np.zeros((9, 1)), {}) == ()
    assert find_proxies("g", np.array(["a", "b"]), [], np.zeros((2, 0)), {}) == ()
