"""Options of all `new` commands, and what they print."""

from typing import TYPE_CHECKING

import click

from lakehouse.cli.output import Output, Toned

if TYPE_CHECKING:
    from lakehouse.project import Project
    from lakehouse.scaffolding.proposal import Proposal

dry_run = click.option("--dry-run", is_flag=True, help="Print the files instead of writing them.")
in_domain = click.option(
    "--domain", metavar="NAME", help="The domain that it belongs to; the only one if there is one."
)


def write_or_print(project: "Project", proposal: "Proposal", *, dry: bool) -> None:
    """Write the files and print their names, or print them; then print what was assumed."""
    from lakehouse.scaffolding.proposal import refuse_existing, write

    output = Output()
    if dry:
        refuse_existing(proposal.files)
        for file in proposal.files:
            output.print_line(Toned(f"# {_shown(project, file.path)}", "strong"))
            output.lines(file.text)
    else:
        write(proposal)
        for file in proposal.files:
            word = "wrote" if file.before is None else "added to"
            output.print_line(Toned(word, "good"), f" {_shown(project, file.path)}")
    if proposal.assumptions:
        output.print_line("assumed:")
        for sentence in proposal.assumptions:
            output.print_line(f"  - {sentence}")


def _shown(project: "Project", path: "object") -> str:
    from pathlib import Path

    full = Path(str(path))
    return str(full.relative_to(project.root) if full.is_relative_to(project.root) else full)
