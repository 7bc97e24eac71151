"""New projects: the files of `lakehouse/templates/init`, filled in, and a sample of orders."""

from lakehouse.starter.creation import InitError, create_project

__all__ = ["InitError", "create_project"]
