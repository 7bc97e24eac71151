"""Reuse the lake of the scoring tests, with a champion and a candidate, for the command line."""

from tests.scoring.conftest import ready, settings, template
