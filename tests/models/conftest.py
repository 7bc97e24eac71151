"""The payment lake of the training tests serves here as well."""

from tests.training.conftest import (
    World,
    detector,
    forecast,
    scenario,
    settings,
    sixty_days,
    world,
)
