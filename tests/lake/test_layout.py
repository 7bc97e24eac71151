"""Only one file defines the names of layers and tables; no other file spells them."""

import ast
import re
from collections.abc import Iterator

import pytest

from lakehouse.lake import Lake, Table, layout
from lakehouse.orchestration.dbt.steps import STAGES
from tests.project import PROJECT

PACKAGE = PROJECT.root / "lakehouse"
DBT = PROJECT.root / "dbt_project"
NAMES = "|".join(layout.LAYERS)
DOTTED = re.compile(rf"(?<![\w./-])({NAMES})\.\w+")
DOTTED_PREFIX = re.compile(rf"(?<![\w./-])({NAMES})\.$")
EXAMPLE = "an example in the help"
HANDBOOK = "the handbook's benchmark reads tables of its own project"
FIELD = "a field of cards, plans and answers, or the column of kept inputs, of that name"
MOVED_BY = "who moved a version, in the registry's history"
COMMAND = "the command of that name"
EXCEPTIONS = {
    **dict.fromkeys(
        [
            ("features/compile.py", "features"),
            ("features/spec.py", "features"),
            ("orchestration/maintenance_jobs.py", "features"),
            ("models/schema.py", "features"),
            ("benchmarks/handbook/evaluation.py", "features"),
            ("cli/models/show.py", "features"),
            ("training/summary.py", "features"),
            ("scoring/inputs.py", "features"),
            ("scoring/tables.py", "features"),
            ("scoring/pending.py", "features"),
            ("scoring/writing.py", "features"),
        ],
        FIELD,
    ),
    ("benchmarks/handbook/evaluation.py", "core.fct_transactions"): HANDBOOK,
    ("benchmarks/handbook/evaluation.py", "core.fct_labels"): HANDBOOK,
    ("cli/program.py", "quarantine"): COMMAND,
    ("cli/quarantine/__init__.py", "quarantine"): COMMAND,
    ("cli/sql.py", "core.fct_labels"): EXAMPLE,
    ("cli/sql.py", "raw.customers"): EXAMPLE,
    ("cli/new/feature_set.py", "core.fct_orders"): EXAMPLE,
    ("cli/new/model.py", "core.customer_days"): EXAMPLE,
    ("cli/new/model.py", "core.fct_churn"): EXAMPLE,
    ("cli/new/model.py", "core.fct_orders"): EXAMPLE,
    ("cli/new/table.py", "staging"): "the parameter of --of",
    ("monitoring/react/step.py", "monitoring"): MOVED_BY,
    ("training/step.py", "training"): MOVED_BY,
    ("orchestration/components/source_checks.py", "quarantine"): "the name of a check",
    ("orchestration/jobs.py", "ops"): "the part of a run's configuration that is for ops",
}
"""Words that are written like a layer but mean something else: file, word, and the reason."""


def literal_names(source: str) -> Iterator[str]:
    """Names of layers and tables in the strings of a module, without its docstrings."""
    tree = ast.parse(source)
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    docstrings = {id(statement.value) for statement in statements}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            for text, following in zip(node.values, node.values[1:], strict=False):
                found = DOTTED_PREFIX.search(str(getattr(text, "value", "")))
                if found and isinstance(following, ast.FormattedValue):
                    yield found[0]
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        if id(node) in docstrings:
            continue
        if node.value in layout.LAYERS:
            yield node.value
        yield from (found[0] for found in DOTTED.finditer(node.value))


def test_no_other_module_writes_out_the_name_of_a_layer_or_table() -> None:
    found = {
        (str(path.relative_to(PACKAGE)), word)
        for path in sorted(PACKAGE.rglob("*.py"))
        if path != PACKAGE / "lake" / "layout.py"
        for word in literal_names(path.read_text())
    }
    assert found == set(EXCEPTIONS), "a new one is written out, or an exception is no longer needed"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ('x = f"features.{name}"', ["features."]),
        ('x = f"SELECT 1 FROM ops.files WHERE {x}"', ["ops.files"]),
        ('group_name = "raw"', ["raw"]),
        ('x = "FROM registry.versions"', ["registry.versions"]),
        ('def f():\n    """Reads `raw.customers`."""', []),
        ('x = "from staging to features."', []),
        ('x = f"{a} features. {b}"', []),
        ('x = "lakehouse.features.spec"', []),
    ],
)
def test_what_counts_as_written_out(source: str, words: list[str]) -> None:
    assert list(literal_names(source)) == words


