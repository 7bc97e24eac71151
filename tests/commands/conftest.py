"""The lake of the scoring tests, with a champion and a candidate, serves the command line too."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

_spec = spec_from_file_location(
    "scoring_world", Path(__file__).parents[1] / "scoring" / "conftest.py"
)
assert _spec is not None
assert _spec.loader is not None
_module = module_from_spec(_spec)
sys.modules[_spec.name] = _module
_spec.loader.exec_module(_module)

settings = _module.settings
template = _module.template
ready = _module.ready
