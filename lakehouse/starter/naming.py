"""The names of a new project: of the project itself, its Python package, and its first domain."""

import keyword
import re
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from lakehouse.declarations.names import NAME, PATTERNS
from lakehouse.declarations.place import KINDS
from lakehouse.errors import LakehouseError

LONGEST = 40
"""Characters of a name at most: asset groups and step names are made of it."""
_DBT_PACKAGES = {"dbt", "dbt_duckdb"}
_PROJECT = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")


class InitError(LakehouseError):
    """A project cannot be made with this name or in this folder."""


@dataclass(frozen=True)
class Names:
    """The names that templates use: `my-shop`, its package `my_shop`, and the domain `sales`."""

    project: str
    domain: str

    def __post_init__(self) -> None:
        if not _PROJECT.fullmatch(self.project) or len(self.project) > LONGEST:
            raise InitError(
                f"{self.project!r} is not a valid name of a project; write at most {LONGEST} "
                "lower-case letters, digits and single hyphens, and start with a letter, as in "
                "`my-shop`"
            )
        if not re.fullmatch(NAME, self.domain) or "__" in self.domain or len(self.domain) > LONGEST:
            raise InitError(
                f"{self.domain!r} is not a valid name of a domain; {PATTERNS[NAME]}, and has at "
                f"most {LONGEST} characters"
            )
        if self.domain in KINDS:
            raise InitError(
                f"the domain {self.domain!r} has the name of a folder in a domain; choose another "
                "with --domain"
            )
        if keyword.iskeyword(self.module) or _is_taken(self.module):
            raise InitError(
                f"the project's Python package would be {self.module}, a name that Python or an "
                "installed package has already; choose another one"
            )

    @property
    def module(self) -> str:
        """The project's Python package."""
        return self.project.replace("-", "_")


def _is_taken(module: str) -> bool:
    """Whether an import finds this name already, or dbt has a package of that name.

    A plain folder in the working directory can be imported too, but does not count: it may be the
    one that becomes the project.
    """
    if module in sys.stdlib_module_names or module in _DBT_PACKAGES:
        return True
    found = find_spec(module)
    if found is None or found.origin is not None:
        return found is not None
    return any(Path(path).parent != Path.cwd() for path in found.submodule_search_locations or ())
