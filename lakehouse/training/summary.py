"""The record of model versions as plain data, for people and JSON."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from lakehouse.errors import LakehouseError
from lakehouse.evaluation.document import Evaluation
from lakehouse.evaluation.remarks import find_remarks
from lakehouse.lake import Lake
from lakehouse.models.artefact import load_evaluation, load_model
from lakehouse.models.declared import valid_models
from lakehouse.models.expiry import find_expiry
from lakehouse.registry import GateResult, Version, list_gates, list_transitions, list_versions
from lakehouse.registry.thresholds import find_thresholds


def summarize_versions(lake: Lake, model: str) -> list[dict[str, Any]]:
    """Each version of a model, newest first, with its primary metric, interval and gates.

    `problem` describes what is wrong with the version's files; empty if nothing is.
    """
    declared = valid_models(lake.settings.project)
    metric = declared[model].primary_metric if model in declared else ""
    rows = []
    for version in list_versions(lake, model):
        evaluation, problem = _evaluation(lake, version)
        interval = evaluation.intervals.get(metric) if evaluation else None
        gates = list_gates(lake, model, version.version)
        rows.append(
            {
                "model": model,
                "version": version.version,
                "state": version.state,
                "created_at": version.created_at,
                "metric": metric,
                "value": version.metrics.get("test", {}).get(metric),
                "low": interval.low if interval else None,
                "high": interval.high if interval else None,
                "gates": len(gates),
                "gates_failed": failed_gates(gates),
                "problem": problem,
            }
        )
    return rows


def describe_version(lake: Lake, version: Version) -> dict[str, Any]:
    """Everything recorded about a version when it was trained and decided on, ready for JSON.

    If files are broken, `card` or `evaluation` is None and `problem` gives the cause.
    """
    evaluation, problem = _evaluation(lake, version)
    try:
        model = load_model(lake.settings.models_dir, version.artefact, version.files)
        card = model.card.model_dump(mode="json", exclude={"features": {"categories"}})
    except LakehouseError as error:
        card, problem = None, str(error)
    with lake.reader() as cursor:
        thresholds = find_thresholds(cursor, version.model, version.version)
    return {
        **vars(version),
        "gates": [vars(gate) for gate in list_gates(lake, version.model, version.version)],
        "transitions": [
            vars(move)
            for move in list_transitions(lake, version.model)
            if move.version == version.version
        ],
        "threshold": vars(thresholds[-1]) if thresholds else None,
        "expires": _expiry_time(lake, version),
        "evaluation": evaluation.model_dump(mode="json") if evaluation else None,
        "remarks": [vars(one) for one in find_remarks(evaluation)] if evaluation else [],
        "card": card,
        "problem": problem,
    }


def failed_gates(gates: Iterable[GateResult]) -> list[str]:
    """Names of the failed gates."""
    return [gate.gate for gate in gates if not gate.passed]


def _expiry_time(lake: Lake, version: Version) -> datetime | None:
    """When the version expires by the current declaration; None if none exists any more."""
    spec = valid_models(lake.settings.project).get(version.model)
    return find_expiry(spec, version).expires_at if spec else None


def _evaluation(lake: Lake, version: Version) -> tuple[Evaluation | None, str]:
    """The version's evaluation and an empty text, or None and what is wrong with its files."""
    try:
        return load_evaluation(lake.settings.models_dir, version), ""
    except LakehouseError as error:
        return None, str(error)
