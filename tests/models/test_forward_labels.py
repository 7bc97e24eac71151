"""Forward labels with conditions, existence and entities in other roles, judged in plain Python."""

import random
from datetime import datetime, timedelta

import pytest

from lakehouse.declarations.durations import Months
from lakehouse.models import TrainingError
from lakehouse.models.labels import label_query
from lakehouse.models.spec import ModelSpec
from lakehouse.training import training_set
from lakehouse.training.sets.dataset import read_rows
from tests.training.conftest import change, forecast_values, spec_values

START = datetime(2026, 1, 1)
HOUR, TICK = timedelta(hours=1), timedelta(microseconds=1)
HORIZON, WEEKS_4 = timedelta(hours=6), timedelta(days=28)


def make_spec(**label) -> ModelSpec:
    values = {"stream": "core.events", "entity": "shop", "horizon": "6h", **label}
    is_number = label.get("op") != "exists" and "at_least" not in label
    task = "regression" if is_number else "binary"
    changes = {"task": task, "capacity": {"alerts": 5} if task == "binary" else None}
    spine = {"table": "core.visits", "key": "visit_id", "time": "t"}
    changes |= {"spine": spine, "gates": [], "split": {"test": "7d", "validation": "7d"}}
    return ModelSpec(**forecast_values(label=values, **changes))


def make_tables(lake, seed):
    """Events and visits on a coarse grid, so that times tie with each other and with the bounds."""
    draw = random.Random(seed)

    def moment(days=3):
        return START + draw.randrange(0, days * 24) * HOUR + draw.choice([-1, 0, 0, 1]) * TICK

    events = [
        {
            "terminal": draw.choice([1, 2, None]),
            "known_at": moment(40),
            "kind": draw.choice(["refund", "sale", None]),
            "cents": draw.choice([-5, 0, 7, 100, None]),
            "moment": "a column that has the name of one in the query",
        }
        for _ in range(400)
    ]
    visits = [
        {"visit_id": n, "shop": draw.choice([1, 2, 3, None]), "t": moment(40)} for n in range(120)
    ]
    change(
        lake,
        "CREATE SCHEMA IF NOT EXISTS core",
        "CREATE TABLE core.events (terminal BIGINT, known_at TIMESTAMP, kind VARCHAR, "
        "cents BIGINT, moment VARCHAR)",
        "CREATE TABLE core.visits (visit_id BIGINT, shop BIGINT, t TIMESTAMP)",
    )
    for table, rows in (("core.events", events), ("core.visits", visits)):
        listed = ", ".join(
            "(" + ", ".join("NULL" if v is None else f"'{v}'" for v in row.values()) + ")"
            for row in rows
        )
        change(lake, f"INSERT INTO {table} VALUES {listed}")
    return events, visits


def reference(label, events, visits, matches):
    """Labels by key, with a loop over all events for each visit."""
    found = {}
    for visit in visits:
        if visit["shop"] is None:
            continue
        own = [e for e in events if e["terminal"] == visit["shop"]]

        def total(start, end, own=own, t=visit["t"]):
            chosen = [e for e in own if start <= e["known_at"] - t < end and matches(e)]
            if "value" in label:
                return sum(e["cents"] or 0 for e in chosen)
            return len(chosen)

        zero = timedelta()
        numbers = [
            total(zero, HORIZON),
            total(-HORIZON, zero),
            total(-WEEKS_4, HORIZON - WEEKS_4),
        ]
        bound = 1 if label.get("op") == "exists" else label.get("at_least")
        results = [float(n if bound is None else n >= bound) for n in numbers]
        found[visit["visit_id"]] = (visit["t"] + HORIZON - TICK, *results)
    return found


