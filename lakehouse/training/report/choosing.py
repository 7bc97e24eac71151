"""The section on model selection: parameters, search, folds, selection, calibration, threshold."""

from lakehouse.evaluation.metrics import find_metric
from lakehouse.evaluation.plots import Picture
from lakehouse.evaluation.report import Block, Facts, Figure, Mark, Table, Text
from lakehouse.evaluation.report.formatting import metric_name, number
from lakehouse.models.spec import FIXED_PARAMS
from lakehouse.training.report.gathering import ReportData

_TRIALS_SHOWN = 10


def choosing_section(gathered: ReportData, pictures: tuple[Picture, ...]) -> list[Block]:
    """The declaration, the outcome, and the rows on which each choice was made."""
    spec, card = gathered.spec, gathered.model.card
    folds = spec.folds
    extracted = [name for state in card.extraction for name in state.added]
    facts = [
        ("Rounds", f"{card.rounds} (at most {spec.rounds})"),
        ("Folds", f"{folds.count} walk-forward, {folds.length.days} days each"),
        ("Calibration", card.calibration.kind if card.calibration else "none"),
        ("Extracted columns", ", ".join(extracted) or "none"),
    ]
    if card.odds != 1:
        odds = f"{spec.imbalance.method}; odds divided by {number(card.odds)}"
        facts.append(("Imbalance corrected", odds))
    if card.threshold is not None:
        rule = f"{number(card.threshold)}, by {spec.threshold.rule}"
        facts.append(("Initial threshold", rule))
    notes: list[Block] = [Text(f"Not as declared: {note}.") for note in card.notes]
    shown = {k: v for k, v in card.params.items() if k not in FIXED_PARAMS - {"objective"}}
    rows = tuple((name, _format(value)) for name, value in sorted(shown.items()))
    return [
        Text(
            "Parameters, columns, calibration and threshold are chosen on folds within the "
            "training period (the number of rounds on validation); nothing is chosen on test rows."
        ),
        Facts(tuple(facts)),
        *notes,
        *_search(gathered, pictures),
        *_selection(gathered),
        Table(("Parameter", "Value"), rows, "LightGBM parameters", folded=True),
    ]


def _search(gathered: ReportData, pictures: tuple[Picture, ...]) -> list[Block]:
    study, trials = gathered.model.card.study, gathered.trials
    if study is None:
        return [Text("No search was declared: the parameters are the declared ones.")]
    metric = metric_name(study.metric)
    text = (
        f"{study.trials} trials on {study.folds} folds; trial {study.chosen} was chosen with "
        f"{metric.lower()} {number(study.value)}, the declared parameters (trial 0) reached "
        f"{number(study.declared_value)}. The best of many trials is optimistic: judge the version "
        "by its test rows."
    )
    sign = 1 if find_metric(study.metric).lower_is_better else -1
    with_value = [trial for trial in trials if trial.value is not None]
    best = sorted(with_value, key=lambda trial: sign * (trial.value or 0.0))[:_TRIALS_SHOWN]
    names = list(dict.fromkeys(name for trial in best for name in trial.params))
    table = Table(
        ("Trial", "State", metric, *names),
        tuple(
            (
                str(trial.number),
                Mark("chosen", "good") if trial.number == study.chosen else trial.state,
                number(trial.value),
                *(_format(trial.params.get(name)) for name in names),
            )
            for trial in best
        ),
        f"The best {len(best)} of {len(trials)} trials, means over the folds",
        text_columns=2,
    )
    return [Text(text), *([Figure(pictures)] if pictures else []), table]


def _selection(gathered: ReportData) -> list[Block]:
    groups = gathered.model.card.selection
    if not groups:
        return [Text("No feature selection was declared: the trees may use every column.")]
    rows = tuple(
        (
            one.group,
            Mark("kept", "good") if one.kept else "left out",
            number(one.figure),
            number(one.bound),
        )
        for one in groups
    )
    first = groups[0]
    kept = sum(one.kept for one in groups)
    caption = f"Feature selection: {kept} of {len(groups)} groups are kept"
    example = f"An example of figure and bound, {first.group}: {first.reason}."
    return [
        Text(example),
        Table(("Group", "Verdict", "Figure", "Bound"), rows, caption, text_columns=2),
    ]


def _format(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
