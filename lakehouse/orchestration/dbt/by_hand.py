"""A dbt command that a person typed, with the folders, the lake and the macros of the project."""

from collections.abc import MutableMapping, Sequence

from lakehouse.errors import LakehouseError
from lakehouse.orchestration.dbt.project import import_dbt
from lakehouse.settings import Settings


class DbtUsageError(LakehouseError):
    """A dbt command line that dbt does not understand."""


def run_by_hand(
    settings: Settings, arguments: Sequence[str], environment: MutableMapping[str, str]
) -> int:
    """Run dbt in this process and return its exit status: 0, 1 for failures, 2 for errors.

    Its folders are set in `environment`, so that options of the command win. The compiled files are
    apart from those of runs of the graph, which would take other variables for their own.

    Raises:
        DbtUsageError: when dbt does not know the command or an option; it prints nothing then.
    """
    target = str(settings.data_dir / "dbt" / "by_hand")
    places = {
        "DBT_PROJECT_DIR": str(settings.dbt_dir),
        "DBT_PROFILES_DIR": str(settings.dbt_dir),
        "DBT_TARGET_PATH": target,
        "DBT_LOG_PATH": target,
    }
    environment.update(settings.environment())  # for the plugin, wherever dbt changes to
    for name, value in places.items():
        environment.setdefault(name, value)
    runner = import_dbt()
    from dbt.cli.exceptions import DbtUsageException

    result = runner().invoke([*arguments])
    if isinstance(result.exception, DbtUsageException):
        raise DbtUsageError(f"dbt: {result.exception}")
    if result.success:
        return 0
    return 1 if result.exception is None else 2