CASES = [
    ({"op": "exists"}, lambda e: True),
    ({"op": "exists", "where": "kind == 'refund'"}, lambda e: e["kind"] == "refund"),
    (
        {"op": "exists", "where": "kind != 'sale' and cents > 0"},
        lambda e: e["kind"] == "refund" and (e["cents"] or 0) > 0,
    ),
    ({"op": "count", "where": "cents is None"}, lambda e: e["cents"] is None),
    ({"op": "count", "where": "cents >= 7", "at_least": 2}, lambda e: (e["cents"] or 0) >= 7),
    ({"op": "sum", "value": "cents", "where": "kind == 'sale'"}, lambda e: e["kind"] == "sale"),
    ({"op": "sum", "value": "cents"}, lambda e: True),
    ({"op": "exists", "where": "moment == 'no row has this'"}, lambda e: False),
]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_only_matching_rows_of_the_entity_count_exactly_as_in_a_plain_loop(lake, case):
    label, matches = CASES[case]
    events, visits = make_tables(lake, case)
    fields = {"entity": {"shop": "terminal"}, **label}
    spec = make_spec(**fields)
    with lake.reader() as cursor:
        cursor.execute("CREATE TEMP TABLE spine AS FROM lake.core.visits")
        names = "key, label_known_at, label, naive_last, naive_season"
        rows = cursor.execute(f"SELECT {names} FROM ({label_query(cursor, spec)})").fetchall()
    assert {key: tuple(values) for key, *values in rows} == reference(
        label, events, visits, matches
    )
    assert len(rows) == len({row[0] for row in rows})


@pytest.mark.parametrize(("months", "seed"), [(1, 1), (2, 2)])
def test_a_horizon_of_calendar_months_ends_on_the_day_of_the_month(lake, months, seed):
    """Python's calendar is the judge; a month after 31 January ends on 28 February."""
    make_tables(lake, seed)
    draw = random.Random(seed)
    moments = [datetime(2026, 1, 31), datetime(2026, 1, 28), datetime(2026, 2, 28, 5)]
    moments += [START + draw.randrange(90 * 24) * HOUR for _ in range(40)]
    change(
        lake,
        "DELETE FROM core.visits",
        "INSERT INTO core.visits VALUES "
        + ", ".join(f"({n}, {n % 3}, '{moment}')" for n, moment in enumerate(moments)),
        "INSERT INTO core.events SELECT terminal, known_at + INTERVAL 40 DAY, kind, cents, moment "
        "FROM core.events",
        "INSERT INTO core.events VALUES (2, '2026-02-27 23:59:59.999999', 'edge', 1, ''), "
        "(2, '2026-02-28', 'edge', 1, '')",
    )
    spec = make_spec(
        op="count", where="kind == 'edge'", entity={"shop": "terminal"}, horizon=f"{months}mo"
    )
    assert spec.maturity == months * timedelta(days=31)
    everything = spec.model_copy(update={"label": spec.label.model_copy(update={"where": None})})
    with lake.reader() as cursor:
        cursor.execute("CREATE TEMP TABLE spine AS FROM lake.core.visits")
        found = {
            name: {
                key: rest
                for key, *rest in cursor.execute(
                    "SELECT key, label_known_at, label, naive_last FROM "
                    f"({label_query(cursor, each)})"
                ).fetchall()
            }
            for name, each in (("edge", spec), ("all", everything))
        }
        stream = cursor.execute("SELECT terminal, known_at, kind FROM lake.core.events").fetchall()
    for key, moment in enumerate(moments):
        later, earlier = Months(months).after(moment), Months(months).before(moment)
        for name, values in found.items():
            own = [t for e, t, kind in stream if e == key % 3 and (name == "all" or kind == "edge")]
            assert values[key] == [
                later - TICK,
                sum(moment <= t < later for t in own),
                sum(earlier <= t < moment for t in own),
            ]
    assert Months(1).after(moments[0]) == datetime(2026, 2, 28)


def rows_of(lake, spec):
    pinned = training_set(spec, lake)
    with lake.reader() as cursor:
        return {row["key"]: row for b in read_rows(cursor, spec, pinned) for row in b.to_pylist()}


def test_existence_is_a_count_of_at_least_one_in_training_sets(lake, world):
    where = "channel == 'online'"
    base = {"stream": "core.fct_transactions", "entity": "customer_id", "horizon": "12h"}
    exists, count = (
        ModelSpec(**spec_values(label={**base, "where": where, **op}))
        for op in ({"op": "exists"}, {"op": "count", "at_least": 1})
    )
    found = rows_of(lake, exists)
    assert {row["label"] for row in found.values()} == {0.0, 1.0}
    assert found == rows_of(lake, count)


