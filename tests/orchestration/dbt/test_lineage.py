from pathlib import Path

from lakehouse.lake import Author, Lake
from lakehouse.orchestration.dbt.lineage import LineageCache, column_inputs
from lakehouse.orchestration.dbt.project import DbtProjectFiles

SCHEMAS: dict[str, object] = {
    "lake": {
        "raw": {
            "payments": {"id": "BIGINT", "amount": "DECIMAL", "currency": "VARCHAR", "at": "DATE"}
        },
        "staging": {"rates": {"currency": "VARCHAR", "rate": "DECIMAL", "at": "DATE"}},
        "ops": {"progress": {"load_id": "BIGINT"}},
    }
}


def test_a_column_is_traced_through_ctes_joins_and_expressions() -> None:
    sql = """
        with new as (
            select * from "lake"."raw"."payments"
            where id > (select max(load_id) from lake.ops.progress)
        )
        select n.id, n.amount * coalesce(r.rate, 1) as euro
        from new as n
        asof left join lake.staging.rates as r on n.currency = r.currency and n.at > r.at
    """
    assert column_inputs(sql, ["id", "euro"], SCHEMAS) == {
        "id": [("raw.payments", "id")],
        "euro": [("raw.payments", "amount"), ("staging.rates", "rate")],
    }


def test_a_constant_has_no_inputs() -> None:
    assert column_inputs("select 1 as one from lake.raw.payments", ["one"], SCHEMAS) == {}


def test_sql_that_cannot_be_parsed_gives_no_lineage_instead_of_a_wrong_one() -> None:
    assert column_inputs("select from where )", ["id"], SCHEMAS) == {}
    assert column_inputs("select id from lake.raw.unknown_table", ["other"], SCHEMAS) == {}


def test_the_cache_returns_the_computed_lineage(lake: Lake, tmp_path: Path) -> None:
    files = DbtProjectFiles(lake.settings)
    node = {
        "unique_id": "model.p.m",
        "package_name": "p",
        "original_file_path": "m.sql",
        "columns": {"id": {}},
    }
    files.__dict__["models"] = {"staging.m": node}
    with lake.writer(Author("test")) as cursor:
        cursor.execute("CREATE TABLE raw.payments (id BIGINT)")
    compiled = tmp_path / "compiled" / "p" / "m.sql"
    assert LineageCache(files).read("staging.m", tmp_path, lake) is None
    compiled.parent.mkdir(parents=True)
    compiled.write_text("select id from lake.raw.payments")
    first = LineageCache(files).read("staging.m", tmp_path, lake)
    compiled.unlink()
    assert LineageCache(files).read("staging.m", tmp_path, lake) == first
    assert first == {"id": [("raw.payments", "id")]}
