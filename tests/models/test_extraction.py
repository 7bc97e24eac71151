import numpy as np
import pytest

from lakehouse.models import TrainingError
from lakehouse.models.extraction import FittedExtraction, added_names, extend, fit_extraction
from lakehouse.models.spec import Extraction

NAMES = ["amount", "count", "idle", "distance", "flat"]


def part(kind, components=2, columns=tuple(NAMES[:4])):
    return Extraction(name="made", kind=kind, columns=columns, components=components)


def rows(count=2000, seed=0, missing=0.0):
    random = np.random.default_rng(seed)
    base = random.normal(size=(count, 2))
    matrix = np.column_stack(
        [
            100 + 20 * base[:, 0],
            base[:, 0] + 0.3 * base[:, 1],
            5 * base[:, 1],
            random.normal(size=count),
            np.full(count, 7.0),
        ]
    ).astype(np.float32)
    matrix[random.random(matrix.shape) < missing] = np.nan
    return matrix


def extracted(parts, matrix, fitted_on=None):
    states = fit_extraction(parts, NAMES, matrix if fitted_on is None else fitted_on)
    return extend(states, NAMES, matrix)[:, len(NAMES) :]


def test_principal_components_match_scikit_learn_except_for_the_sign():
    from sklearn.decomposition import PCA

    matrix = rows()
    standard = (matrix[:, :4] - matrix[:, :4].mean(0)) / matrix[:, :4].std(0)
    judge = PCA(3).fit_transform(standard.astype(np.float64))
    ours = extracted([part("pca", 3)], matrix)
    assert np.abs(ours) == pytest.approx(np.abs(judge), abs=2e-3)


def test_the_largest_weight_of_a_component_is_positive():
    for seed in range(5):
        (state,) = fit_extraction([part("pca", 4)], NAMES, rows(seed=seed))
        assert all(max(weights, key=abs) > 0 for weights in state.matrix)


@pytest.mark.parametrize("apart", [0, 60], ids=["one cloud", "four clouds"])
def test_clusters_are_as_tight_as_those_of_scikit_learn(apart):
    from sklearn.cluster import KMeans

    random = np.random.default_rng(1)
    matrix = rows()
    matrix[:, :4] += apart * random.integers(0, 4, len(matrix))[:, None].astype(np.float32)
    standard = (matrix[:, :4] - matrix[:, :4].mean(0)) / matrix[:, :4].std(0)
    judge = KMeans(4, n_init=10, random_state=0).fit(standard)
    distances = extracted([part("clusters", 4)], matrix)
    assert np.square(distances.min(axis=1)).sum() <= judge.inertia_ * 1.02


def test_outliers_do_not_affect_the_centre_and_covariance():
    clean = rows()
    spoilt = clean.copy()
    spoilt[:150, :4] += [400, 10, 60, 12]
    expected = extracted([part("anomaly")], clean)[150:, 0]
    found = extracted([part("anomaly")], clean, fitted_on=spoilt)[150:, 0]
    assert found == pytest.approx(expected, rel=0.5)
    assert np.median(found / expected) == pytest.approx(1, abs=0.1)


def test_outliers_among_the_training_rows_have_the_highest_anomaly_scores():
    matrix = rows()
    matrix[:40, 0] += 160  # unusual alone, and in relation to `count`
    score = extracted([part("anomaly")], matrix)[:, 0]
    assert set(np.argsort(-score)[:40]) == set(range(40))


def test_an_anomaly_score_detects_an_unusual_pair_of_usual_values():
    matrix = rows()
    odd = matrix.copy()[:1]
    odd[0, :4] = [100 + 30, -1.5, 0, 0]
    usual = matrix.copy()[:1]
    usual[0, :4] = [100 + 30, 1.5, 0, 0]
    states = fit_extraction([part("anomaly")], NAMES, matrix)
    assert extend(states, NAMES, odd)[0, -1] > 2 * extend(states, NAMES, usual)[0, -1]


@pytest.mark.parametrize("kind", ["pca", "anomaly", "clusters"])
def test_missing_values_are_replaced_by_the_training_median(kind):
    trained = rows(missing=0.2)
    medians = np.nanmedian(trained, axis=0)
    states = fit_extraction([part(kind)], NAMES, trained)
    matrix = rows(50, seed=3, missing=0.3)
    filled = np.where(np.isnan(matrix), medians, matrix).astype(np.float32)
    found = extend(states, NAMES, matrix)
    assert np.isfinite(found[:, len(NAMES) :]).all()
    assert (found[:, len(NAMES) :] == extend(states, NAMES, filled)[:, len(NAMES) :]).all()
    assert np.isnan(found[:, : len(NAMES)]).any(), "the features themselves stay as they are"


@pytest.mark.parametrize("kind", ["pca", "anomaly", "clusters"])
def test_fitting_again_reading_json_and_scoring_one_row_give_the_same_bits(kind):
    matrix = rows(missing=0.1)
    (state,) = fit_extraction([part(kind)], NAMES, matrix)
    assert fit_extraction([part(kind)], NAMES, matrix) == (state,)
    read = FittedExtraction.model_validate_json(state.model_dump_json())
    together = extend([read], NAMES, matrix)
    assert together.dtype == np.float32
    assert together.flags.c_contiguous
    for i in range(0, 200, 7):
        alone = extend([state], NAMES, matrix[i : i + 1])
        assert alone.tobytes() == together[i : i + 1].tobytes()


@pytest.mark.parametrize("kind", ["pca", "anomaly", "clusters"])
def test_constant_and_empty_columns_are_accepted(kind):
    matrix = rows()
    matrix[:, 3] = np.nan
    found = extracted([part(kind, columns=("amount", "distance", "flat"))], matrix)
    assert np.isfinite(found).all()


def test_columns_are_named_after_their_extraction():
    parts = [
        part("pca"),
        Extraction(name="odd", kind="anomaly", columns=("amount", "count")),
        Extraction(name="near", kind="clusters", columns=("amount", "count"), components=3),
    ]
    states = fit_extraction(parts, NAMES, rows())
    assert added_names(states) == ("made_1", "made_2", "odd", "near_1", "near_2", "near_3")
    assert extend(states, NAMES, rows()).shape[1] == len(NAMES) + 6
    assert extend((), NAMES, matrix := rows()) is matrix


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (part("pca", columns=("amount", "colour")), "uses colour.*its features are amount, count"),
        (part("pca", 5), "4 columns cannot have 5 principal components"),
        (
            Extraction(name="idle", kind="anomaly", columns=("amount", "idle")),
            "two columns have the name idle",
        ),
    ],
)
def test_an_invalid_extraction_is_refused(wrong, complaint):
    with pytest.raises(TrainingError, match=complaint):
        fit_extraction([wrong], NAMES, rows())
