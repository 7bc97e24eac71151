"""Loading LightGBM, which is slow and particular about its surroundings."""

import os
from typing import Any


def import_lightgbm() -> Any:
    """LightGBM, with threads that wait for each other for some microseconds, then sleep.

    By default they spin much longer: a fit of 1.3 s took 33 s on two cores that two other
    processes were using too. Sleeping at once (`OMP_WAIT_POLICY=PASSIVE`) takes twice as long on a
    quiet machine, for threads meet often (measured in docs/decisions/0007-waiting-threads.md). The
    variable is read when LightGBM is loaded, so it has to be set before. Source:
    https://gcc.gnu.org/onlinedocs/libgomp/GOMP_005fSPINCOUNT.html
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    import lightgbm

    return lightgbm
