"""Every setting, typed, from the environment (prefix `LAKEHOUSE_`). Nothing else reads it.

The settings of a single source (its URL, its credentials) are in that source's YAML, not here.
"""

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from lakehouse.errors import LakehouseError
from lakehouse.project import Project, find_project, read_project
from lakehouse.redaction import redact_all, register_address, register_secret, register_webhook

PREFIX = "LAKEHOUSE_"
_SIZE = re.compile(
    r"\s*(?P<number>\d+(\.\d+)?)\s*(?P<unit>[KMGT]?)(?P<binary>i?)B\s*", re.IGNORECASE
)


class SettingsError(LakehouseError):
    """An unknown setting, or one with an invalid value."""


class Settings(BaseSettings):
    """Paths and resource limits.

    Paths are absolute after validation; unset ones are in `data_dir`.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    project_dir: Path = Field(
        description="The project; by default the nearest one from the working directory upward"
    )
    data_dir: Path = Field(
        description="Folder for everything that a run creates; by default the project's"
    )
    catalog: str = Field(
        default="",
        description="DuckLake catalog: sqlite:<path> (embedded) or postgres:<libpq string>",
    )
    storage: str = Field(
        default="", description="Location of the Parquet files: a folder or s3://bucket/prefix"
    )
    encrypted: bool = Field(
        default=False,
        description="Whether a new lake encrypts its files, so that reads detect flipped bits",
    )
    landing: str = Field(default="", description="The landing zone: a folder or s3://bucket/prefix")
    dbt_dir: Path = Field(description="The dbt project; by default the project's")
    memory_limit: str = Field(
        default="4GB", description="Maximum memory of DuckDB before it spills to disk"
    )
    longest_row: str = Field(
        default="1MB",
        description="Maximum size of a row in a landed file; a longer row is quarantined",
    )
    threads: int = Field(
        default=0, ge=0, description="Threads of DuckDB and LightGBM; 0 means one per core"
    )
    lock_timeout: float = Field(
        default=600.0, gt=0, description="Seconds that a writer waits for the write lock"
    )
    keep_runs: int = Field(default=100, ge=1, description="Number of runs in Dagster's history")
    keep_run_days: int = Field(default=30, ge=1, description="Days for which it keeps a run")
    mlflow_tracking_uri: str = Field(
        default="",
        description="MLflow server that receives model versions and their roles (extra `mlflow`)",
    )
    webhook_url: str = Field(default="", description="URL to post failed runs to, as JSON")
    pii_key: str = Field(
        default="",
        description="Secret key of the tokens that replace personal data; generated if unset",
    )
    s3_endpoint: str = Field(
        default="", description="Host and port of an S3-compatible store; empty means AWS"
    )
    s3_use_ssl: bool = Field(default=True, description="Whether to connect to it over TLS")
    s3_region: str = Field(default="us-east-1", description="Region of that store")
    s3_key_id: str = Field(default="", description="Access key of that store")
    s3_secret: str = Field(default="", description="Secret key of that store")

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        for name, value in super().__repr_args__():
            yield name, redact_all(value)

    @model_validator(mode="before")
    @classmethod
    def _register_secrets(cls, values: dict[str, object]) -> dict[str, object]:
        """Register secrets before anything, including a validation error, can print the values."""
        for name in ("pii_key", "s3_secret"):
            register_secret(str(values.get(name, "")))
        for name in ("catalog", "storage", "landing", "mlflow_tracking_uri", "s3_endpoint"):
            register_address(str(values.get(name, "")))
        register_webhook(str(values.get("webhook_url", "")))
        return values

    @model_validator(mode="before")
    @classmethod
    def _set_default_paths(cls, values: dict[str, object]) -> dict[str, object]:
        given = {
            name: Path(str(values[name])).expanduser().resolve()
            for name in ("project_dir", "data_dir", "dbt_dir")
            if name in values
        }
        at = given.get("project_dir")
        project = read_project(at) if at else find_project(Path.cwd())
        data_dir = given.get("data_dir", project.data_dir)
        defaults = {
            "project_dir": project.root,
            "data_dir": data_dir,
            "dbt_dir": project.dbt_dir,
            "catalog": f"sqlite:{data_dir / 'lake' / 'catalog.sqlite'}",
            "storage": str(data_dir / "lake" / "files"),
            "landing": str(data_dir / "landing"),
        }
        unset = {name: value for name, value in defaults.items() if not values.get(name)}
        return {**values, **given, **unset}

    @model_validator(mode="after")
    def _check_catalog(self) -> Self:
        if self.catalog.split(":", 1)[0] not in ("sqlite", "postgres"):
            raise ValueError(
                f"{PREFIX}CATALOG: {self.catalog!r} starts with neither sqlite: nor postgres:"
            )
        return self

    @model_validator(mode="after")
    def _check_sizes(self) -> Self:
        for name in ("memory_limit", "longest_row"):
            if not _SIZE.fullmatch(value := getattr(self, name)):
                raise ValueError(
                    f"{PREFIX}{name.upper()}: {value!r} is not a valid size; "
                    "write one like 4GB or 512MiB"
                )
        return self

    @property
    def project(self) -> Project:
        """The project of `project_dir`."""
        return read_project(self.project_dir)

    @property
    def memory_bytes(self) -> int:
        """`memory_limit` in bytes, as DuckDB reads it: GB is 1000^3 bytes and GiB 1024^3."""
        return _bytes(self.memory_limit)

    @property
    def longest_row_bytes(self) -> int:
        """`longest_row` in bytes."""
        return _bytes(self.longest_row)

    @property
    def embedded(self) -> bool:
        """Whether the catalog is a file on this machine, guarded by a lock file."""
        return self.catalog.startswith("sqlite:")

    @property
    def has_default_storage(self) -> bool:
        """Whether the lake's files are in their default location, next to the catalog."""
        folder = Path(self.catalog.removeprefix("sqlite:")).parent
        return self.embedded and Path(self.storage) == folder / "files"

    @property
    def models_dir(self) -> Path:
        """The folder of the artefacts of model versions."""
        return self.data_dir / "models"

    @property
    def cores(self) -> int:
        """The number of threads to use, at least one."""
        return self.threads or count_cores()

    def environment(self) -> dict[str, str]:
        """These settings as environment variables, for a child process that needs the same ones."""
        return {
            PREFIX + name.upper(): str(value)
            for name, value in self.model_dump().items()
            if value != ""
        }


