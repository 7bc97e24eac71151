"""The domains of a project, and the folders of a new one."""

from pathlib import Path

from lakehouse.declarations.place import KINDS
from lakehouse.lake.layout import CORE, REPORTING, STAGING
from lakehouse.project import Project
from lakehouse.scaffolding.errors import ScaffoldingError
from lakehouse.scaffolding.names import check_name
from lakehouse.scaffolding.proposal import File, Proposal

MODEL_LAYERS = (STAGING, CORE, REPORTING)
"""The folders of a domain's dbt models."""
_TAKEN = (*KINDS, *MODEL_LAYERS, "project")

_README = """# {title}

What this domain is, who owns it, and whom to ask.

| what | where | made by |
| -- | -- | -- |
| sources | `sources/<name>/defs.yaml` | `lakehouse new source NAME --from FILE --domain {name}` |
| dbt models | `{dbt}/{{staging,core,reporting}}/` | `lakehouse new table NAME --of stg_<source>` |
| feature sets | `feature_sets/<name>/defs.yaml` | `lakehouse new feature-set NAME --of TABLE` |
| models | `models/<name>/defs.yaml` | `lakehouse new model NAME --spine TABLE` |
"""


def propose_domain(project: Project, name: str) -> Proposal:
    """The folders of a new domain, with a README.

    Raises:
        ScaffoldingError: when the name is not valid or taken.
    """
    check_name("domain", name)
    if name in _TAKEN:
        raise ScaffoldingError(
            f"{name} is the name of a folder in every domain; choose another name"
        )
    if name in find_domains(project):
        raise ScaffoldingError(f"the domain {name} exists; add to it with `lakehouse new source`")
    models = models_folder(project, name)
    shown = models.relative_to(project.root) if models.is_relative_to(project.root) else models
    text = _README.format(title=name.replace("_", " ").capitalize(), name=name, dbt=shown)
    folders = [project.defs_dir / name / kind for kind in KINDS]
    folders += [models / layer for layer in MODEL_LAYERS]
    return Proposal(
        (File(project.defs_dir / name / "README.md", text),),
        (f"the team {name} owns what is in it; name others under `owners`",),
        tuple(folders),
    )


def find_domains(project: Project) -> list[str]:
    """The domains: folders below `defs/` and below the dbt project's `models/`, sorted."""
    found = set[str]()
    for parent in (project.defs_dir, project.dbt_dir / "models"):
        if parent.is_dir():
            found |= {one.name for one in parent.iterdir() if one.is_dir()}
    return sorted(name for name in found if name[0] not in "._" and name not in _TAKEN)


def choose_domain(project: Project, name: str | None) -> str:
    """The domain called `name`, or the only one if none is named.

    Raises:
        ScaffoldingError: when there is no such domain, or a choice.
    """
    domains = find_domains(project)
    known = ", ".join(domains)
    if name is None and len(domains) == 1:
        return domains[0]
    if name is None and domains:
        raise ScaffoldingError(f"there are the domains {known}: choose one with --domain")
    if name not in domains:
        wanted = name or "NAME"
        there = f"there is no domain {name}" if name else "there is no domain yet"
        among = f" among {known}" if known else ""
        raise ScaffoldingError(f"{there}{among}; make it with `lakehouse new domain {wanted}`")
    return name


def models_folder(project: Project, domain: str) -> Path:
    """The folder of the domain's dbt models."""
    return project.dbt_dir / "models" / domain
