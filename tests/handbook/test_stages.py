"""Run times of the benchmark: sequential stages add up to the total."""

import pytest

from lakehouse.benchmarks.handbook.benchmark import Stages


def test_stages_add_up_to_the_total():
    times = iter([100.0, 101.0, 104.0, 104.0, 110.0, 110.5, 111.5, 112.0])
    clock = Stages(lambda: next(times))
    with clock.stage("delivery"):
        pass
    with clock.stage("graph"):
        pass
    with pytest.raises(ValueError, match="broken"), clock.stage("delivery"):
        raise ValueError("broken")
    wall = clock.wall()
    assert wall == {"delivery": 4.0, "graph": 6.0, "other": 2.0, "total": 12.0}
    assert list(wall)[-1] == "total"
