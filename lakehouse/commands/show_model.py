"""`lakehouse models show`: all that is known of one version on a page of the terminal."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from lakehouse.commands.models import evaluation_of, find_version, state, transitions_of
from lakehouse.commands.opening import open_lake
from lakehouse.commands.output import Output, Toned, Words
from lakehouse.errors import LakehouseError
from lakehouse.evaluation.remarks import remarks
from lakehouse.lake import Lake
from lakehouse.models.spec import ModelSpec
from lakehouse.monitoring.review.calibration import last_look
from lakehouse.registry import Version, list_gates
from lakehouse.registry.thresholds import find_thresholds
from lakehouse.settings import Settings
from lakehouse.specs import find_specs


def show_command(settings: Settings, name: str, text: str, *, as_json: bool) -> None:
    """Print one version: card, metrics, gates, transitions, threshold, hashes and lineage."""
    with open_lake(settings) as lake:
        known = everything(lake, find_version(lake, name, text))
    if as_json:
        Output().json(known)
    else:
        _print(Output(), known)


def everything(lake: Lake, version: Version) -> dict[str, Any]:
    """What is known of a version, ready for JSON; `problem` says what is wrong with its files."""
    from lakehouse.models import load_model

    evaluation, problem = evaluation_of(lake, version)
    try:
        model = load_model(lake.settings.models_dir, version.artefact, version.files)
        card = model.card.model_dump(mode="json", exclude={"features": {"categories"}})
    except LakehouseError as error:
        card, problem = None, str(error)
    with lake.reader() as cursor:
        thresholds = find_thresholds(cursor, version.model, version.version)
        matured = last_look(cursor, version.model, version.version)
    return {
        **vars(version),
        "gates": [vars(gate) for gate in list_gates(lake, version.model, version.version)],
        "transitions": transitions_of(lake, version),
        "threshold": vars(thresholds[-1]) if thresholds else None,
        "expires": _expires(version),
        "evaluation": evaluation.model_dump(mode="json") if evaluation else None,
        "calibration_on_matured_labels": matured,
        "remarks": [vars(one) for one in remarks(evaluation)] if evaluation else [],
        "card": card,
        "problem": problem,
    }


def _expires(version: Version) -> datetime | None:
    """When it expires by the declaration of now; None if the model is declared no more."""
    from lakehouse.models.expiry import expiry

    specs = {spec.name: spec for spec in find_specs("PredictiveModel", ModelSpec)}
    spec = specs.get(version.model)
    return expiry(spec, version).on if spec else None


def _print(page: Output, known: Mapping[str, Any]) -> None:
    page.say(Toned(f"{known['model']} {known['version']}", "strong"), "  ", state(known["state"]))
    if known["problem"]:
        page.say(Toned(known["problem"], "bad"))
    _pairs(page, "", _card(known))
    _metrics(page, known)
    _rows(
        page,
        ("gate", "value", "threshold", "passed"),
        [
            (g["gate"], _number(g["value"]), _number(g["threshold"]), _yes(g["passed"]))
            for g in known["gates"]
        ],
    )
    compared = known["evaluation"]["comparisons"] if known["evaluation"] else []
    _rows(
        page,
        ("against", "version", "metric", "difference", "verdict"),
        [
            (c["against"], c["version"], c["metric"], _interval(c["difference"]), c["verdict"])
            for c in compared
        ],
    )
    _rows(page, ("remark", "where to look"), [(r["topic"], r["text"]) for r in known["remarks"]])
    _rows(
        page,
        ("when", "became", "who", "why"),
        [
            (f"{t['decided_at']:%Y-%m-%d %H:%M}", t["to_state"], t["who"], t["why"])
            for t in known["transitions"]
        ],
    )
    _pairs(page, "hashes", known["files"])
    _pairs(page, "lineage", _lineage(known))


def _card(known: Mapping[str, Any]) -> dict[str, str]:
    card, threshold = known["card"] or {}, known["threshold"]
    split = known["split"]
    facts = {
        "created": f"{known['created_at']:%Y-%m-%d %H:%M} UTC, run {known['run_id'] or 'by hand'}",
        "trained on": f"{split['train_from'][:10]} to {split['train_until'][:10]}",
        "tested on": f"{split['test_from'][:10]} to {split['test_until'][:10]}",
        "code": known["code_version"],
    }
    if known["expires"]:
        facts["expires"] = f"{known['expires']:%Y-%m-%d}"
    if card:
        facts["model"] = f"{card['task']}, {card['rounds']} rounds, {len(card['inputs'])} inputs"
        if card["study"]:
            study = card["study"]
            facts["search"] = f"study {study['id']}, trial {study['chosen']} of {study['trials']}"
        if card["notes"]:
            facts["notes"] = "; ".join(card["notes"])
    calibration = (known["evaluation"] or {}).get("calibration")
    if calibration and calibration["observed_over_expected"]:
        facts["calibration"] = (
            f"observed over expected {_interval(calibration['observed_over_expected'])}, "
            f"slope {_number(calibration['slope']) or 'not told'} (1 at best)"
        )
    matured = known["calibration_on_matured_labels"]
    if matured and matured["ratio"] is not None:
        facts["on settled labels"] = (
            f"observed over expected {_interval({**matured, 'value': matured['ratio']})} at all "
            f"looks, of {matured['observed']:,} positives up to {matured['day']}"
        )
    if threshold:
        facts["threshold"] = (
            f"{threshold['threshold']:.4g} by {threshold['rule']} "
            f"since {threshold['valid_from']:%Y-%m-%d}"
        )
    return facts


def _lineage(known: Mapping[str, Any]) -> dict[str, str]:
    lines = {
        "training set": f"{known['training_set_id']} (sha256 {known['training_set_hash'][:16]})",
        "lake snapshot": str(known["snapshot"]),
        "code": known["code_hash"][:16],
        "configuration": known["config_hash"][:16],
    }
    card = known["card"]
    if card:
        sets = card["features"]["feature_sets"]
        lines["feature sets"] = ", ".join(f"{name} {version}" for name, version in sets.items())
        if card["parent"]:
            lines["went on from"] = card["parent"]["version"]
    return lines


def _metrics(page: Output, known: Mapping[str, Any]) -> None:
    periods = list(known["metrics"])
    intervals = known["evaluation"]["intervals"] if known["evaluation"] else {}
    names = list(dict.fromkeys(name for period in periods for name in known["metrics"][period]))
    rows = []
    for name in names:
        cells = []
        for period in periods:
            value = _number(known["metrics"][period].get(name))
            if period == "test" and intervals.get(name):
                value = _interval({**intervals[name], "value": known["metrics"]["test"][name]})
            cells.append(value)
        rows.append((name, *cells))
    _rows(page, ("metric", *periods), rows)


def _rows(page: Output, names: tuple[str, ...], rows: Sequence[tuple[Words, ...]]) -> None:
    if rows:
        page.say()
        page.table(names, rows)


def _pairs(page: Output, title: str, pairs: Mapping[str, str]) -> None:
    if title:
        page.say()
    page.table((title, ""), list(pairs.items()), show_head=bool(title))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _interval(value: Mapping[str, Any] | None) -> str:
    if not value:
        return "not told"
    return f"{value['value']:.4g} [{value['low']:.4g}, {value['high']:.4g}]"


def _yes(passed: bool) -> Words:
    return "yes" if passed else Toned("no", "bad")
