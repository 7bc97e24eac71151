"""The options of a new world: what cannot be simulated is one sentence, and nothing is written."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from lakehouse.cli import main


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--terminals", "5"), "'--terminals': 5 is not in the range x>=10"),
        (("--customers", "0"), "'--customers': 0 is not in the range x>=1"),
        (("--seed", "-1"), "'--seed': -1 is not in the range x>=0"),
        (("--days", "0"), "'--days': 0 is not in the range x>=1"),
        (("--days", "999999"), "begins before the year 1; choose fewer --days"),
        (("--days", "9", "--end", "0001-01-05"), "begins before the year 1"),
    ],
)
def test_a_world_that_cannot_be_is_refused_with_its_reason(
    options: tuple[str, ...], complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEHOUSE_DATA_DIR", str(tmp_path / "data"))
    result = CliRunner().invoke(main, ["simulate", *options])
    shown = " ".join(result.output.split()) + str(result.exception or "")
    assert result.exit_code != 0
    assert complaint in shown
    assert not (tmp_path / "data" / "world").exists()


def test_the_smallest_world_is_one_day_of_one_customer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEHOUSE_DATA_DIR", str(tmp_path / "data"))
    sizes = ["--days", "1", "--customers", "1", "--terminals", "10", "--end", "2026-06-01"]
    result = CliRunner().invoke(main, ["simulate", *sizes])
    assert result.exit_code == 0, result.output
    assert "complete up to 2026-05-31 (UTC): 1 day" in result.output
