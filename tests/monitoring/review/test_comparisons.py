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
from lakehouse.monitoring.review.comparisons import REACH, judge, last_looks, look
from lakehouse.registry import get_version, promote, rollback, start_shadow
from tests.monitoring.matured_lake import MULTICLASS, REGRESSION, Bench, at, on, spec_of


def able(_version):
    return ""


def history(seed, skill=(1.0, 1.0), *, days=30, per_day=60, repeats=60):
    """Daily looks at two versions, on all rows so far; rows of a card share a habit."""
    random = np.random.default_rng(seed)
    n = days * per_day
    card = random.integers(0, 40, n)
    truth = random.random(n) < np.clip(random.gamma(1, 0.2, 40), 0, 0.8)[card]
    shared = random.normal(size=n)
    said = [
        1 / (1 + np.exp(-(shared + random.normal(size=40)[card] / 2 + random.normal(size=n) / 2)))
        for _ in skill
    ]
    said = [score + truth * s / 4 for score, s in zip(said, skill, strict=True)]
    looks = []
    for day in range(1, days + 1):
        rows = slice(0, day * per_day)
        ours, theirs = (Binary(truth[rows], score[rows]) for score in said)
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


def test_equal_versions_are_hardly_ever_told_apart_in_thirty_looks():
    """At .025 to either side, .4 of 16 should be called better; 3 occur in under 1 % of runs."""
    found = verdicts(16, spec_of(), repeats=40)
    assert found.count("better") <= 2
    assert found.count("worse") <= 2


def test_a_better_version_is_found_and_a_worse_one():
    assert verdicts(4, spec_of(), (2.0, 0.5), repeats=40).count("better") >= 3
    assert verdicts(4, spec_of(), (0.5, 2.0), repeats=40).count("worse") >= 3


@pytest.fixture
def bench(lake):
    made = Bench(lake, spec_of())
    made.days(0, 40)
    return made


def see(bench, champion, other, until):
    with bench.lake.reader() as cursor:
        other = get_version(bench.lake, bench.spec.name, other.version)
        return look(cursor, bench.spec, champion, other, on(until))


def keep(bench, row):
    with bench.lake.writer(Author("test")) as writer:
        tables.insert(writer, layout.COMPARISONS, [row])


def test_a_look_is_at_the_rows_after_both_tests_that_both_scored(bench):
    champion = bench.version(1, 2, state="champion")
    shadow = bench.version(2, 6, state="shadow")
    ours = bench.say(shadow, range(4, 30), 3.0, beside=True)
    theirs = bench.say(champion, range(0, 40), 0.5)
    found = see(bench, champion, shadow, 20)
    assert found["rows"] == (20 - 6) * bench.per_day
    assert found["role"] == "shadow"
    assert found["verdict"] == "better"
    assert found["low"] > 0
    rows = {"ours": (ours, 2), "champions": (theirs, 6)}
    for name, (said, first) in rows.items():
        part = slice(first * bench.per_day, (first + 14) * bench.per_day)
        expected = metric_values(Binary(said["is_fraud"][part], said["score"][part]))
        assert found[name] == expected["average_precision"]
    assert see(bench, champion, shadow, 6) is None, "no row is after both tests"


def test_few_positives_say_nothing(bench):
    champion, shadow = bench.version(1, state="champion"), bench.version(2, state="shadow")
    bench.say(champion, range(3), 0.0)
    bench.say(shadow, range(3), 9.0, beside=True)
    assert see(bench, champion, shadow, 3)["verdict"] == "insufficient"


