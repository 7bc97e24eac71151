"""The outcome of a check: the same three words in a run's output, its summary, and the status.

Only a failed check makes a command exit with status 1.
"""

from typing import Literal

Outcome = Literal["passed", "warned", "failed"]


def outcome(*, passed: bool, severity: str) -> Outcome:
    """The outcome of a check with Dagster's severity, WARN or ERROR."""
    if passed:
        return "passed"
    return "warned" if severity == "WARN" else "failed"
