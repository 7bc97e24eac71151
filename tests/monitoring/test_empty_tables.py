"""Before any label has settled, a query of the monitoring tables gives no rows and no error."""

from lakehouse.lake import layout
from lakehouse.models import ModelSpec
from lakehouse.monitoring import tables, watch
from lakehouse.monitoring.review.step import review
from tests.training.conftest import spec_values


def test_every_table_exists_after_the_first_look(scored):
    spec = ModelSpec(**spec_values())
    watch(spec, scored)
    review(spec, scored)
    rows = {table: scored.rows(table) for table in tables.COLUMNS}
    assert rows[layout.PERFORMANCE] == rows[layout.ACTIONS] == rows[layout.COMPARISONS] == 0
    assert rows[layout.FINDINGS] > 0
