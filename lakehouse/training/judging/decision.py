"""The decision about an evaluated version: first its gates, then the champion on the same rows.

This module only decides; `registry.promotion` acts on it, and `monitoring` compares shadows on
matured labels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from lakehouse.evaluation.document import Comparison, Evaluation
from lakehouse.evaluation.metrics import find_metric
from lakehouse.lake import Lake
from lakehouse.models.artefact import load_model
from lakehouse.models.errors import BadArtefact, SchemaMismatch
from lakehouse.models.spec import ModelSpec
from lakehouse.registry import GateResult, Version
from lakehouse.registry.promotion import find_champion
from lakehouse.training.judging.proof import compare_with_rival
from lakehouse.training.judging.rivals import test_rows, version_rival


@dataclass(frozen=True)
class Decision:
    """The new state of a version, the reason in words, and the supporting figures.

    `champion` is the champion at the time of the decision, if any.
    """

    state: Literal["champion", "shadow", "candidate"]
    why: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    champion: str | None = None


def decide(
    spec: ModelSpec,
    lake: Lake,
    version: Version,
    evaluation: Evaluation,
    gates: Sequence[GateResult],
) -> Decision:
    """Apply the declared rule. Without a champion, a version that passes its gates is promoted.

    With `better`, the interval of the difference on the same test rows must lie above the margin.
    Nothing is promoted if a comparison is impossible (the champion's artefact or features no longer
    exist) or the metric is undefined on the test rows.
    """
    inconclusive = why_inconclusive(spec, evaluation)
    if inconclusive:
        return Decision("candidate", f"not promoted: {inconclusive}")
    failed = [gate for gate in gates if not gate.passed]
    if failed:
        return Decision("candidate", f"failed {', '.join(gate.gate for gate in failed)}")
    if spec.promotion.rule == "manual":
        return Decision("candidate", "gates passed; promotion is manual")
    with lake.reader() as cursor:
        champion = find_champion(cursor, spec.name)
    if champion is None:
        return Decision("champion", "gates passed and there was no champion")
    try:
        compared = _comparison(spec, lake, version, evaluation, champion)
    except (BadArtefact, SchemaMismatch) as error:
        return _without_comparison(spec, version, champion, str(error))
    better, why, evidence = judge_comparison(spec, compared)
    if spec.promotion.rule == "shadow":
        why = f"gates passed; it must prove itself as a shadow; {why}"
        return Decision("shadow", why, evidence, champion.version)
    return Decision("champion" if better else "candidate", why, evidence, champion.version)


def why_inconclusive(spec: ModelSpec, evaluation: Evaluation) -> str:
    """Why the test period cannot evaluate the version; empty if it can."""
    test = evaluation.metrics.get("test", {})
    for name in (spec.task.probe_metric, spec.primary_metric):
        if test.get(name) is None:
            return f"{name} is undefined on the test rows; wait for more labels"
    return ""


def judge_comparison(spec: ModelSpec, compared: Comparison) -> tuple[bool, str, dict[str, Any]]:
    """Whether the interval of the gain over the champion exceeds the margin; reason; figures.

    With fewer positives (rows, for a regression) than `shadow.min_positives` the result is false.
    """
    metric, margin = compared.metric, spec.promotion.margin
    difference = compared.difference
    evidence: dict[str, Any] = {
        "metric": metric,
        "candidate": compared.ours,
        "champion": compared.version,
        "champion_value": compared.theirs,
        "low": difference.low if difference else None,
        "high": difference.high if difference else None,
        "margin": margin,
        "rows": compared.rows,
        "positives": compared.positives,
    }
    if compared.ours is None or compared.theirs is None or difference is None:
        return False, f"{metric} is undefined on the test rows", evidence
    few = compared.verdict == "insufficient"
    gain = -difference.high if find_metric(metric).lower_is_better else difference.low
    better = not few and gain > margin
    verb = "beats" if better else "does not significantly beat"
    why = (
        f"{metric} {compared.ours:.4f} {verb} {compared.theirs:.4f} of champion {compared.version} "
        f"on the same {compared.rows:,} test rows: the difference is {difference.value:+.4f} "
        f"({difference.low:+.4f} to {difference.high:+.4f})"
    )
    if few:
        why += f"; there are {compared.positives} positives, {spec.shadow.min_positives} are needed"
    elif margin:
        why += f", and must exceed {margin:g}"
    return better, why, evidence


def _without_comparison(
    spec: ModelSpec, version: Version, champion: Version, error: str
) -> Decision:
    """With `shadow`, wait for a comparison on matured labels; otherwise a person decides."""
    cause = f"champion {champion.version} cannot score the test rows ({error})"
    if spec.promotion.rule == "shadow":
        why = f"gates passed; it must prove itself as a shadow; {cause}"
        return Decision("shadow", why, champion=champion.version)
    return Decision(
        "candidate",
        f"gates passed, but not promoted: {cause}, so nothing shows that {version.version} is "
        f"better; compare the reports, then `lakehouse models promote {spec.name} "
        f"{version.version}`",
        champion=champion.version,
    )


def _comparison(
    spec: ModelSpec, lake: Lake, version: Version, evaluation: Evaluation, champion: Version
) -> Comparison:
    """The evaluated comparison by the primary metric, or a new one if the champion has changed.

    Raises:
        BadArtefact, SchemaMismatch: when one of the two cannot score the rows.
    """
    for known in evaluation.comparisons:
        if (known.version, known.metric) == (champion.version, spec.primary_metric):
            return known
    model = load_model(lake.settings.models_dir, version.artefact, version.files)
    classes, set_id = model.card.classes, version.training_set_id
    with lake.reader() as cursor:
        rival = version_rival(cursor, spec, lake, set_id, champion, "champion", classes)
        rows, found = test_rows(cursor, spec, set_id, model, classes)
    if not found.all():
        raise SchemaMismatch(
            f"{(~found).sum()} test rows of {version.version} no longer have features"
        )
    prediction = model.break_ties(model.predict(rows.matrix))
    return compare_with_rival(spec, model, rows, prediction, rival)
