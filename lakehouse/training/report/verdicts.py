"""A version's verdicts at one glance: for the head of its report, and for its summary."""

from lakehouse.evaluation.report import Badge, Tone
from lakehouse.evaluation.report.sections import rival_name, tone_of
from lakehouse.training.report.gather import Gathered

_STATES: dict[str, Tone] = {"champion": "good", "rolled_back": "bad"}


def badges(gathered: Gathered) -> tuple[Badge, ...]:
    """State, gates, comparisons, fairness and probes, as far as there are any."""
    state = gathered.version.state
    found = [Badge("State", state.replace("_", " "), _STATES.get(state, "plain")), _gates(gathered)]
    evaluation = gathered.evaluation
    if not gathered.proved:
        return (*found, Badge("Evaluation", "none kept", "unsure"))
    primary = [one for one in evaluation.comparisons if one.metric == gathered.spec.primary_metric]
    found += [
        Badge(f"Against {rival_name(one).lower()}", one.verdict, tone_of(one.verdict))
        for one in primary
    ]
    found += [
        Badge(f"Fairness by {one.column.replace('_', ' ')}", one.verdict, tone_of(one.verdict))
        for one in evaluation.fairness
    ]
    if evaluation.probes:
        failed = sum(not probe.passed for probe in evaluation.probes)
        verdict = f"{failed} failed" if failed else f"{len(evaluation.probes)} passed"
        found.append(Badge("Probes", verdict, "bad" if failed else "good"))
    return tuple(found)


def _gates(gathered: Gathered) -> Badge:
    if not gathered.gates:
        return Badge("Gates", "none declared", "unsure")
    passed = sum(gate.passed for gate in gathered.gates)
    whole = passed == len(gathered.gates)
    return Badge("Gates", f"{passed} of {len(gathered.gates)} passed", "good" if whole else "bad")
