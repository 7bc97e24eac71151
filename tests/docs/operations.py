"""The table of window operations, from their classes."""

from lakehouse.features.ops import OPERATIONS, Operation


def operation_table() -> str:
    """A Markdown table with a row for each operation."""
    lines = ["| `op` | needs | gives | type | over no rows |", "|---|---|---|---|---|"]
    for op in OPERATIONS.values():
        needs = [f"`{name}`" for name in op.needs]
        if op.accepted_kinds != Operation.accepted_kinds:
            needs[0] += f" ({', '.join(sorted(op.accepted_kinds))})"
        empty = "NULL" if op.empty is None else op.empty
        kind = op.kind or "that of the value"
        lines.append(f"| `{op.name}` | {', '.join(needs)} | {op.summary} | {kind} | {empty} |")
    return "\n".join(lines)
