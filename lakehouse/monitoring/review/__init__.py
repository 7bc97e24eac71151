"""Reviewing versions on settled labels: performance, calibration, comparisons."""
