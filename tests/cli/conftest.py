"""The lake of the scoring tests, with a champion and a candidate, serves the command line too."""

from tests.scoring.conftest import ready, settings, template
