"""This repository as a project."""

from pathlib import Path

from lakehouse.project import read_project

PROJECT = read_project(Path(__file__).resolve().parent.parent)
