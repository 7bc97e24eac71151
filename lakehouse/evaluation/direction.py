"""Which way a metric is good. Imports nothing, so that a declaration can be read without NumPy."""

LOWER_IS_BETTER = frozenset({"log_loss", "mae", "rmse"})
"""All others are better the higher they are."""
