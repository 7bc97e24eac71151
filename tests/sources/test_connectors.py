"""A new kind of source is one class: declared, landed, loaded and checked like any other."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

import dagster as dg
import pytest
from pydantic import ValidationError

from lakehouse.orchestration.resources import Clock, LakeResource
from lakehouse.orchestration.sensors import build_source_sensor
from lakehouse.settings import Settings
from lakehouse.sources import SourceSpec, extract, load, pending
from lakehouse.sources.connectors.connector import Connector
from lakehouse.sources.connectors.registry import CONNECTORS, any_of

from .conftest import Harness, json_lines, make_spec, payment

NOW = datetime(2026, 5, 3, 12, tzinfo=UTC)


GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "add-a-source.md"
# the class that the guide shows, word for word
exec(re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)[0])
Notebook: type[Connector] = locals()["Notebook"]


class Spec(SourceSpec):
    """`SourceSpec` with one more line in the registry."""

    connector: any_of((*CONNECTORS, Notebook))  # type: ignore[valid-type]


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    path = tmp_path / "notebook.txt"
    path.write_bytes(json_lines(*(payment(n, datetime(2026, 5, 1)) for n in range(3))))
    return path


def spec_of(path: Path) -> SourceSpec:
    declared = make_spec().model_dump(by_alias=True, exclude_defaults=True)
    return Spec.model_validate({**declared, "connector": {"kind": "notebook", "path": path}})


def evaluate_sensor(spec: SourceSpec, settings: Settings) -> Any:
    resources = {"lake": LakeResource(), "clock": Clock(at=NOW.isoformat())}
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_sensor_context(instance=instance, resources=resources) as context,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in settings.environment().items():
            patch.setenv(name, value)
        return build_source_sensor([spec]).evaluate_tick(context)


def test_a_new_kind_works_from_its_spec_to_the_lake_and_the_sensor(
    harness: Harness, notebook: Path
) -> None:
    spec = spec_of(notebook)
    (request,) = evaluate_sensor(spec, harness.settings).run_requests
    assert {key.path[-1] for key in request.asset_selection} == {"payments"}
    extraction = extract(spec, harness.settings)
    assert (len(extraction.files), extraction.rows) == (1, 3)
    assert load(spec, harness.lake, harness.settings).rows == 3
    assert harness.rows("id") == [(0,), (1,), (2,)]
    assert extract(spec, harness.settings).files == ()
    assert evaluate_sensor(spec, harness.settings).run_requests == []
    assert pending(spec, harness.lake) == ""


def test_a_source_keeps_its_kind_when_serialized_and_parsed(notebook: Path) -> None:
    spec = spec_of(notebook)
    assert Spec.model_validate_json(spec.model_dump_json(by_alias=True)) == spec
    assert isinstance(spec.connector, Notebook)


def test_a_kind_that_lacks_an_abstract_method_cannot_be_instantiated() -> None:
    class Half(Connector):
        kind: Literal["half"]

        def news(self, *_: Any) -> str:  # type: ignore[override]
            return ""

    with pytest.raises(TypeError, match=r"abstract method '?land"):
        Half(kind="half")  # type: ignore[abstract]


def test_registered_kinds_are_unique_and_the_error_for_an_unknown_one_lists_them() -> None:
    kinds = [get_args(kind.model_fields["kind"].annotation)[0] for kind in CONNECTORS]
    assert len(kinds) == len({*kinds}) > 0
    with pytest.raises(ValidationError) as error:
        make_spec(connector={"kind": "ftp"})
    assert all(f"'{kind}'" in str(error.value) for kind in kinds)


@pytest.mark.parametrize(
    ("contract", "message"),
    [
        ({}, "needs a column `op`"),
        ({"key": ["id", "time"], "columns": "op"}, "needs a `key` of one column"),
    ],
)
def test_a_kind_refuses_a_contract_that_it_cannot_fulfil(
    contract: dict[str, Any], message: str
) -> None:
    columns = make_spec().model_dump(by_alias=True)["contract"]["columns"]
    if contract.pop("columns", ""):
        columns = [*columns, {"name": "op", "type": "VARCHAR", "description": "what it is"}]
    with pytest.raises(ValidationError, match=message):
        make_spec(
            columns, contract=contract, connector={"kind": "database", "url": "x", "table": "t"}
        )
