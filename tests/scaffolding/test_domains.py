"""A domain is two folders; nothing else changes, and a wrong name is refused."""

import pytest
import yaml

from lakehouse.project import Project
from lakehouse.scaffolding.declared_tables import DeclaredColumn, DeclaredTable
from lakehouse.scaffolding.domains import choose_domain, find_domains, propose_domain
from lakehouse.scaffolding.errors import ScaffoldingError
from lakehouse.scaffolding.proposal import write
from lakehouse.scaffolding.table import propose_table


def test_a_new_domain_is_its_folders_and_a_page(project: Project) -> None:
    write(propose_domain(project, "shop"))
    assert find_domains(project) == ["shop"]
    assert choose_domain(project, None) == "shop"
    made = {str(one.relative_to(project.root)) for one in project.root.rglob("*")}
    assert {
        "defs/shop/README.md",
        "defs/shop/sources",
        "defs/shop/feature_sets",
        "defs/shop/models",
        "dbt_project/models/shop/staging",
        "dbt_project/models/shop/core",
        "dbt_project/models/shop/reporting",
    } <= made


def test_a_column_with_the_name_of_a_keyword_is_quoted_in_the_table(project: Project) -> None:
    types = {"id": "BIGINT", "order": "BIGINT", "event_time": "TIMESTAMP"}
    types |= {"known_at": "TIMESTAMP", "_load_id": "BIGINT", "_row": "BIGINT"}
    columns = tuple(DeclaredColumn(name, kind) for name, kind in types.items())
    staging = DeclaredTable("staging.stg_x", "shop", columns, ())
    sql, text = (
        file.text for file in propose_table(project, "shop", "fct_x", staging, ("id",)).files
    )
    assert '    "order",\n' in sql
    (model,) = yaml.safe_load(text)["models"]
    assert {column["name"]: column.get("quote") for column in model["columns"]}["order"] is True


def test_a_column_that_only_the_sql_names_is_left_out_and_named(project: Project) -> None:
    types = {"event_time": "TIMESTAMP", "known_at": "TIMESTAMP", "_load_id": "BIGINT"}
    types |= {"id": "BIGINT", "_row": "BIGINT", "temp": "DECIMAL(5,2)", "price_net": "DECIMAL(9,2)"}
    columns = tuple(DeclaredColumn(name, kind) for name, kind in types.items())
    staging = DeclaredTable("staging.stg_x", "shop", columns, (), ("is_late",))
    proposal = propose_table(project, "shop", "fct_x", staging, ("id",))
    left_out = "left out, as stg_x.yml does not list them with their `data_type`"
    (found,) = [one for one in proposal.assumptions if one.startswith(left_out)]
    assert found.endswith(": is_late")
    sql = proposal.files[0].text
    assert "cast(temp * 100 as bigint) as temp_x100" in sql
    assert "cast(price_net * 100 as bigint) as price_net_cents" in sql


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("Shop", "'Shop' is not a valid name of a domain"),
        ("core", "core is the name of a folder in every domain"),
        ("shop", "the domain shop exists"),
    ],
)
def test_a_name_that_cannot_be_a_domain_is_refused(
    project: Project, name: str, sentence: str
) -> None:
    write(propose_domain(project, "shop"))
    with pytest.raises(ScaffoldingError, match=sentence):
        propose_domain(project, name)


def test_a_domain_is_chosen_by_a_person_where_there_are_several(project: Project) -> None:
    with pytest.raises(ScaffoldingError, match="there is no domain yet; make it with"):
        choose_domain(project, None)
    for name in ("shop", "taxi"):
        write(propose_domain(project, name))
    with pytest.raises(ScaffoldingError, match="there are the domains shop, taxi: choose one"):
        choose_domain(project, None)
    with pytest.raises(ScaffoldingError, match="no domain bank among shop, taxi; make it with"):
        choose_domain(project, "bank")
    assert choose_domain(project, "taxi") == "taxi"
