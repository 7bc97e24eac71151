"""The sections on a version's lineage, with hashes, and on the decisions about it."""

from lakehouse.evaluation.report import Block, Cell, Facts, Mark, Table, Text
from lakehouse.evaluation.report.formatting import moment, number
from lakehouse.training.identity import config_hash
from lakehouse.training.report.gathering import ReportData


def decisions(gathered: ReportData) -> list[Block]:
    """Gates with their verdicts, and every transition of the version."""
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            gate.gate.replace("_", " "),
            Mark("passed", "good") if gate.passed else Mark("failed", "bad"),
            number(gate.value),
            number(gate.threshold),
        )
        for gate in gathered.gates
    )
    blocks: list[Block] = [
        Table(("Gate", "Verdict", "Value", "Bound"), rows, text_columns=2)
        if rows
        else Text("No gates were declared.")
    ]
    moves = tuple(
        (
            moment(move.decided_at),
            f"{(move.from_state or 'new').replace('_', ' ')} to {move.to_state.replace('_', ' ')}",
            move.who,
            move.why,
        )
        for move in gathered.transitions
    )
    return [*blocks, Table(("When", "Transition", "Decided by", "Reason"), moves, text_columns=4)]


def lineage(gathered: ReportData) -> list[Block]:
    """The tables and feature sets that it was trained on, and the hashes of all its inputs."""
    spec, version, card = gathered.spec, gathered.version, gathered.model.card
    sets = tuple(
        (name, pinned, str(sum(feature.set == name for feature in card.features.features)))
        for name, pinned in card.features.feature_sets.items()
    )
    blocks: list[Block] = [
        Table(("Feature set", "Version", "Features"), sets, text_columns=2),
        Facts(
            (
                ("Rows of", spec.spine.table),
                ("Label", _label(gathered)),
                ("Tables read", ", ".join(spec.upstream_tables)),
                ("Training sets", spec.training_table),
            )
        ),
        Facts(
            (
                ("Training set", f"{version.training_set_id} ({version.training_set_hash})"),
                ("Configuration", version.config_hash),
                ("Feature schema", version.feature_schema_hash),
                ("Code", f"{version.code_version} ({version.code_hash})"),
                *_chosen_by(gathered),
                *((f"File {name}", digest) for name, digest in sorted(version.files.items())),
                ("Libraries", ", ".join(f"{k} {v}" for k, v in sorted(card.libraries.items()))),
                ("Run", version.run_id or "outside the orchestrator"),
            ),
            code=True,
        ),
    ]
    if version.config_hash != config_hash(spec):
        blocks.append(
            Text(
                "The declaration has changed since this version was made: intended use, capacity "
                "and model selection are shown as declared today, metrics are those of the version."
            )
        )
    return blocks


def _label(gathered: ReportData) -> str:
    label = gathered.spec.label
    table = getattr(label, "table", "") or getattr(label, "stream", "")
    column = getattr(label, "column", "") or getattr(label, "value", "")
    return f"{table}.{column}" if column else table


def _chosen_by(gathered: ReportData) -> list[tuple[str, str]]:
    """Inputs in addition to the training set: the search's study, the parent of a warm start."""
    card, found = gathered.model.card, []
    if card.study is not None:
        found.append(("Study", card.study.id))
    if card.parent is not None:
        of = f"{card.parent.rounds} rounds of {card.parent.version}"
        found.append(("Warm start from", f"{of} ({card.parent.trees_sha256})"))
    return found
