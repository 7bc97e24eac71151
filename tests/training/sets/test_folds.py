from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.models.split import Split
from lakehouse.training.sets.folds import MIN_TRAIN_RATIO, usable_folds, walk_forward
from lakehouse.training.sets.rows import Rows

DAY = timedelta(days=1)
FIRST = datetime(2026, 1, 1)
EPOCH = datetime(1970, 1, 1)


def split_of(days):
    """A split whose training period has `days` days."""
    until = FIRST + days * DAY
    return Split(FIRST, until, until, until, until, until, until)


def rows_of(times, known, label=None):
    """Rows at these times, with labels known at `known`; the other fields do not matter."""
    n = len(times)
    return Rows(
        matrix=np.zeros((n, 1), dtype=np.float32),
        label=np.arange(n) % 2.0 if label is None else np.array(label, dtype=float),
        day=np.array([(time - EPOCH).days for time in times], dtype=np.int64),
        naive={},
        label_known_at=np.array([int(t.replace(tzinfo=UTC).timestamp() * 1e6) for t in known]),
        entities={},
    )


folding = {
    "history": st.integers(0, 120),
    "count": st.integers(1, 6),
    "length": st.integers(1, 15),
    "gap": st.integers(0, 20),
}


@given(**folding)
def test_folds_walk_forward_to_the_end_of_training_with_a_gap_and_enough_training_days(
    detector, history, count, length, gap
):
    spec = detector(
        folds={"count": count, "length": f"{length}d"},
        split={"test": "7d", "validation": "7d", "gap": f"{gap}d"},
    )
    folds = walk_forward(spec, split_of(history))
    assert len(folds) <= count
    for fold in folds:
        assert fold.train_from == FIRST
        assert fold.train_until - fold.train_from >= MIN_TRAIN_RATIO * length * DAY
        assert fold.score_from - fold.train_until == gap * DAY
        assert fold.score_until - fold.score_from == length * DAY
    assert all(a.score_until == b.score_from for a, b in pairwise(folds))
    if folds:
        assert folds[-1].score_until == FIRST + history * DAY
    fits = sum(
        history - back * length - gap >= MIN_TRAIN_RATIO * length for back in range(1, count + 1)
    )
    assert len(folds) == fits


@given(
    **folding,
    rows=st.lists(
        st.tuples(st.integers(0, 120 * 24), st.integers(0, 40 * 24)), min_size=1, max_size=60
    ),
)
def test_a_fold_trains_only_on_labels_known_before_it_scores(
    detector, history, count, length, gap, rows
):
    spec = detector(
        folds={"count": count, "length": f"{length}d"},
        split={"test": "7d", "validation": "7d", "gap": f"{gap}d"},
    )
    times = [FIRST + timedelta(hours=hour) for hour, _ in rows]
    known = [time + timedelta(hours=delay) for time, (_, delay) in zip(times, rows, strict=True)]
    labelled = rows_of(times, known)
    for fold in walk_forward(spec, split_of(history)):
        train, scored = fold.train_mask(labelled), fold.score_mask(labelled)
        for i, time in enumerate(times):
            expected = fold.train_from <= time < fold.train_until and known[i] < fold.score_from
            assert train[i] == expected
            assert scored[i] == (fold.score_from <= time < fold.score_until)


def test_folds_without_positives_in_training_or_scored_rows_are_dropped(detector):
    spec = detector(
        folds={"count": 2, "length": "2d"}, split={"test": "7d", "validation": "7d", "gap": "0d"}
    )
    split = split_of(10)
    folds = walk_forward(spec, split)
    assert len(folds) == 2
    times = [FIRST + day * DAY for day in range(10) for _ in range(2)]
    everywhere = [0, 1] * 10
    assert usable_folds(spec, folds, rows_of(times, times, everywhere)) == folds
    not_last = everywhere[:16] + [0] * 4
    assert usable_folds(spec, folds, rows_of(times, times, not_last)) == folds[:1]
    none_early = [0] * 12 + everywhere[12:]
    assert usable_folds(spec, folds, rows_of(times, times, none_early)) == folds[1:]


def test_unsettled_folds_of_a_short_period_train_up_to_the_scored_rows(detector):
    spec = detector(folds={"count": 3, "length": "1d", "settled": False})
    week = split_of(7)
    folds = walk_forward(spec, week)
    assert [(f.train_until, f.score_until) for f in folds] == [
        (FIRST + day * DAY, FIRST + (day + 1) * DAY) for day in (4, 5, 6)
    ]
    settled = detector(folds={"count": 3, "length": "1d"})
    assert walk_forward(settled, week) == (), "a week and its maturity leave no room"
