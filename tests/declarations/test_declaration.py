"""Common rules of specs: they match Dagster's, and a spec keeps the location of its declaration."""

import pickle
import re
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from pydantic import ValidationError

from lakehouse.declarations.declaration import Declaration
from lakehouse.declarations.freshness import Freshness
from lakehouse.declarations.place import Place
from lakehouse.declarations.specs import COMPONENTS, KINDS, find_specs
from lakehouse.features import FeatureError, FeatureSetSpec, plan
from lakehouse.orchestration import components
from lakehouse.orchestration.policies import freshness_of

from .broken import FEATURES

TABLE = {
    "id": "BIGINT", "customer_id": "BIGINT", "event_time": "TIMESTAMP", "known_at": "TIMESTAMP",
    "cents": "BIGINT",
}  # fmt: skip


def is_valid(**fields: object) -> bool:
    try:
        Declaration.model_validate({"name": "x", "description": "X", **fields})
    except ValidationError:
        return False
    return True


def is_valid_in_dagster(**fields: object) -> bool:
    try:
        dg.AssetSpec("x", **fields)  # type: ignore[arg-type]
    except (dg.DagsterInvalidDefinitionError, dg.DagsterInvariantViolationError):
        return False
    return True


@pytest.mark.parametrize(
    "owner",
    ["team:x", "team:of two", "team:", "me", "a@b.org", "a@b", "a@b.technology", "a b@c.de", ""],
)
def test_an_owner_is_valid_exactly_if_dagster_accepts_it(owner: str) -> None:
    assert is_valid(owners=[owner]) == is_valid_in_dagster(owners=[owner])


@pytest.mark.parametrize(
    "tags",
    [
        {"domain": "payments"}, {"a/b": "c"}, {"a/b/c": "d"}, {"a b": "c"}, {"a": "b c"}, {"": "x"},
        {"a": ""}, {"a" * 63: "x"}, {"a" * 64: "x"}, {"a": "x" * 64}, {"ü": "x"}, {"a": "ü"},
    ],
)  # fmt: skip
def test_a_tag_is_valid_exactly_if_dagster_accepts_it(tags: dict[str, str]) -> None:
    assert is_valid(tags=tags) == is_valid_in_dagster(tags=tags)


@pytest.mark.parametrize("warn", [None, "0s", "59s", "1m", "1d", "2d", "3d"])
@pytest.mark.parametrize("fail", ["0s", "59s", "60s", "2d"])
def test_a_freshness_is_valid_exactly_if_dagster_accepts_it(warn: str | None, fail: str) -> None:
    units = {"s": "seconds", "m": "minutes", "d": "days"}
    ages = {
        name: timedelta(**{units[text[-1]]: int(text[:-1])})
        for name, text in (("warn_window", warn), ("fail_window", fail))
        if text
    }
    try:
        dg.FreshnessPolicy.time_window(**ages)
        suits = True
    except dg._check.CheckError:
        suits = False
    assert is_valid(freshness={"warn": warn, "fail": fail}) == suits


def test_a_freshness_becomes_a_policy() -> None:
    policy = freshness_of(Freshness(fail=timedelta(days=2)))
    assert policy == dg.FreshnessPolicy.time_window(fail_window=timedelta(days=2))


def test_the_list_of_components_is_complete() -> None:
    assert sorted(KINDS) == sorted(components.__all__)
    assert components.__name__ == COMPONENTS


def read(folder: Path) -> FeatureSetSpec:
    path = folder / "defs.yaml"
    path.write_text(FEATURES)
    (spec,) = find_specs("FeatureSet", FeatureSetSpec, folder)
    return spec


def test_the_location_of_a_declaration_does_not_affect_equality(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, other = read(tmp_path / "a"), read(tmp_path / "b")
    made = FeatureSetSpec.model_validate_json(one.model_dump_json())
    assert one == other == made == pickle.loads(pickle.dumps(one))
    assert one.place.sentence("x", "entity").endswith("a/defs.yaml, line 5: entity: x")
    assert one.model_copy(update={"name": "n"}).place.file == one.place.file
    assert made.place.sentence("x", "entity") == "x"
    assert "place" not in one.model_dump_json()


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        (
            "value: cents",
            "value: amount",
            r"line 12: aggregates.spent: .* no column am",
        ),
        ("mean: spent / n", "mean: spnt / n", "line 18: features.mean: .*unknown name 'spnt'"),
        ("mean: spent / n", "mean: row.amount", "line 18: features.mean: .*no column amount"),
        (
            "table: core.transactions",
            "table: core.others",
            "line 6: spines: .*table core.others",
        ),
    ],
)
def test_an_expression_that_does_not_fit_the_tables_is_reported_with_its_line(
    tmp_path: Path, old: str, new: str, place: str
) -> None:
    path = tmp_path / "defs.yaml"
    path.write_text(FEATURES.replace(old, new))
    (spec,) = find_specs("FeatureSet", FeatureSetSpec, tmp_path)
    with pytest.raises(FeatureError, match=rf"^{re.escape(str(path))}, {place}"):
        plan(spec, {"core.transactions": TABLE})


def test_the_message_remains_if_the_file_is_gone(tmp_path: Path) -> None:
    assert Place(tmp_path / "gone.yaml").sentence("what is wrong", "name") == "what is wrong"
