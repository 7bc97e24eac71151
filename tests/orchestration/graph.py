"""The graph in lines of text, as `graph.txt` pins it: `python -m tests.orchestration.graph`.

Only the shipped domain is pinned: another one in this repository changes no line.
"""

from collections.abc import Iterator

import dagster as dg


def lines(definitions: dg.Definitions) -> Iterator[str]:
    """Every asset of the domain with its inputs, its checks, every job, schedule and sensor."""
    graph = definitions.resolve_asset_graph()
    ours = {key for key in graph.get_all_asset_keys() if is_pinned(graph.get(key).group_name)}
    for key in sorted(ours):
        parents = ", ".join(
            sorted(parent.to_user_string() for parent in graph.get(key).parent_keys)
        )
        yield f"asset {key.to_user_string()} <- {parents or 'outside'}"
    for check in sorted(check for check in graph.asset_check_keys if check.asset_key in ours):
        blocking = "blocking " if graph.get(check).blocking else ""
        yield f"{blocking}check {check.asset_key.to_user_string()}: {check.name}"
    repository = definitions.get_repository_def()
    for job in sorted(repository.job_names):
        yield f"job {job}"
    for schedule in sorted(repository.schedule_defs, key=lambda s: s.name):
        yield f"schedule {schedule.name} {schedule.cron_schedule} {schedule.default_status.value}"
    for sensor in sorted(repository.sensor_defs, key=lambda s: s.name):
        yield f"sensor {sensor.name} {sensor.default_status.value}"


def is_pinned(group: str | None) -> bool:
    """Whether a group belongs to the shipped domain or to no domain."""
    return str(group).startswith("payments_") or group == "project"


if __name__ == "__main__":
    from lakehouse.definitions import defs

    print("\n".join(lines(defs())))
