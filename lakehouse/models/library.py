"""Load LightGBM, which is slow to import and needs an environment variable first."""

import os
from typing import Any


def import_lightgbm() -> Any:
    """LightGBM, with threads that spin for a few microseconds before they sleep.

    By default they spin much longer: a fit of 1.3 s took 33 s on two cores shared with two other
    processes. Sleeping at once (`OMP_WAIT_POLICY=PASSIVE`) takes twice as long on an idle machine,
    because threads synchronize often (measured in docs/decisions/0007-waiting-threads.md). LightGBM
    reads the variable when it is loaded, so it must be set before. Source:
    https://gcc.gnu.org/onlinedocs/libgomp/GOMP_005fSPINCOUNT.html
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    import lightgbm

    return lightgbm
