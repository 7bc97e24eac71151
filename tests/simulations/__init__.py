"""Simulations of statistical guarantees: slow, with seeds, compared with the truth.

`make slow-tests` runs them; `python -m tests.simulations` prints tables of `docs/statistics.md`.
"""
