"""The payment lake of the training tests serves here as well."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

_spec = spec_from_file_location(
    "training_world", Path(__file__).parents[1] / "training" / "conftest.py"
)
assert _spec is not None
assert _spec.loader is not None
_module = module_from_spec(_spec)
sys.modules[_spec.name] = _module
_spec.loader.exec_module(_module)

settings = _module.settings
world = _module.world
detector = _module.detector
forecast = _module.forecast
scenario = _module.scenario
