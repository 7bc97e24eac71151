"""The dbt project without Dagster: its location, its state, parsed only after a change.

The assets are in `assets.py`.
"""

import hashlib
import io
import json
import logging
import os
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from lakehouse.errors import LakehouseError
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunner
    from dbt.contracts.graph.manifest import Manifest

PACKAGES = Path(__file__).resolve().parents[2] / "dbt_packages"
"""The folder of the engine's dbt package, whose macros and tests every project uses."""
PACKAGES_VARIABLE = "DBT_LAKEHOUSE_PACKAGES"
"""The environment variable in which a project's `packages-install-path` looks for it."""
_PARSED_SUFFIXES = {".sql", ".yml", ".yaml", ".csv", ".md", ".py"}


class DbtProjectError(LakehouseError):
    """The dbt project does not parse."""


@dataclass(frozen=True)
class DbtProjectFiles:
    """The project of `settings.dbt_dir`, with its compiled state in the data folder."""

    settings: Settings
    variables: dict[str, object] = field(default_factory=dict)

    @property
    def directory(self) -> Path:
        """The folder of `dbt_project.yml`."""
        return self.settings.dbt_dir

    @property
    def target(self) -> Path:
        """The folder for dbt's parsed, compiled and run artefacts."""
        return self.settings.data_dir / "dbt" / "target"

    @cached_property
    def fingerprint(self) -> str:
        """A hash of every file that dbt reads, in the project and in the engine's package."""
        digest = hashlib.sha256(f"{sys.version}{self.variables}".encode())
        for folder in (self.directory, PACKAGES):
            for path in sorted(folder.rglob("*")):
                inside = path.relative_to(folder)
                if path.suffix in _PARSED_SUFFIXES and inside.parts[0] not in ("target", "logs"):
                    digest.update(f"{inside}\0{len(path.read_bytes())}\0".encode())
                    digest.update(path.read_bytes())
        return digest.hexdigest()[:16]

    def manifest_path(self) -> Path:
        """The manifest of the project's current state; parses it first if anything changed.

        Raises:
            DbtProjectError: when it does not parse, with the cause and the location.
        """
        if not self._is_parsed():
            self.__dict__["parsed"] = self._parse(write=True)
            self._stamp.write_text(self.fingerprint)
        return self.target / "manifest.json"

    @cached_property
    def parsed(self) -> "Manifest":
        """The parsed project as a dbt object, which saves dbt from parsing it again."""
        if self._is_parsed():
            return self._parse(write=False)
        self.manifest_path()
        return self.parsed

    @property
    def _stamp(self) -> Path:
        return self.target / "fingerprint"

    def _is_parsed(self) -> bool:
        exists = self._stamp.exists() and (self.target / "manifest.json").exists()
        return exists and self._stamp.read_text() == self.fingerprint

    def _parse(self, *, write: bool) -> "Manifest":
        """Parse the changes: 0.5 s for none, 4 s for the whole project; importing dbt takes 3 s."""
        flags = ["--quiet", "--write-json" if write else "--no-write-json"]
        command = [*flags, "parse", *self.variable_arguments(), *self.folder_arguments(self.target)]
        output = io.StringIO()
        with redirect_stdout(output):
            result = import_dbt()().invoke(command)
        if not result.success:
            cause = output.getvalue().strip() or str(result.exception)
            raise DbtProjectError(f"the dbt project in {self.directory} cannot be parsed: {cause}")
        return cast("Manifest", result.result)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The parsed manifest."""
        manifest: dict[str, Any] = json.loads(self.manifest_path().read_bytes())
        return manifest

    @cached_property
    def models(self) -> dict[str, dict[str, Any]]:
        """The manifest's model nodes, by `schema.name`."""
        nodes = self.manifest["nodes"].values()
        return {f"{n['schema']}.{n['name']}": n for n in nodes if n["resource_type"] == "model"}

    @property
    def contracts(self) -> dict[str, dict[str, str]]:
        """Columns and SQL types, by `schema.name`, of the models whose contract dbt enforces."""
        return {
            name: {c["name"]: c.get("data_type") or "" for c in node["columns"].values()}
            for name, node in self.models.items()
            if node.get("contract", {}).get("enforced")
        }

    def folder_arguments(self, target: Path) -> list[str]:
        """The folders of project, profile and target, as dbt arguments."""
        return [
            *("--project-dir", str(self.directory), "--profiles-dir", str(self.directory)),
            *("--target-path", str(target), "--log-path", str(target)),
        ]

    def variable_arguments(self, **variables: object) -> list[str]:
        """The project's variables and these, as dbt arguments."""
        merged = {**self.variables, **variables}
        return ["--vars", json.dumps(merged)] if merged else []


def import_dbt() -> "type[dbtRunner]":
    """dbt's programmatic interface, which finds the engine's package.

    Its import takes seconds and must not change logging.
    """
    os.environ[PACKAGES_VARIABLE] = str(PACKAGES)
    handlers = [*logging.getLogger().handlers]
    from dbt.cli.main import dbtRunner

    logging.getLogger().handlers = handlers  # one of dbt's imports adds a handler to the root
    return dbtRunner
