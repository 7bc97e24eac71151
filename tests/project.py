"""This repository as a project."""

from pathlib import Path

from lakehouse.project import read_project

PROJECT = read_project(Path(__file__).resolve().parent.parent)
PAYMENTS = PROJECT.defs_dir / "payments"
"""The declarations of the shipped domain; tests of it must not depend on other domains."""
