"""Operations of other tools that are refused here, and what to write instead."""

_INEXACT = "floating-point sums depend on threads and differ between batch and online"
_MEAN = f"{_INEXACT}; declare a `sum` and a `count`, and write the feature `total / n`"
_DEVIATION = (
    f"{_INEXACT}; declare `sumsq`, `sum` and `count`, and write the feature "
    "`std(squares, total, n)`"
)

REFUSED = {
    **dict.fromkeys(("avg", "mean", "average"), _MEAN),
    **dict.fromkeys(("stddev", "std", "stdev", "var", "variance"), _DEVIATION),
    "median": "it would be the mean of two middle values; write `op: quantile` with `q: 0.5`",
    "first": "only the last value is kept; write `op: last`, or `op: since_first` for a time",
}
"""The end of the error message, by name."""
