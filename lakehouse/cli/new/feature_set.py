"""`lakehouse new feature-set`: windows over the rows of a core table."""

from typing import TYPE_CHECKING

import click

from lakehouse.cli.new.writing import dry_run, in_domain, write_or_print
from lakehouse.cli.options import examples, pass_settings
from lakehouse.cli.output import print_line

if TYPE_CHECKING:
    from lakehouse.settings import Settings


@click.command(
    "feature-set",
    epilog=examples(
        "lakehouse new feature-set customer_orders --of core.fct_orders --entity customer_id",
        "lakehouse new feature-set order_context --of core.fct_orders --entity customer_id "
        "--row amount_cents,channel --values amount_cents,returned",
    ),
)
@click.argument("name")
@click.option(
    "--of", "table", required=True, metavar="TABLE", help="The core table of rows and windows."
)
@click.option(
    "--entity", required=True, metavar="COLUMN", help="What the features describe: a column of it."
)
@click.option(
    "--key", metavar="COLUMN", help="What identifies a row; by its test of uniqueness if not given."
)
@click.option(
    "--row",
    metavar="COLUMNS",
    help="Its own columns that are known when a decision is made, as features.",
)
@click.option(
    "--values",
    metavar="COLUMNS",
    help="The columns that windows are made of; the first of each kind if not given.",
)
@in_domain
@dry_run
@pass_settings
def command(
    settings: "Settings",
    name: str,
    table: str,
    entity: str,
    key: str | None,
    row: str | None,
    values: str | None,
    domain: str | None,
    dry_run: bool,
) -> None:
    """Declare the feature set NAME over a core table.

    Counts, sums and means over 1, 7 and 30 days of the numbers of the table, and the time since
    the last row, of each entity.
    """
    from lakehouse.cli.new.tables import declared_tables
    from lakehouse.scaffolding.declared_tables import find_table
    from lakehouse.scaffolding.domains import choose_domain
    from lakehouse.scaffolding.feature_set import propose_feature_set

    project = settings.project
    found = find_table(declared_tables(settings), table)
    domain = choose_domain(project, domain or found.domain or None)
    own, chosen = _columns(row), _columns(values)
    proposal = propose_feature_set(
        project, domain, name, found, entity, key or found.require_key(), own, chosen
    )
    write_or_print(project, proposal, dry=dry_run)
    if not dry_run:
        print_line(f"next: lakehouse run --select features/{name}")


def _columns(text: str | None) -> tuple[str, ...]:
    return tuple(text.replace(" ", "").split(",")) if text else ()
