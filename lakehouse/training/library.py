"""Loading LightGBM, which is slow and particular about its surroundings."""

import os
from typing import Any


def import_lightgbm() -> Any:
    """LightGBM, with threads that sleep while they wait for each other.

    By default they spin, and a fit of 1.3 s took 33 s on two cores that two other processes were
    using too. The variable is read when LightGBM is loaded, so it has to be set before.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import lightgbm

    return lightgbm
