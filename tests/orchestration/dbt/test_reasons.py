"""A dbt table without new rows names the input that holds them back, and until when."""

from collections import defaultdict
from datetime import datetime

import pytest

from lakehouse.lake import ALWAYS, NO_PROGRESS, Progress
from lakehouse.orchestration.dbt.reasons import why_no_rows
from tests.orchestration.dbt.test_steps import manifest, model

EARLY, LATE = datetime(2026, 1, 3), datetime(2026, 1, 5)
SHOP = manifest(
    model("shop/staging/stg_orders", "orders", materialized="view"),
    model("shop/core/fct_orders", "stg_orders", "dim_customers"),
    model("shop/core/dim_customers"),
    model("shop/core/calendar"),
)


def reason(of: str, orders: datetime | None, customers: datetime | None) -> str:
    progress = defaultdict(lambda: NO_PROGRESS)
    progress["raw.orders"] = Progress(7, orders)
    progress["core.dim_customers"] = Progress(7, customers)
    return why_no_rows(of, SHOP, progress)


@pytest.mark.parametrize(
    ("orders", "customers", "sentence"),
    [
        pytest.param(
            *(LATE, EARLY),
            "processed up to 2026-01-03 00:00:00; later rows wait for core.dim_customers, which is "
            "complete until 2026-01-03 00:00:00",
            id="one is behind",
        ),
        pytest.param(
            *(LATE, None),
            "every row waits for core.dim_customers, which has no seal yet",
            id="one was never built",
        ),
        pytest.param(
            *(None, None),
            "every row waits for raw.orders, which has no seal yet, and core.dim_customers, "
            "which has no seal yet",
            id="nothing was ever loaded",
        ),
        pytest.param(
            *(EARLY, ALWAYS),
            "nothing to write: raw.orders is complete until 2026-01-03 00:00:00, and "
            "core.dim_customers is a static lookup",
            id="a lookup holds nothing back",
        ),
    ],
)
def test_the_reason_names_each_input_that_is_behind(
    orders: datetime | None, customers: datetime | None, sentence: str
) -> None:
    assert reason("fct_orders", orders, customers) == sentence


def test_an_empty_view_and_a_table_without_inputs_have_a_reason_too() -> None:
    assert (
        reason("stg_orders", None, None) == "every row waits for raw.orders, which has no seal yet"
    )
    assert reason("calendar", None, None) == "nothing to write: its query gives no rows"