def test_the_recipe_of_a_label_without_a_condition_is_as_before():
    spec = make_spec(op="exists")
    assert "where" not in spec.recipe()["label"]
    assert make_spec(op="exists", where="cents > 1").recipe()["label"]["where"] == "cents > 1"


@pytest.mark.parametrize(
    ("label", "complaint"),
    [
        ({"op": "count", "value": "cents"}, "`op: count` and `op: exists` take none"),
        ({"op": "exists", "at_least": 2}, "yes or no already; remove `at_least`"),
        ({"op": "exists", "entity": {"a": "b", "c": "d"}}, "`entity` is one column, or one pair"),
        ({"op": "exists", "horizon": "0d"}, "`horizon` must be longer than zero"),
        ({"op": "exists", "where": " "}, "`where` is empty"),
    ],
)
def test_contradictions_are_refused_when_the_file_is_read(label, complaint):
    with pytest.raises(ValueError, match=complaint):
        make_spec(**label)


@pytest.mark.parametrize(
    ("task", "label", "complaint"),
    [
        ("binary", {"op": "count"}, r"use `op: exists`, or make the `task` a regression"),
        ("regression", {"op": "exists"}, r"is yes or no, not a number"),
        ("regression", {"op": "count", "at_least": 3}, r"or make the `task` binary"),
        ("multiclass", {"op": "exists"}, r"not one of several classes; make the `task` binary"),
        ("multiclass", {"op": "count"}, r"is a number, not a class"),
    ],
)
def test_a_task_refuses_a_forward_label_that_it_cannot_mean(task, label, complaint):
    values = {"stream": "core.events", "entity": "shop", "horizon": "6h", **label}
    capacity = {"alerts": 5} if task == "binary" else None
    with pytest.raises(ValueError, match=complaint):
        ModelSpec(**spec_values(task=task, label=values, gates=[], capacity=capacity))


@pytest.mark.parametrize(
    ("label", "complaint"),
    [
        ({"where": "refund"}, r"`label.where`: core.fct_transactions has no column refund"),
        ({"where": "amount_eur > 5"}, r"`label.where`: .*DECIMAL.*store minor units"),
        ({"where": "channel"}, r"`label.where`: .*is VARCHAR, not a condition"),
        (
            {"where": "channel ="},
            r"`label.where`: expression .channel =.|`label.where`: .*not a valid",
        ),
        ({"where": "channel > 5"}, r"`label.where`: .*different kinds"),
        ({"entity": "shop"}, r"fct_transactions has no column shop; correct `label.entity`"),
        (
            {"entity": {"shop": "customer_id"}},
            r"core.fct_transactions has no column shop; .*name both columns",
        ),
        (
            {"entity": {"channel": "customer_id"}},
            r"fct_transactions.channel is a VARCHAR and .*customer_id a BIGINT; cast one",
        ),
        ({"known_at": "arrived"}, r"no column arrived; correct `label.known_at`"),
        ({"op": "sum", "value": "channel"}, r"sums .*channel, which is a VARCHAR; sum a number"),
    ],
)
def test_a_column_or_condition_that_does_not_fit_the_stream_is_named(lake, world, label, complaint):
    base = {"stream": "core.fct_transactions", "entity": "customer_id", "horizon": "7d"}
    if "op" in label:
        spec = ModelSpec(**forecast_values(label={**base, **label}))
    else:
        spec = ModelSpec(**spec_values(label={**base, "op": "exists", **label}))
    with pytest.raises(TrainingError, match=complaint):
        training_set(spec, lake)


def test_known_positives_of_a_forward_label_cannot_be_removed_from_the_capacity():
    label = {"stream": "core.events", "entity": "shop", "horizon": "6h", "op": "exists"}
    capacity = {"alerts": 5, "unit": "customer_id", "known_removed": True}
    with pytest.raises(ValueError, match="`known_removed` needs a label table"):
        ModelSpec(**spec_values(label=label, capacity=capacity))
