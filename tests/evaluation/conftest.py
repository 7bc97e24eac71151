"""Declarations that evaluation meets are those of the training tests."""

from tests.training.conftest import detector

__all__ = ["detector"]
