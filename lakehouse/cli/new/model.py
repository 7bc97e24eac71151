"""`lakehouse new model`: a LightGBM model of a label."""

from typing import TYPE_CHECKING

import click

from lakehouse.cli.new.writing import dry_run, in_domain, write_or_print
from lakehouse.cli.options import examples, pass_settings
from lakehouse.cli.output import print_line

if TYPE_CHECKING:
    from lakehouse.settings import Settings

_TASKS = ("binary", "multiclass", "regression")


@click.command(
    "model",
    epilog=examples(
        "lakehouse new model returns --spine core.fct_orders --label is_returned",
        "lakehouse new model churn --spine core.customer_days --label core.fct_churn.has_left "
        "--maturity 30d",
    ),
)
@click.argument("name")
@click.option(
    "--spine", required=True, metavar="TABLE", help="The core table whose rows are predicted."
)
@click.option(
    "--label",
    required=True,
    metavar="COLUMN",
    help="What is predicted: a column of that table, or schema.table.column of another.",
)
@click.option("--maturity", metavar="DURATION", help="How long after its event a label is settled.")
@click.option("--task", type=click.Choice(_TASKS), help="By the label's type if not given.")
@click.option(
    "--feature-sets", metavar="NAMES", help="All that are computed for the rows if not given."
)
@click.option(
    "--key", metavar="COLUMN", help="What identifies a row; by its test of uniqueness if not given."
)
@in_domain
@dry_run
@pass_settings
def command(
    settings: "Settings",
    name: str,
    spine: str,
    label: str,
    maturity: str | None,
    task: str | None,
    feature_sets: str | None,
    key: str | None,
    domain: str | None,
    dry_run: bool,
) -> None:
    """Declare the model NAME of a label.

    The periods fit the rows in the lake, if there are any. The gates are passed by a model that has
    learned anything, as nobody knows yet what is good.
    """
    from lakehouse.cli.new.tables import declared_tables
    from lakehouse.cli.opening import lake_exists
    from lakehouse.declarations.durations import parse_duration
    from lakehouse.declarations.specs import read_declarations
    from lakehouse.features.spec import FeatureSetSpec
    from lakehouse.lake import Lake
    from lakehouse.scaffolding.declared_tables import find_table
    from lakehouse.scaffolding.domains import choose_domain
    from lakehouse.scaffolding.model import Seen, Wanted, propose_model
    from lakehouse.scaffolding.seen import look

    project, tables = settings.project, declared_tables(settings)
    rows = find_table(tables, spine)
    table, _, column = label.rpartition(".")
    labels = find_table(tables, table) if table else rows
    labels.column(column)
    seen = Seen()
    if lake_exists(settings):
        with Lake(settings, read_only=True) as lake:
            seen = look(lake, rows, labels, column)
    wanted = Wanted(
        rows,
        key or rows.require_key(),
        labels,
        column,
        parse_duration(maturity) if maturity else None,
        task,
        tuple(feature_sets.replace(" ", "").split(",")) if feature_sets else (),
        seen,
    )
    declared = read_declarations({"FeatureSet": FeatureSetSpec}, project.defs_dir)
    domain = choose_domain(project, domain or rows.domain or None)
    proposal = propose_model(project, domain, name, wanted, declared.of(FeatureSetSpec))
    write_or_print(project, proposal, dry=dry_run)
    if not dry_run:
        print_line(f'next: lakehouse run --select "training/{name}+"')
