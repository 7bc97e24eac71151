"""What becomes of a version that was evaluated: gates first, then the champion on the same rows.

Only the decision; `registry.promotion` makes it happen. How a shadow fares on matured labels is
`monitoring`'s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from lakehouse.evaluation.direction import LOWER_IS_BETTER
from lakehouse.evaluation.document import Evaluation
from lakehouse.lake import Lake
from lakehouse.registry import GateResult, Version
from lakehouse.registry.promotion import find_champion
from lakehouse.training.artefact import load_model
from lakehouse.training.assess import assess
from lakehouse.training.errors import BadArtefact, SchemaMismatch
from lakehouse.training.rivals import test_rows
from lakehouse.training.spec import ModelSpec


@dataclass(frozen=True)
class Decision:
    """What a version should be from now on, the reason in words, and the figures behind it.

    `champion` is the version that decided at the time, if any.
    """

    state: Literal["champion", "shadow", "candidate"]
    why: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    champion: str | None = None


def decide(
    spec: ModelSpec, lake: Lake, set_id: str, evaluation: Evaluation, gates: Sequence[GateResult]
) -> Decision:
    """The declared rule. Without a champion, a version that passes its gates decides at once.

    So it does when the champion cannot go on, because its artefact is broken or the features it was
    trained on are no longer kept up to date: nothing speaks for it then. `set_id` names the
    version's training set.
    """
    failed = [gate for gate in gates if not gate.passed]
    if failed:
        return Decision("candidate", f"failed {', '.join(gate.gate for gate in failed)}")
    if spec.promotion.rule == "manual":
        return Decision("candidate", "gates passed; promotion is by hand")
    with lake.reader() as cursor:
        champion = find_champion(cursor, spec.name)
    if champion is None:
        return Decision("champion", "gates passed and there was no champion")
    try:
        ours, theirs = _both(spec, lake, set_id, evaluation, champion)
    except (BadArtefact, SchemaMismatch) as error:
        return Decision(
            "champion",
            f"gates passed; champion {champion.version} cannot score the rows: {error}",
            champion=champion.version,
        )
    better, why, evidence = compare(spec.primary_metric, ours, theirs, champion.version)
    if spec.promotion.rule == "shadow":
        why = f"gates passed; it has to prove itself; {why}"
        return Decision("shadow", why, evidence, champion.version)
    return Decision("champion" if better else "candidate", why, evidence, champion.version)


def compare(
    metric: str, ours: float | None, theirs: float | None, champion: str
) -> tuple[bool, str, dict[str, Any]]:
    """Whether `metric` is strictly better than the champion's on the same rows; words; figures."""
    evidence = {"metric": metric, "candidate": ours, "champion": champion, "champion_value": theirs}
    if ours is None or theirs is None:
        return False, f"{metric} cannot be told on the test rows", evidence
    better = ours < theirs if metric in LOWER_IS_BETTER else ours > theirs
    verb = "beats" if better else "does not beat"
    why = f"{metric} {ours:.4f} {verb} {theirs:.4f} of champion {champion} on the same test rows"
    return better, why, evidence


def _both(
    spec: ModelSpec, lake: Lake, set_id: str, evaluation: Evaluation, champion: Version
) -> tuple[float | None, float | None]:
    """Ours and the champion's primary metric: as evaluated, unless another one decided by then.

    Raises:
        BadArtefact, SchemaMismatch: when the champion cannot score the rows.
    """
    metric = spec.primary_metric
    for known in evaluation.comparisons:
        if (known.version, known.metric) == (champion.version, metric):
            return known.ours, known.theirs
    model = load_model(lake.settings.models_dir, champion.artefact, champion.files)
    card = model.card
    with lake.reader() as cursor:
        rows = test_rows(cursor, spec, set_id, model, card.classes)
    said = model.decided(model.predict(rows.matrix))
    found = assess(spec, rows, said, card.threshold, card.baseline, card.classes)
    return evaluation.metrics["test"][metric], found[metric]
