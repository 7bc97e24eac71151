"""Evaluation tests share the declarations of the training tests."""

from tests.training.conftest import detector

__all__ = ["detector"]
