"""The output of `lakehouse run`: the rows it wrote, separate from the existing ones."""

import pytest

from lakehouse.cli.run import asset_line, summarize_changes
from lakehouse.orchestration.runs.in_process import AssetDone

NEW = AssetDone("raw/payments", 984_576, 1.25, written=1_234, changed=True)
CARRIED = AssetDone("core/payments", 984_576, 0.1, written=1_234, changed=True)
SAME = AssetDone("core/payments", 984_000, 0.1, written=0, changed=False)
VIEW = AssetDone("staging/stg_payments", 500, 0.1)
MODEL = AssetDone("models/fraud", None, 0.1, changed=True)


@pytest.mark.parametrize(
    ("asset", "words"),
    [
        (NEW, "done raw/payments 1,234 of 984,576 rows 1.2 s"),
        (SAME, "same core/payments 984,000 rows 0.1 s"),
        (VIEW, "done staging/stg_payments 500 rows 0.1 s"),
        (MODEL, "done models/fraud 0.1 s"),
    ],
)
def test_a_line_has_the_written_rows_and_the_total(asset: AssetDone, words: str) -> None:
    mark, text = asset_line(asset)
    assert " ".join(f"{mark.text}{text}".split()) == words


@pytest.mark.parametrize(
    ("assets", "words"),
    [
        ([SAME, SAME], "nothing was new: 2 assets are unchanged"),
        ([SAME, VIEW], "nothing was new: 2 assets are unchanged"),
        ([NEW, SAME], "1 of 2 assets changed: 1,234 rows arrived from sources"),
        ([NEW, CARRIED], "2 of 2 assets changed: 1,234 rows arrived from sources"),
        ([MODEL, SAME], "1 of 2 assets changed"),
        ([], "0 of 0 assets changed"),
    ],
)
def test_the_summary_counts_changes_and_new_rows(assets: list[AssetDone], words: str) -> None:
    assert summarize_changes(assets) == words
