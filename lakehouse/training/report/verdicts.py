"""A version's verdicts at a glance, for the head of its report and for its summary."""

from lakehouse.evaluation.remarks import find_remarks
from lakehouse.evaluation.report import Badge, Tone
from lakehouse.evaluation.report.sections import probe_mark, rival_name, tone_of
from lakehouse.training.report.gathering import ReportData

_STATES: dict[str, Tone] = {"champion": "good", "rolled_back": "bad"}


def badges(gathered: ReportData) -> tuple[Badge, ...]:
    """State, gates, comparisons, fairness and probes, if they exist."""
    state = gathered.version.state
    found = [Badge("State", state.replace("_", " "), _STATES.get(state, "plain")), _gates(gathered)]
    evaluation = gathered.evaluation
    if not gathered.is_evaluated:
        return (*found, Badge("Evaluation", "not stored", "unsure"))
    primary = [one for one in evaluation.comparisons if one.metric == gathered.spec.primary_metric]
    found += [
        Badge(f"Against {rival_name(one).lower()}", one.verdict, tone_of(one.verdict))
        for one in primary
    ]
    found += [
        Badge(f"Fairness by {one.column.replace('_', ' ')}", one.verdict, tone_of(one.verdict))
        for one in evaluation.fairness
    ]
    if noted := len(find_remarks(evaluation)):
        found.append(Badge("Remarks", f"{noted} to review", "unsure"))
    if evaluation.probes:
        marks = [probe_mark(probe) for probe in evaluation.probes]
        tones: tuple[Tone, ...] = ("bad", "unsure", "good")
        worst = next(tone for tone in tones if any(mark.tone == tone for mark in marks))
        those = [mark.text for mark in marks if mark.tone == worst]
        found.append(Badge("Probes", f"{len(those)} {those[0]}", worst))
    return tuple(found)


def _gates(gathered: ReportData) -> Badge:
    """The gates' badge; probes count as gates, but alone they do not measure quality."""
    passed = sum(gate.passed for gate in gathered.gates)
    verdict = f"{passed} of {len(gathered.gates)} passed"
    if passed < len(gathered.gates):
        return Badge("Gates", verdict, "bad")
    declared = any(not gate.gate.startswith("probe_") for gate in gathered.gates)
    return Badge(
        "Gates", verdict if declared else "none declared", "good" if declared else "unsure"
    )
