"""A source's YAML: mistakes are reported with file, line and field."""

from pathlib import Path
from typing import Any

import pytest

from lakehouse.settings import load_settings
from lakehouse.sources import SpecError, load_spec
from lakehouse.sources.contract import Column
from lakehouse.sources.places import resolve
from lakehouse.sources.spec import SealPattern

from .conftest import DEFS, column, make_spec

YAML = """type: lakehouse.orchestration.components.Source
attributes:
  name: payments
  description: Payments
  owners: ["team:tests"]
  connector: {kind: files}
  contract:
    key: [id]
    declared_time: time
    on_change: freeze
    columns:
      - {name: id, type: BIGINT, description: Number}
      - name: time
        type: TIMESTAMP
        description: When
"""


def test_the_payments_sources_are_valid_and_fully_described() -> None:
    specs = [load_spec(path) for path in sorted(DEFS.glob("*/defs.yaml"))]
    assert [spec.name for spec in specs] == [
        "chargebacks",
        "customers",
        "exchange_rates",
        "terminals",
        "transactions",
    ]
    assert all(spec.freshness and spec.description and spec.owners for spec in specs)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("type: TIMESTAMP", "type: DATETIME", r"line 14: contract.columns.1.type: .*'DATETIME'"),
        ("name: payments", "nmae: payments", r"line 3: nmae: .*did you mean name"),
        ("kind: files", "kind: ftp", r'line 6: connector\.kind: "ftp"'),
        ("key: [id]", "key: [ids]", r"line 8: contract.key: 'ids'"),
        ("on_change: freeze", "on_change: maybe", r"line 10: contract.on_change: .*'evolve'"),
        ("team:tests", "tests", r"owner 'tests' is neither"),
        ("description: Payments", "description: [", "this is not valid YAML"),
        ("attributes:", "attribute:", "there is no `attributes` section"),
        ("name: time", "name: known_at", "known_at is a column that the loader adds"),
    ],
)
def test_the_error_for_a_mistake_names_its_place(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    path = tmp_path / "defs.yaml"
    path.write_text(YAML)
    load_spec(path)
    path.write_text(YAML.replace(old, new))
    with pytest.raises(SpecError, match=message) as error:
        load_spec(path)
    assert str(path) in str(error.value)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot read"):
        load_spec(tmp_path / "none.yaml")


def test_an_expression_is_compiled_when_the_spec_is_made() -> None:
    columns = [column("id", "BIGINT"), column("time", "TIMESTAMP")]
    with pytest.raises(ValueError, match="expression 'year\\(tme\\)' of y"):
        make_spec([*columns, column("y", "INTEGER", expression="year(tme)")])


def test_placeholders_are_filled_from_environment_and_settings(tmp_path: Path) -> None:
    settings = load_settings({}, data_dir=tmp_path)
    text = "${BANK:-sqlite:{data_dir}/world/bank.sqlite}"
    assert resolve(text, settings, {}) == f"sqlite:{tmp_path}/world/bank.sqlite"
    assert resolve(text, settings, {"BANK": "pg://a:{b}@c"}) == "pg://a:{b}@c"
    assert resolve("{landing}/x", settings, {}) == f"{tmp_path}/landing/x"
    with pytest.raises(SpecError, match=r"unknown placeholder \{home\}"):
        resolve("{home}/x", settings, {})
    with pytest.raises(SpecError, match="needs the environment variable BANK"):
        resolve("${BANK}", settings, {})


@pytest.mark.parametrize(
    ("name", "seal"),
    [
        ("20260525T235959999999Z.jsonl.gz", "2026-05-25 23:59:59.999999"),
        ("20260525T235959999999Z-part-2.csv", "2026-05-25 23:59:59.999999"),
        ("20261325T235959999999Z.csv", None),
        ("today.csv", None),
    ],
)
def test_a_seal_is_read_from_the_name(name: str, seal: str | None) -> None:
    read = SealPattern().read(name)
    assert (str(read.time) if read else None) == seal


def test_a_type_may_be_written_in_any_case() -> None:
    values: dict[str, Any] = column("a", "decimal(18, 2)")
    assert Column.model_validate(values).type == "DECIMAL(18,2)"
