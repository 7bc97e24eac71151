"""`lakehouse benchmark`: published benchmarks."""

import click

from lakehouse.cli.groups import LazyGroup


@click.group("benchmark", cls=LazyGroup, package=__name__, names=("handbook",))
def command() -> None:
    """Run published benchmarks on the pipeline."""
