"""Nothing waits for a static lookup, and what is made of lookups alone holds nothing back."""

from datetime import timedelta
from typing import Any

import pytest

from lakehouse.lake import ALWAYS, Author, Lake, Progress, write_progress

from .conftest import World

BUILD = ("run", "--select", "+fct_transactions", "+customer_days")
COUNTS = (
    "SELECT (SELECT count(DISTINCT _load_id) FROM core.fct_transactions), "
    "(SELECT count(*) FROM core.customer_days)"
)
PROGRESS = "SELECT name, load_id, seal FROM ops.progress WHERE name LIKE 'core.%' ORDER BY name"


def declare_static(dbt_lake: Any, *sources: str) -> None:
    """As the loader records a lookup."""
    with Lake(dbt_lake.settings) as lake, lake.writer(Author("test")) as cursor:
        for source in sources:
            write_progress(cursor, f"raw.{source}", Progress(1, ALWAYS))


@pytest.mark.slow
def test_a_lookup_holds_nothing_back_and_a_new_version_is_processed(new_dbt_lake: Any) -> None:
    world, dbt_lake = World(0), new_dbt_lake()
    rates = world.send("exchange_rates", 1)
    customers = world.send("customers", 1)
    facts = world.send("transactions", 3)
    dbt_lake.load([*rates, *customers, *facts])
    dbt_lake.dbt(*BUILD)
    assert dbt_lake.query(COUNTS)[0][0] == 1  # one day of rates, one day of transactions

    declare_static(dbt_lake, "exchange_rates", "customers")
    dbt_lake.dbt(*BUILD)
    first = {name: (load, seal) for name, load, seal in dbt_lake.query(PROGRESS)}
    assert dbt_lake.query(COUNTS)[0][0] == 3
    last = facts[-1]
    assert first["core.fct_transactions"] == (last.load_id, last.seal)
    assert first["core.customer_days"] == (last.load_id, last.seal)
    assert first["core.dim_customers"] == (customers[0].load_id, ALWAYS)
    before = dbt_lake.snapshot()
    dbt_lake.dbt(*BUILD)
    assert dbt_lake.snapshot() == before

    # a new version of the lookup, known after everything else
    (new,) = world.send("customers", 2)
    late = [(*row[:-1], last.seal + timedelta(microseconds=1)) for row in new.rows]
    dbt_lake.load([type(new)(new.source, new.load_id, last.seal + timedelta(microseconds=1), late)])
    more = world.send("transactions", 4)
    dbt_lake.load(more)
    dbt_lake.dbt(*BUILD)
    done = {name: (load, seal) for name, load, seal in dbt_lake.query(PROGRESS)}
    assert done["core.dim_customers"] == (new.load_id, ALWAYS)
    assert done["core.customer_days"] == (more[-1].load_id, more[-1].seal)
    assert done["core.fct_transactions"] == (more[-1].load_id, more[-1].seal)
    columns = "* EXCLUDE (_load_id)"
    tables = ("core.dim_customers", "core.fct_transactions", "core.customer_days")
    queries = [f"SELECT {columns} FROM {table} ORDER BY ALL" for table in tables]
    loads = [
        f"SELECT _load_id, count(*) FROM {table} GROUP BY 1 ORDER BY 1" for table in tables[1:]
    ]
    in_steps = dbt_lake.query_each([*queries, *loads])
    dbt_lake.dbt(*BUILD, "--full-refresh")
    assert dbt_lake.query_each([*queries, *loads]) == in_steps


@pytest.mark.slow
def test_a_lookup_that_is_not_loaded_yet_is_waited_for(new_dbt_lake: Any) -> None:
    world, dbt_lake = World(0), new_dbt_lake()
    dbt_lake.load(world.send("transactions", 2))
    declare_static(dbt_lake)
    dbt_lake.dbt(*BUILD)
    assert dbt_lake.query(COUNTS) == [(0, 0)]
