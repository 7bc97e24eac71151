"""The table of operations in the guide, written by `python -m tests.features.operations_table`."""

import re
from pathlib import Path

import lakehouse
from lakehouse.features.ops import OPERATIONS, Operation

GUIDE = Path(lakehouse.__file__).parents[1] / "docs" / "guides" / "add-a-feature-set.md"
_TABLE = re.compile(r"(?<=<!-- operations -->\n).*?(?=<!-- end of operations -->)", re.DOTALL)


def with_table(text: str) -> str:
    """The guide `text` with the table of the operations as they are now."""
    lines = ["| `op` | needs | gives | type | over no rows |", "|---|---|---|---|---|"]
    for op in OPERATIONS.values():
        needs = [f"`{name}`" for name in op.needs]
        if op.takes != Operation.takes:
            needs[0] += f" ({', '.join(sorted(op.takes))})"
        empty = "NULL" if op.empty is None else op.empty
        kind = op.kind or "that of the value"
        lines.append(f"| `{op.name}` | {', '.join(needs)} | {op.summary} | {kind} | {empty} |")
    return _TABLE.sub(lambda _: "\n".join(lines) + "\n", text)


if __name__ == "__main__":
    GUIDE.write_text(with_table(GUIDE.read_text()))
