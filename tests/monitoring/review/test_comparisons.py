"""Daily looks at champion and shadow: the rows compared, and the error rate."""

import numpy as np
import pytest

from lakehouse.evaluation.comparisons import compare
from lakehouse.evaluation.metrics import metric_values
from lakehouse.evaluation.predictions import Binary
from lakehouse.evaluation.resampling import Resampling
from lakehouse.evaluation.sequential import Look
from lakehouse.lake import Author, layout
from lakehouse.monitoring import tables
from lakehouse.monitoring.review.comparisons import STRETCH_LENGTH, judge, last_looks, take_look
from lakehouse.registry import get_version, promote, rollback, start_shadow
from tests.monitoring.matured_lake import MULTICLASS, REGRESSION, Bench, at, make_spec, on


def can_score(_version):
    return ""


def history(seed, skill=(1.0, 1.0), *, days=30, per_day=60, repeats=60):
    """Daily looks at two versions, on all rows so far; rows of a card share a habit."""
    random = np.random.default_rng(seed)
    n = days * per_day
    card = random.integers(0, 40, n)
    truth = random.random(n) < np.clip(random.gamma(1, 0.2, 40), 0, 0.8)[card]
    shared = random.normal(size=n)
    scores = [
        1 / (1 + np.exp(-(shared + random.normal(size=40)[card] / 2 + random.normal(size=n) / 2)))
        for _ in skill
    ]
    scores = [score + truth * s / 4 for score, s in zip(scores, skill, strict=True)]
    looks = []
    for day in range(1, days + 1):
        rows = slice(0, day * per_day)
        ours, theirs = (Binary(truth[rows], score[rows]) for score in scores)
        (found,) = compare(
            ours,
            theirs,
            Resampling.of(day * per_day, card[rows], repeats=repeats),
            against="champion",
            version="v1",
            metrics=["average_precision"],
        )
        looks.append(Look(found.positives, found.ours - found.theirs, found.standard_error))
    return looks


def verdicts(histories, spec, skill=(1.0, 1.0), **size):
    return [judge(spec, history(seed, skill, **size)).verdict for seed in range(histories)]


@pytest.mark.slow
def test_equal_versions_seldom_get_a_verdict_in_thirty_looks():
    """At .025 to either side, .4 of 16 should be called better; 3 occur in under 1 % of runs."""
    found = verdicts(16, make_spec(), repeats=40)
    assert found.count("better") <= 2
    assert found.count("worse") <= 2


def test_a_better_and_a_worse_version_are_found():
    assert verdicts(4, make_spec(), (2.0, 0.5), repeats=40).count("better") >= 3
    assert verdicts(4, make_spec(), (0.5, 2.0), repeats=40).count("worse") >= 3


@pytest.fixture
def bench(lake):
    bench = Bench(lake, make_spec())
    bench.days(0, 40)
    return bench


def look_until(bench, champion, other, until):
    with bench.lake.reader() as cursor:
        other = get_version(bench.lake, bench.spec.name, other.version)
        return take_look(cursor, bench.spec, champion, other, on(until))


def store(bench, row):
    with bench.lake.writer(Author("test")) as writer:
        tables.insert(writer, layout.COMPARISONS, [row])


def test_a_look_covers_the_rows_after_both_tests_that_both_versions_scored(bench):
    champion = bench.version(1, 2, state="champion")
    shadow = bench.version(2, 6, state="shadow")
    ours = bench.log_predictions(shadow, range(4, 30), 3.0, in_shadow=True)
    theirs = bench.log_predictions(champion, range(0, 40), 0.5)
    found = look_until(bench, champion, shadow, 20)
    assert found["rows"] == (20 - 6) * bench.per_day
    assert found["role"] == "shadow"
    assert found["verdict"] == "better"
    assert found["low"] > 0
    rows = {"ours": (ours, 2), "champions": (theirs, 6)}
    for name, (logged, first) in rows.items():
        part = slice(first * bench.per_day, (first + 14) * bench.per_day)
        expected = metric_values(Binary(logged["is_fraud"][part], logged["score"][part]))
        assert found[name] == expected["average_precision"]
    assert look_until(bench, champion, shadow, 6) is None, "no row is after both tests"


def test_few_positives_are_insufficient(bench):
    champion, shadow = bench.version(1, state="champion"), bench.version(2, state="shadow")
    bench.log_predictions(champion, range(3), 0.0)
    bench.log_predictions(shadow, range(3), 9.0, in_shadow=True)
    assert look_until(bench, champion, shadow, 3)["verdict"] == "insufficient"


