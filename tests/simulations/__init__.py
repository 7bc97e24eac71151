"""Simulations of what is promised of statistics: slow, with seeds, judged by the truth.

`make slow-tests` runs them; `python -m tests.simulations` prints tables of `docs/statistics.md`.
"""
