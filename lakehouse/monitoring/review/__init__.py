"""Reviewing versions by labels that have settled: performance, calibration, comparisons."""
