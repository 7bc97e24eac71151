"""New projects: the files of `lakehouse/templates/init`, filled in, and a sample of orders."""

from lakehouse.starter.creation import create_project
from lakehouse.starter.naming import InitError

__all__ = ["InitError", "create_project"]
