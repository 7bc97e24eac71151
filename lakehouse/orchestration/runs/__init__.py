"""Runs: how they start, take turns, stop, and what is kept of them."""
