"""Runs: how they start, take turns and stop, and the history that is kept of them."""
