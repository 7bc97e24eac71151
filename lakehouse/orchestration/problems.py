"""What could not be loaded, as failing checks of one asset, so that it shows in the UI."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg

from lakehouse.declarations.specs import Problem
from lakehouse.markdown import escape
from lakehouse.orchestration.policies import DEFAULT_FRESHNESS
from lakehouse.project import Project

KEY = dg.AssetKey(["project", "declarations"])
VALID = "all_are_loaded"


def build_problems(project: Project, problems: Sequence[Problem]) -> dg.Definitions:
    """The asset `project/declarations`: a check for all files, and one for each that is left out.

    The daemon materializes it when the problems change, so that the checks have results.
    """
    messages: dict[str, list[str]] = defaultdict(list)
    for problem in problems:
        messages[_check_name(project, problem.file)].append(problem.message)
    digest = hashlib.sha256(repr(sorted(messages.items())).encode()).hexdigest()[:16]
    found = "\n".join(
        f"- {escape(line)}"
        for each in messages.values()
        for message in each
        for line in message.splitlines()
    )

    @dg.multi_asset(
        name="project_declarations",
        specs=[
            dg.AssetSpec(
                KEY,
                description="Whether every file of `defs/` and of the dbt project could be loaded."
                + (f"\n\n**Left out:**\n\n{found}" if found else ""),
                group_name="project",
                kinds={"yaml"},
                owners=[f"team:{project.name}"],
                freshness_policy=DEFAULT_FRESHNESS,
                code_version=digest,
                automation_condition=(
                    dg.AutomationCondition.missing() | dg.AutomationCondition.code_version_changed()
                )
                & ~dg.AutomationCondition.in_progress(),
            )
        ],
        check_specs=[
            dg.AssetCheckSpec(VALID, asset=KEY, description="Every file could be loaded."),
            *(
                dg.AssetCheckSpec(name, asset=KEY, description="This file could be loaded.")
                for name in messages
            ),
        ],
    )
    def report() -> Iterator[object]:
        yield dg.MaterializeResult(asset_key=KEY, metadata={"left_out": len(messages)})
        left_out = ", ".join(messages)
        yield dg.AssetCheckResult(
            asset_key=KEY,
            check_name=VALID,
            passed=not messages,
            description=f"Left out: {left_out}." if messages else "Every file is loaded.",
        )
        for name, sentences in messages.items():
            yield dg.AssetCheckResult(
                asset_key=KEY, check_name=name, passed=False, description="\n".join(sentences)
            )

    return dg.Definitions(assets=[report])


def _check_name(project: Project, file: Path) -> str:
    """The folders of a declaration below `defs/`, or the path of another file, as one name."""
    if file.is_relative_to(project.defs_dir):
        inside = file.relative_to(project.defs_dir)
        parts = inside.parent.parts if inside.suffix == ".yaml" else inside.with_suffix("").parts
    else:
        parts = (
            file.relative_to(project.root).parts
            if file.is_relative_to(project.root)
            else (file.name,)
        )
    return "".join(c if c.isalnum() else "_" for c in "_".join(parts))