def test_what_was_once_shown_stays_until_one_of_them_is_rolled_back(bench):
    """A version that comes back as a shadow has to prove itself on rows that came since."""
    champion, shadow = bench.version(1, state="champion"), bench.version(2, state="shadow")
    bench.say(champion, range(20), 0.5)
    bench.say(shadow, range(20), 3.0, beside=True)
    keep(bench, see(bench, champion, shadow, 15))
    bench.say(champion, range(20, 33), 1.0)
    bench.say(shadow, range(20, 33), 1.0, beside=True)
    assert see(bench, champion, shadow, 30)["verdict"] == "better"
    promote(bench.lake, "detector", shadow.version, who="me", why="so", now=at(20))
    rollback(bench.lake, "detector", prove=able, who="me", why="so", now=at(21))
    start_shadow(bench.lake, "detector", shadow.version, who="me", why="again", now=at(22))
    found = see(bench, champion, shadow, 30)
    assert found["rows"] == (30 - 21) * bench.per_day
    assert found["verdict"] != "better"
    back = get_version(bench.lake, "detector", shadow.version)
    with bench.lake.reader() as cursor:
        assert last_looks(cursor, bench.spec, champion, [back], on(30)) == ()
    keep(bench, found)
    with bench.lake.reader() as cursor:
        (kept,) = last_looks(cursor, bench.spec, champion, [back], on(30))
    assert kept.evidence == found


def test_a_comparison_begins_anew_after_its_reach_so_that_a_look_costs_no_more(bench):
    champion, shadow = bench.version(1, state="champion"), bench.version(2, state="shadow")
    reach = REACH.days
    bench.days(40, 40 + reach)
    bench.say(champion, range(reach + 10), 1.0)
    bench.say(shadow, range(reach + 10), 1.0, beside=True)
    assert see(bench, champion, shadow, reach)["rows"] == reach * bench.per_day
    assert see(bench, champion, shadow, reach + 4)["rows"] == 4 * bench.per_day


def test_the_verdict_of_a_stretch_that_has_ended_is_history(lake):
    """Over two hundred days: worse for ninety, then better because the world has changed."""
    bench = Bench(lake, spec_of())
    bench.days(0, 200)
    champion, shadow = bench.version(1, state="champion"), bench.version(2, state="shadow")
    change = REACH.days + 5
    bench.say(champion, range(change), 3.0)
    bench.say(shadow, range(change), 0.5, beside=True)
    bench.say(champion, range(change, 200), 0.5)
    bench.say(shadow, range(change, 200), 3.0, beside=True)
    verdicts = {}
    for day in (30, 90, 92, 190):
        found = see(bench, champion, shadow, day)
        verdicts[day] = (found["since"], found["verdict"])
        keep(bench, found)
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


def test_a_pair_that_meets_again_after_another_decided_begins_anew(bench):
    """Promoted by hand there and back, so there was no rollback."""
    first, second = bench.version(1, state="champion"), bench.version(2, state="shadow")
    bench.say(first, range(40), 3.0)
    bench.say(second, range(40), 0.5, beside=True)
    bench.say(second, range(40), 0.5)
    bench.say(first, range(40), 3.0, beside=True)
    keep(bench, see(bench, first, second, 15))
    assert see(bench, first, second, 16)["since"] == on(0)
    promote(bench.lake, "detector", second.version, who="me", why="so", now=at(16))
    keep(bench, see(bench, second, first, 20))
    promote(bench.lake, "detector", first.version, who="me", why="so", now=at(21))
    found = see(bench, first, second, 22)
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
def test_the_better_is_told_whatever_is_predicted(lake, changes, good, bad):
    bench = Bench(lake, spec_of(**changes))
    bench.days(0, 40)
    champion, shadow = bench.version(1, state="champion"), bench.version(2, state="shadow")
    bench.say(champion, range(33), bad)
    bench.say(shadow, range(33), good, beside=True)
    assert see(bench, champion, shadow, 30)["verdict"] == "better"


def test_versions_that_say_the_same_are_not_told_apart(bench):
    champion, shadow = bench.version(1, state="champion"), bench.version(2, state="shadow")
    rows = bench.say(champion, range(20), 1.0)
    bench.say(shadow, range(20), rows["score"], beside=True)
    assert see(bench, champion, shadow, 13) is None
