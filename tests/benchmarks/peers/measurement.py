"""One peer at one task: running its script, and what came out."""

import json
import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.peers.comparison import Comparison
from tests.benchmarks.processes import CommandFailed
from tests.project import PROJECT

THREADS = 2
_LIMITS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS",
    "NUMEXPR_MAX_THREADS",
)  # fmt: skip
SCRIPTS = Path(__file__).parent / "scripts"


@dataclass(frozen=True)
class Outcome:
    """What a peer did. With a `reason`, it was not measured, and this is why."""

    peer: str
    reason: str = ""
    figures: dict[str, Any] = field(default_factory=dict)
    comparison: Comparison | None = None

    def as_json(self) -> dict[str, Any]:
        """Its figures, rounded; only the reason if it was not measured."""
        if self.reason:
            return {"not_measured": self.reason}
        found = {
            name: round(value, 4) if isinstance(value, float) else value
            for name, value in self.figures.items()
        }
        return found | ({"values": self.comparison.as_json()} if self.comparison else {})

    def describe(self) -> str:
        """The outcome in one line."""
        if self.reason:
            return f"not measured: {self.reason}"
        shown = {
            "seconds": "{:.1f} s",
            "cpu": "{:.1f} s of CPU",
            "peak_mb": "{:,.0f} MB",
            "rows_per_second": "{:,.0f} rows a second",
            "ap": "AP {:.4f}",
            "auc": "AUC {:.4f}",
        }
        parts = [text.format(self.figures[n]) for n, text in shown.items() if n in self.figures]
        return ", ".join([*parts, *([self.comparison.verdict] if self.comparison else [])])


class NoFigures(Exception):
    """The output of a script does not end with a line of JSON."""


def parse(output: str) -> dict[str, Any]:
    """The figures of a script: the last line of its output.

    Raises:
        NoFigures: when that line is not a JSON object.
    """
    lines = output.rstrip().splitlines()
    # a progress bar may lie before the figures, in the same line
    last = lines[-1][max(lines[-1].find("{"), 0) :] if lines else ""
    try:
        found = json.loads(last)
    except json.JSONDecodeError as error:
        raise NoFigures(f"no figures in the last line: {last[:200]!r}") from error
    if not isinstance(found, dict):
        raise NoFigures(f"the last line is not a JSON object: {last[:200]!r}")
    return found


def run_script(command: Sequence[str | Path], timeout: int) -> dict[str, Any]:
    """Run a script with two threads and return its figures.

    Raises:
        CommandFailed, NoFigures, subprocess.TimeoutExpired: when there are none.
    """
    variables = {name: str(THREADS) for name in _LIMITS} | {"PYTHONPATH": str(PROJECT.root)}
    # as the lake does: threads of OpenMP that wait must not keep a core that another needs
    variables["GOMP_SPINCOUNT"] = "1000"
    environment = {**os.environ, **variables}
    environment.pop("DAGSTER_HOME", None)
    with subprocess.Popen(
        [str(part) for part in command], env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            output, errors = process.communicate(timeout=timeout)
        except BaseException:
            # its children too: a JVM, or parts of a job
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode != 0:
        raise CommandFailed(_last_words(errors) or f"ended with {process.returncode}")
    return parse(output)


def _last_words(text: str) -> str:
    """The last lines of an error, short enough for a table."""
    return " / ".join(line.strip() for line in text.rstrip().splitlines()[-3:])[-400:]
