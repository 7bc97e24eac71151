"""`lakehouse new table`: a core table of the rows of a source."""

from typing import TYPE_CHECKING

import click

from lakehouse.cli.new.writing import dry_run, in_domain, write_or_print
from lakehouse.cli.options import examples, pass_settings
from lakehouse.cli.output import print_line

if TYPE_CHECKING:
    from lakehouse.settings import Settings


@click.command(
    "table",
    epilog=examples(
        "lakehouse new table fct_orders --of stg_orders",
        "lakehouse new table fct_lines --of stg_lines --key order_id,line --domain shop",
    ),
)
@click.argument("name")
@click.option(
    "--of", "staging", required=True, metavar="VIEW", help="The staging view, such as stg_orders."
)
@click.option(
    "--key", metavar="COLUMNS", help="What identifies a row; the source's key if not given."
)
@in_domain
@dry_run
@pass_settings
def command(
    settings: "Settings",
    name: str,
    staging: str,
    key: str | None,
    domain: str | None,
    dry_run: bool,
) -> None:
    """Write the dbt model of the core table NAME.

    It has a row for each key of the staging view, in its first version, and grows by increments.
    Feature sets and models read such tables.
    """
    from lakehouse.cli.new.tables import declared_tables
    from lakehouse.lake.layout import CORE
    from lakehouse.scaffolding.declared_tables import find_table
    from lakehouse.scaffolding.domains import choose_domain
    from lakehouse.scaffolding.table import key_of, propose_table

    project, tables = settings.project, declared_tables(settings)
    view = find_table(tables, staging)
    columns = tuple(key.replace(" ", "").split(",")) if key else key_of(project, view)
    domain = choose_domain(project, domain or view.domain or None)
    proposal = propose_table(project, domain, name, view, columns, tables)
    write_or_print(project, proposal, dry=dry_run)
    if not dry_run:
        table = CORE.table(name)
        print_line(f"next: lakehouse new feature-set NAME --of {table} --entity COLUMN")
