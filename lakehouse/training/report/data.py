"""The section on a version's training, validation and test rows."""

from lakehouse.evaluation.report import Block, Facts, Table, Text
from lakehouse.evaluation.report.formatting import PERIODS, day, moment, share
from lakehouse.evaluation.report.review_sections import row_counts
from lakehouse.training.report.gathering import ReportData

_MISSING_SHOWN = 15


def data_section(gathered: ReportData) -> list[Block]:
    """Periods with rows and labels, label maturity, and missing values."""
    spec, pinned, periods = gathered.spec, gathered.pinned, gathered.periods
    classes = list(dict.fromkeys(name for one in periods for name in one.labels.classes))
    extra = spec.task.label_headers(classes, gathered.unit)
    table = Table(
        ("Period", "From", "Until", "Rows", *extra),
        tuple(
            (
                PERIODS[one.period],
                day(one.since),
                day(one.until),
                f"{one.rows:,}",
                *spec.task.label_cells(one.labels, classes),
            )
            for one in periods
        ),
        "Labelled rows with features. Days begin at midnight UTC; the last is not included",
        text_columns=3,
    )
    blocks: list[Block] = [table]
    blocks += row_counts(gathered.evaluation.rows)
    kept = sum(one.rows for one in periods)
    if kept != pinned.rows:
        blocks.append(
            Text(
                f"Not reproducible: {pinned.rows - kept:,} of {pinned.rows:,} rows that it was "
                "trained on no longer exist (an erasure deletes rows permanently)."
            )
        )
    blocks += [Text(f"{note[0].upper()}{note[1:]}.") for note in gathered.evaluation.notes]
    blocks.append(
        Facts(
            (
                ("Labels settle after", _days(spec.maturity.total_seconds())),
                ("Labels known until", moment(pinned.split.cutoff)),
                ("Trained on one row in", str(spec.split.sample_every)),
                *(
                    []
                    if gathered.evaluation.rows
                    else [("Rows without features", f"{pinned.without_features:,}")]
                ),
                ("Lake snapshot", str(pinned.snapshot)),
                ("Available features", f"{len(pinned.schema.features)}"),
                ("Columns that the trees use", f"{len(gathered.model.card.inputs)}"),
            )
        )
    )
    missing = dict.fromkeys(name for one in periods for name in one.missing)
    most = sorted(missing, key=lambda name: -max(p.missing.get(name, 0.0) for p in periods))
    if not most:
        return [*blocks, Text("No feature has missing values.")]
    rows = tuple(
        (name, *(share(one.missing.get(name, 0.0)) for one in periods))
        for name in most[:_MISSING_SHOWN]
    )
    caption = f"Missing values: {min(len(most), _MISSING_SHOWN)} of {len(most)} features with any"
    head = ("Feature", *(PERIODS[one.period] for one in periods))
    return [*blocks, Table(head, rows, caption, folded=True)]


def _days(seconds: float) -> str:
    days = seconds / 86_400
    return f"{days:g} days" if days >= 1 else f"{seconds / 3600:g} hours"
