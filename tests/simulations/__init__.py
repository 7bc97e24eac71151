"""Simulations of what is promised of statistics: slow, with seeds, judged by the truth.

`make slow-tests` runs them; `python -m tests.simulations` prints the tables in `docs/statistics.md`.
"""
