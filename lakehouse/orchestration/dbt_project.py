"""The dbt project as a plain thing: where it is, what state it is in, parsed only when it changed.

No assets here: see `dbt_assets.py`.
"""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from lakehouse.errors import LakehouseError
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

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
        """Where `dbt_project.yml` is."""
        return self.settings.dbt_dir

    @property
    def target(self) -> Path:
        """Where dbt writes what it parsed, compiled and ran."""
        return self.settings.data_dir / "dbt" / "target"

    @cached_property
    def fingerprint(self) -> str:
        """A hash of every file that dbt reads."""
        digest = hashlib.sha256(f"{sys.version}{self.variables}".encode())
        for path in sorted(self.directory.rglob("*")):
            inside = path.relative_to(self.directory)
            if path.suffix in _PARSED_SUFFIXES and inside.parts[0] not in ("target", "logs"):
                digest.update(f"{inside}\0{len(path.read_bytes())}\0".encode())
                digest.update(path.read_bytes())
        return digest.hexdigest()[:16]

    def manifest_path(self) -> Path:
        """The manifest of the project as it is now; parses it first if anything changed."""
        manifest, stamp = self.target / "manifest.json", self.target / "fingerprint"
        if manifest.exists() and stamp.exists() and stamp.read_text() == self.fingerprint:
            return manifest
        self.target.mkdir(parents=True, exist_ok=True)
        result = subprocess.run(
            [dbt_executable(), "--quiet", "parse", *self.arguments()],
            cwd=self.directory,
            env=self.environment(),
            capture_output=True,
            text=True,
        )
        if result.returncode != 0:
            raise DbtProjectError(
                f"the dbt project in {self.directory} does not parse: "
                f"{result.stdout.strip() or result.stderr.strip()}"
            )
        stamp.write_text(self.fingerprint)
        return manifest

    @cached_property
    def parsed(self) -> "Manifest":
        """The parsed project as dbt itself holds it: with it, dbt parses nothing again."""
        from dbt.cli.main import dbtRunner

        self.manifest_path()
        # dbt finds everything as it was and reads what is there: .5 s, and its imports
        command = ["--quiet", "--no-write-json", "parse", *self.arguments()]
        result = dbtRunner().invoke([*command, *self.places(self.target)])
        if result.exception:
            raise DbtProjectError(str(result.exception)) from result.exception
        return cast("Manifest", result.result)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The parsed manifest."""
        manifest: dict[str, Any] = json.loads(self.manifest_path().read_bytes())
        return manifest

    @cached_property
    def models(self) -> dict[str, dict[str, Any]]:
        """The manifest's nodes of models, by `schema.name`."""
        nodes = self.manifest["nodes"].values()
        return {f"{n['schema']}.{n['name']}": n for n in nodes if n["resource_type"] == "model"}

    def places(self, target: Path) -> list[str]:
        """Where the project and its profile are, and where dbt writes, as dbt takes them."""
        return [
            *("--project-dir", str(self.directory), "--profiles-dir", str(self.directory)),
            *("--target-path", str(target), "--log-path", str(target)),
        ]

    def arguments(self, **variables: object) -> list[str]:
        """The project's variables and these, as dbt takes them."""
        every = {**self.variables, **variables}
        return ["--vars", json.dumps(every)] if every else []

    def environment(self) -> dict[str, str]:
        """The variables of a dbt process that shall work on this lake."""
        return {
            **os.environ,
            **self.settings.environment(),
            "DBT_PROFILES_DIR": str(self.directory),
            "DBT_TARGET_PATH": str(self.target),
            "DBT_LOG_PATH": str(self.settings.data_dir / "dbt" / "logs"),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        }


def dbt_executable() -> str:
    """The dbt that is installed beside this Python."""
    return str(Path(sys.executable).with_name("dbt"))