def count_cores() -> int:
    """Cores that this process may use, at least one: respects CPU affinity where available."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _bytes(size: str) -> int:
    parts = _SIZE.fullmatch(size)
    assert parts  # validated
    base = 1024 if parts["binary"] else 1000
    return int(float(parts["number"]) * base ** " KMGT".index(parts["unit"].upper() or " "))


def load_settings(environment: Mapping[str, str] | None = None, **overrides: object) -> Settings:
    """The settings of this process; `overrides` win over the environment.

    Raises:
        SettingsError: for an unknown variable with our prefix, or an invalid value.
    """
    environment = os.environ if environment is None else environment
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    values: dict[str, object] = {}
    for variable, value in environment.items():
        if not variable.startswith(PREFIX):
            continue
        if variable not in known:
            near = difflib.get_close_matches(variable, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}"
            raise SettingsError(f"unknown setting {variable}; {hint}")
        values[variable.removeprefix(PREFIX).lower()] = value
    try:
        return Settings.model_validate({**values, **overrides})
    except ValidationError as error:
        problems = "; ".join(
            f"{PREFIX}{'_'.join(map(str, problem['loc'])).upper()}: {problem['msg']}"
            if problem["loc"]
            else problem["msg"].removeprefix("Value error, ")  # names its setting
            for problem in error.errors()
        )
        # pydantic's message shows the values
        raise SettingsError(f"invalid setting: {problems}") from None
