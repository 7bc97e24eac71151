"""The payment lake of the training tests."""

from tests.training.conftest import (
    World,
    detector,
    forecast,
    scenario,
    settings,
    sixty_days,
    world,
)