def test_every_model_is_in_the_folder_of_a_layer_that_dbt_builds() -> None:
    folders = {path.parent.name for path in (DBT / "models").rglob("*.sql")}
    assert folders == {layer for layers in STAGES.values() for layer in layers}


def test_dbt_sql_reads_only_known_tables_of_ops() -> None:
    known = {table for table in vars(layout).values() if isinstance(table, Table)}
    folders = (DBT, PACKAGE / "dbt_packages")
    texts = [path.read_text() for folder in folders for path in sorted(folder.rglob("*.sql"))]
    used = {found for text in texts for found in re.findall(r"\.(ops\.\w+)", text)}
    assert used == {layout.PROGRESS, layout.FILES}
    assert used <= known


def test_a_lake_has_every_layer(lake: Lake) -> None:
    query = "SELECT schema_name FROM duckdb_schemas() WHERE database_name = 'lake'"
    with lake.reader() as cursor:
        found = {name for (name,) in cursor.execute(query).fetchall()}
    assert found - {"main"} >= set(layout.LAYERS)


def test_no_two_tables_have_the_same_name() -> None:
    tables = [table for table in vars(layout).values() if isinstance(table, Table)]
    assert len(tables) == len(set(tables))
    assert {table.schema for table in tables} <= set(layout.LAYERS)


@pytest.mark.parametrize("text", ["", "raw", "raw.", ".customers", "lake.raw.customers"])
def test_text_in_another_form_is_not_a_table(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a valid table name: write it as schema\.table"):
        Table(text)


def test_a_table_equals_its_name_and_quotes_each_part() -> None:
    table = Table('raw.odd "name"')
    assert table == 'raw.odd "name"'
    assert table.parts == ("raw", 'odd "name"') == (table.schema, table.name)
    assert table.sql == '"lake"."raw"."odd ""name"""'


@pytest.mark.parametrize(
    ("table", "name"),
    [
        (layout.feature_view("risk"), "features.risk"),
        (layout.feature_view("risk", "daily"), "features.risk__daily"),
        (layout.feature_table("risk", "0a1b2c3d"), "features.risk__0a1b2c3d"),
        (layout.feature_table("risk__daily", "0a1b2c3d"), "features.risk__daily__0a1b2c3d"),
        (layout.training_table("detector"), "training.detector"),
        (layout.predictions_view("detector"), "predictions.detector"),
        (layout.shadow_table("detector"), "predictions.detector__shadow"),
        (layout.decisions_table("detector"), "predictions.detector__decisions"),
        (layout.inputs_table("detector"), "predictions.detector__inputs"),
        (layout.log_table("predictions.detector"), "predictions.detector__log"),
        (
            layout.superseded_table(layout.shadow_table("detector")),
            "predictions.detector__shadow__superseded",
        ),
        (layout.watch_progress("detector", "v1"), "monitoring.detector@v1"),
        (layout.review_progress("detector", "v1"), "monitoring.detector@v1/matured"),
        (layout.shadow_progress("detector", "v1"), "predictions.detector__shadow@v1"),
    ],
)
def test_table_names_are_those_of_existing_lakes(table: str, name: str) -> None:
    assert table == name


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("FROM lake.features.risk__0a1b2c3d", [("risk", "0a1b2c3d")]),
        ('"features"."risk__daily__0a1b2c3d"', [("risk__daily", "0a1b2c3d")]),
        ("FROM features.risk__daily", []),
    ],
)
def test_a_version_is_found_wherever_its_table_is_named(
    text: str, found: list[tuple[str, str]]
) -> None:
    assert layout.VERSIONED.findall(text) == found
