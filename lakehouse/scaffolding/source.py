"""The proposal of a source: its declaration, its dbt source and its staging model."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import yaml
from pydantic import ValidationError

from lakehouse.declarations.specs import COMPONENTS, FILE_NAME
from lakehouse.lake.layout import STAGING
from lakehouse.project import Project
from lakehouse.scaffolding.contract import ProposedContract, propose_contract
from lakehouse.scaffolding.dbt_sources import add_to_sources
from lakehouse.scaffolding.declared_names import refuse_name_clashes
from lakehouse.scaffolding.domains import models_folder
from lakehouse.scaffolding.errors import ScaffoldingError
from lakehouse.scaffolding.profile import is_name, profile_columns
from lakehouse.scaffolding.proposal import File, Proposal
from lakehouse.scaffolding.samples import Sample
from lakehouse.scaffolding.seals import Seals, find_seals
from lakehouse.scaffolding.staging import staging_sql, staging_yaml
from lakehouse.scaffolding.times import Time, find_time
from lakehouse.scaffolding.yaml_text import one_line, prose
from lakehouse.sources.errors import SpecError
from lakehouse.sources.landing import Landing
from lakehouse.sources.reading import Unreadable, file_format
from lakehouse.sources.spec import SourceSpec


@dataclass(frozen=True, eq=False)
class ProposedSource:
    """The files, and what lands: for each file of the sample its name in the landing zone."""

    spec: SourceSpec
    files: Proposal
    landing: tuple[tuple[Path, str], ...]


def propose_source(
    project: Project, domain: str, name: str, sample: Sample, now: datetime
) -> ProposedSource:
    """The proposal of the source `name` from a sample of its files, at the time `now` (UTC).

    Raises:
        ScaffoldingError: when the name is not valid or taken, or no contract fits the sample.
    """
    refuse_name_clashes(project, "source", "Source", SourceSpec, name)
    columns = profile_columns(sample)
    if not columns:
        raise ScaffoldingError("no column of the sample has a name; name them in the first line")
    time = find_time(sample, columns, now)
    seals = _find_seals(sample, time, now)
    contract = propose_contract(sample, columns, time)
    text = _declaration(domain, name, sample, contract, seals)
    spec = _validated(text)
    models = models_folder(project, domain)
    folder = project.defs_dir / domain / "sources" / name
    files = (
        File(folder / FILE_NAME, text),
        add_to_sources(models / "sources.yml", name, _description(sample)),
        File(models / STAGING / f"stg_{name}.sql", staging_sql(name, contract)),
        File(models / STAGING / f"stg_{name}.yml", staging_yaml(name, contract)),
    )
    assumed = (*_about_sample(sample), *contract.assumptions, *seals.sentences)
    landed = tuple(zip((file.path for file in sample.files), seals.names, strict=True))
    return ProposedSource(spec, Proposal(files, assumed), landed)


def land(proposed: ProposedSource, landing: Landing) -> list[str]:
    """Copy the files of the sample into the landing zone; returns the names of those copied.

    A file that is in the landing zone already stays as it is.
    """
    there = {file.name: file for file in landing.files()}
    copied = []
    for path, name in proposed.landing:
        if name in there:
            if Path(there[name].path).resolve() != path.resolve():
                raise ScaffoldingError(
                    f"{landing.root}/{name} exists; remove it, or give --from {landing.root}"
                )
            continue
        copied.append(landing.put(name, _copy(path)))
    return copied


def _copy(path: Path) -> Callable[[Path], object]:
    import shutil

    return lambda to: shutil.copyfile(path, to)


def _find_seals(sample: Sample, time: Time | None, now: datetime) -> Seals:
    written = [
        min(datetime.fromtimestamp(file.path.stat().st_mtime, UTC).replace(tzinfo=None), now)
        for file in sample.files
    ]
    names = [file.name for file in sample.files]
    return find_seals(names, time.spans if time else [None] * len(names), written)


def _declaration(
    domain: str, name: str, sample: Sample, contract: ProposedContract, seals: Seals
) -> str:
    form = sample.form
    lines = [
        f"type: {COMPONENTS}.Source",
        "attributes:",
        f"  name: {name}",
        f"  description: {one_line(prose(_description(sample)))}",
        f"  owners: {one_line([f'team:{domain}'])}",
        f"  tags: {one_line({'domain': domain} | ({'pii': 'true'} if contract.personal else {}))}",
        "  connector: {kind: files}",
    ]
    if any(_format_of(name) != form.format for name in seals.names):
        lines.append(f"  format: {form.format}")
    if form.format == "csv" and form.delimiter != ",":
        lines.append(f"  delimiter: {one_line(form.delimiter)}")
    if form.encoding != "utf-8":
        lines.append(f"  encoding: {form.encoding}")
    if contract.time is None:
        lines.append("  # complete: always  # for a lookup: nothing waits for its next file")
    if pattern := seals.declaration():
        lines.append(f"  seal_pattern: {one_line(pattern)}")
    return "\n".join([*lines, *contract.lines()]) + "\n"


def _format_of(name: str) -> str:
    try:
        return file_format(name)
    except Unreadable:
        return ""


def _description(sample: Sample) -> str:
    names = [file.name for file in sample.files]
    kind = {"csv": "CSV", "jsonl": "JSON Lines", "parquet": "Parquet"}[sample.form.format]
    if len(names) == 1:
        return f"{kind} files like {names[0]}."
    return f"{kind} files like {names[0]} and {names[-1]}."


def _validated(text: str) -> SourceSpec:
    """The declaration as the engine reads it: a proposal that would not load is a bug, shown."""
    try:
        return SourceSpec.model_validate(yaml.safe_load(text)["attributes"])
    except (ValidationError, SpecError) as error:
        raise ScaffoldingError(
            "no valid declaration was found for this sample, which is a fault of the engine: "
            f"{error}"
        ) from error


def _about_sample(sample: Sample) -> list[str]:
    form, rows = sample.form, f"{sample.rows:,} rows of {len(sample.files)} files"
    if len(sample.files) == 1:
        rows = f"{sample.rows:,} rows"
    read = f"read {rows}" if sample.is_whole else f"read the first {rows}; more rows follow"
    how = {"csv": f"CSV, delimiter {form.delimiter!r}, {form.encoding}", "jsonl": "JSON Lines"}
    found = [f"{read} ({how.get(form.format, 'Parquet')})"]
    if sample.broken:
        first = sample.broken[0]
        found.append(
            f"{len(sample.broken):,} rows are malformed and will be set aside, the first one row "
            f"{first.row} of {first.file}: {first.why}"
        )
    if form.format == "csv" and len(sample.columns) == 1:
        found.append(
            "there is one column; if its values are several, they are divided by none of `,` `;` "
            "`|` and tab: set `delimiter`"
        )
    unnamed = sum(not is_name(origin) for origin in sample.columns)
    if unnamed:
        found.append(f"left out, as they have no visible name: {unnamed} columns")
    return found
