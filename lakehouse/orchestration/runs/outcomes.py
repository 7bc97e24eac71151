"""What became of a check: the same three words in a run's lines, its summary, and the status.

Only what failed makes a command end with status 1.
"""

from typing import Literal

Outcome = Literal["passed", "warned", "failed"]


def outcome(*, passed: bool, severity: str) -> Outcome:
    """Of a check with Dagster's severity, WARN or ERROR."""
    if passed:
        return "passed"
    return "warned" if severity == "WARN" else "failed"
