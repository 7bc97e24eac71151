"""`lakehouse models show`: the details of one version on a page of the terminal."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from lakehouse.cli.models.states import toned_state
from lakehouse.cli.options import as_json, examples, pass_settings
from lakehouse.cli.output import Output, Printable, Toned

if TYPE_CHECKING:
    from lakehouse.settings import Settings


@click.command(
    "show",
    epilog=examples(
        "lakehouse models show fraud_detector", "lakehouse models show fraud_detector v0003 --json"
    ),
)
@click.argument("name")
@click.argument("version", default="")
@as_json
@pass_settings
def command(settings: "Settings", name: str, version: str, as_json: bool) -> None:
    """Print the details of VERSION, or of the champion.

    Prints its card, metrics, gates, comparisons, decisions, threshold, hashes and lineage.
    """
    from lakehouse.cli.opening import open_lake
    from lakehouse.monitoring.review.calibration import last_look
    from lakehouse.registry.abbreviation import find_version
    from lakehouse.training.summary import describe_version

    with open_lake(settings) as lake:
        found = find_version(lake, name, version)
        known = describe_version(lake, found)
        with lake.reader() as cursor:
            known["calibration_on_matured_labels"] = last_look(cursor, name, found.version)
    if as_json:
        Output().json(known)
    else:
        _print(Output(), known)


def _print(page: Output, known: Mapping[str, Any]) -> None:
    page.print_line(
        Toned(f"{known['model']} {known['version']}", "strong"), "  ", toned_state(known["state"])
    )
    if known["problem"]:
        page.print_line(Toned(known["problem"], "bad"))
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
            f"slope {_number(calibration['slope']) or 'unknown'} (both 1 at best)"
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
            lines["continued from"] = card["parent"]["version"]
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


def _rows(page: Output, names: tuple[str, ...], rows: Sequence[tuple[Printable, ...]]) -> None:
    if rows:
        page.print_line()
        page.table(names, rows)


def _pairs(page: Output, title: str, pairs: Mapping[str, str]) -> None:
    if title:
        page.print_line()
    page.table((title, ""), list(pairs.items()), show_head=bool(title))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _interval(value: Mapping[str, Any] | None) -> str:
    if not value:
        return "unknown"
    return f"{value['value']:.4g} [{value['low']:.4g}, {value['high']:.4g}]"


def _yes(passed: bool) -> Printable:
    return "yes" if passed else Toned("no", "bad")