def test_a_verdict_stays_until_one_of_the_versions_is_rolled_back(bench):
    """A version that comes back as a shadow has to prove itself on rows that came since."""
    champion, shadow = bench.version(1, state="champion"), bench.version(2, state="shadow")
    bench.log_predictions(champion, range(20), 0.5)
    bench.log_predictions(shadow, range(20), 3.0, in_shadow=True)
    store(bench, look_until(bench, champion, shadow, 15))
    bench.log_predictions(champion, range(20, 33), 1.0)
    bench.log_predictions(shadow, range(20, 33), 1.0, in_shadow=True)
    assert look_until(bench, champion, shadow, 30)["verdict"] == "better"
    promote(bench.lake, "detector", shadow.version, who="me", why="so", now=at(20))
    rollback(bench.lake, "detector", prove=can_score, who="me", why="so", now=at(21))
    start_shadow(bench.lake, "detector", shadow.version, who="me", why="again", now=at(22))
    found = look_until(bench, champion, shadow, 30)
    assert found["rows"] == (30 - 21) * bench.per_day
    assert found["verdict"] != "better"
    back = get_version(bench.lake, "detector", shadow.version)
    with bench.lake.reader() as cursor:
        assert last_looks(cursor, bench.spec, champion, [back], on(30)) == ()
    store(bench, found)
    with bench.lake.reader() as cursor:
        (kept,) = last_looks(cursor, bench.spec, champion, [back], on(30))
    assert kept.evidence == found


def test_a_comparison_restarts_after_a_stretch_so_that_the_cost_of_a_look_is_bounded(bench):
    champion, shadow = bench.version(1, state="champion"), bench.version(2, state="shadow")
    stretch = STRETCH_LENGTH.days
    bench.days(40, 40 + stretch)
    bench.log_predictions(champion, range(stretch + 10), 1.0)
    bench.log_predictions(shadow, range(stretch + 10), 1.0, in_shadow=True)
    assert look_until(bench, champion, shadow, stretch)["rows"] == stretch * bench.per_day
    assert look_until(bench, champion, shadow, stretch + 4)["rows"] == 4 * bench.per_day


def test_the_verdict_of_a_past_stretch_does_not_affect_the_next(lake):
    """Over two hundred days: worse for ninety, then better because the world has changed."""
    bench = Bench(lake, make_spec())
    bench.days(0, 200)
    champion, shadow = bench.version(1, state="champion"), bench.version(2, state="shadow")
    change = STRETCH_LENGTH.days + 5
    bench.log_predictions(champion, range(change), 3.0)
    bench.log_predictions(shadow, range(change), 0.5, in_shadow=True)
    bench.log_predictions(champion, range(change, 200), 0.5)
    bench.log_predictions(shadow, range(change, 200), 3.0, in_shadow=True)
    verdicts = {}
    for day in (30, 90, 92, 190):
        found = look_until(bench, champion, shadow, day)
        verdicts[day] = (found["since"], found["verdict"])
        store(bench, found)
    assert verdicts == {
        30: (on(0), "worse"),
        90: (on(0), "worse"),
        92: (on(90), "insufficient"),
        190: (on(180), "better"),
    }
    with bench.lake.reader() as cursor:
        for until, expected in ((90, ["worse"]), (92, ["insufficient"]), (190, ["better"])):
            kept = last_looks(cursor, bench.spec, champion, [shadow], on(until))
            assert [one.verdict for one in kept] == expected
        assert last_looks(cursor, bench.spec, champion, [shadow], on(280)) == ()


def test_a_pair_restarts_after_another_version_has_decided(bench):
    """Promoted by hand there and back, so there was no rollback."""
    first, second = bench.version(1, state="champion"), bench.version(2, state="shadow")
    bench.log_predictions(first, range(40), 3.0)
    bench.log_predictions(second, range(40), 0.5, in_shadow=True)
    bench.log_predictions(second, range(40), 0.5)
    bench.log_predictions(first, range(40), 3.0, in_shadow=True)
    store(bench, look_until(bench, first, second, 15))
    assert look_until(bench, first, second, 16)["since"] == on(0)
    promote(bench.lake, "detector", second.version, who="me", why="so", now=at(16))
    store(bench, look_until(bench, second, first, 20))
    promote(bench.lake, "detector", first.version, who="me", why="so", now=at(21))
    found = look_until(bench, first, second, 22)
    assert (found["since"], found["rows"]) == (on(20), 2 * bench.per_day)
    assert found["verdict"] == "insufficient"


@pytest.mark.parametrize(
    ("changes", "good", "bad"),
    [
        (REGRESSION, 5.0, 0.002),
        (MULTICLASS, 0.9, 0.1),
        ({"promotion": {"rule": "shadow", "metric": "recall"}}, 5.0, 0.0),
        ({"promotion": {"rule": "shadow", "metric": "precision_at_capacity"}}, 5.0, 0.0),
        ({"actions": {"mode": "block", "control": 0.3}}, 5.0, 0.0),
    ],
    ids=["forecasts", "classes", "by decisions", "at capacity", "of a control stream"],
)
def test_the_better_version_is_found_for_every_task_and_metric(lake, changes, good, bad):
    bench = Bench(lake, make_spec(**changes))
    bench.days(0, 40)
    champion, shadow = bench.version(1, state="champion"), bench.version(2, state="shadow")
    bench.log_predictions(champion, range(33), bad)
    bench.log_predictions(shadow, range(33), good, in_shadow=True)
    assert look_until(bench, champion, shadow, 30)["verdict"] == "better"


def test_versions_with_equal_predictions_are_not_compared(bench):
    champion, shadow = bench.version(1, state="champion"), bench.version(2, state="shadow")
    rows = bench.log_predictions(champion, range(20), 1.0)
    bench.log_predictions(shadow, range(20), rows["score"], in_shadow=True)
    assert look_until(bench, champion, shadow, 13) is None
