"""The proposal of a core table of facts: one row for each key, in its first version."""

from collections.abc import Collection, Sequence

from lakehouse.lake.layout import CORE, STAGING
from lakehouse.project import Project
from lakehouse.scaffolding.declared_tables import DeclaredColumn, DeclaredTable
from lakehouse.scaffolding.domains import models_folder
from lakehouse.scaffolding.errors import ScaffoldingError
from lakehouse.scaffolding.names import check_name, free_name, sql_name
from lakehouse.scaffolding.proposal import File, Proposal
from lakehouse.scaffolding.staging import EVENT_TIME, ROW_ID
from lakehouse.scaffolding.yaml_text import one_line, prose
from lakehouse.sources.declared import valid_sources

_SYSTEM = ("known_at", "_load_id")
"""Columns at the end of every core table."""
_MONEY = frozenset(
    {
        *("amount", "price", "cost", "costs", "fee", "fees", "subtotal", "tax", "wage"),
        *("fare", "tip", "tips", "toll", "tolls", "pay", "paid", "payment", "salary"),
        *("revenue", "sales", "balance", "discount", "refund", "charge", "spend"),
        *("eur", "euro", "usd", "gbp", "chf", "money", "betrag", "preis", "montant", "prix"),
    }
)
"""Words of names of amounts, whose hundredths are cents."""


def key_of(project: Project, staging: DeclaredTable) -> tuple[str, ...]:
    """The key of the source behind a staging view; its row ids if it has none.

    Raises:
        ScaffoldingError: when there is no such source.
    """
    name = staging.name.rpartition(".stg_")[2]
    if staging.has(ROW_ID):
        return (ROW_ID,)
    spec = valid_sources(project).get(name)
    if spec is None or not spec.contract.key:
        raise ScaffoldingError(f"what identifies a row of {staging.name}? Name it with --key")
    return spec.contract.key


def propose_table(
    project: Project,
    domain: str,
    name: str,
    staging: DeclaredTable,
    key: Sequence[str],
    tables: Collection[str] = (),
) -> Proposal:
    """A table `core.<name>` of the rows of a staging view, which grows by increments.

    `key` are the columns of which each value is kept once. `tables` are the names that are taken.

    Raises:
        ScaffoldingError: when the name is not valid, or the view lacks a column that is needed.
    """
    check_name("table", name)
    if CORE.table(name) in tables:
        raise ScaffoldingError(
            f"there is a table {CORE.table(name)}; names are unique over all domains, so choose "
            "another one"
        )
    layer, _, view = staging.name.partition(".")
    if layer != STAGING or not view.startswith("stg_"):
        raise ScaffoldingError(
            f"{staging.name} is not a staging view of a source; write --of stg_<source>"
        )
    for needed in (*key, EVENT_TIME, "known_at", "_load_id", "_row"):
        staging.column(needed)
    source = view.removeprefix("stg_")
    columns = [c for c in staging.columns if c.name not in (*_SYSTEM, EVENT_TIME, "_row")]
    untyped = [column.name for column in columns if not column.type]
    if untyped:
        staging.column(untyped[0])
    ordered = [
        *(column for column in columns if column.name in key),
        *(column for column in columns if column.name not in key),
    ]
    folder = models_folder(project, domain) / CORE
    minor = _minor_units(ordered)
    sql = _sql(source, view, key, [column.name for column in ordered], minor)
    text = _yaml(name, source, key, ordered, minor)
    assumptions = [f"the first version of {' and '.join(key)} wins, in the order of arrival"]
    assumptions += [
        f"{new} is {old} in whole units, for sums that are exact" for old, (new, _) in minor.items()
    ]
    if staging.undeclared:
        assumptions.append(
            f"left out, as {view}.yml does not list them with their `data_type`, though the SQL "
            f"seems to name them: {', '.join(staging.undeclared)}"
        )
    return Proposal(
        (File(folder / f"{name}.sql", sql), File(folder / f"{name}.yml", text)), tuple(assumptions)
    )


def _minor_units(columns: Sequence[DeclaredColumn]) -> dict[str, tuple[str, int]]:
    """A column of whole numbers for each decimal one: its name, and the factor."""
    taken = [column.name for column in columns]
    found: dict[str, tuple[str, int]] = {}
    for column in columns:
        if column.is_decimal and "," in column.type:
            scale = int(column.type.rstrip(")").rpartition(",")[2])
            if 0 < scale <= 4:
                is_money = scale == 2 and not {*column.name.lower().split("_")}.isdisjoint(_MONEY)
                unit = "cents" if is_money else f"x{10**scale}"
                name = free_name(f"{column.name}_{unit}", taken)
                taken.append(name)
                found[column.name] = (name, 10**scale)
    return found


def _sql(
    source: str,
    view: str,
    key: Sequence[str],
    columns: Sequence[str],
    minor: dict[str, tuple[str, int]],
) -> str:
    keys = ", ".join(map(sql_name, key))
    one = keys if len(key) == 1 else f"({keys})"
    selected = []
    for column in columns:
        selected.append(sql_name(column))
        if column in minor:
            name, factor = minor[column]
            selected.append(f"cast({sql_name(column)} * {factor} as bigint) as {name}")
    rows = ",\n".join(f"    {each}" for each in [*selected, EVENT_TIME, *_SYSTEM])
    return f"""{{{{ config(
    pre_hook="{{{{ lakehouse.begin_loads('{source}') }}}}",
    partitioned_by=['year(event_time)', 'month(event_time)'],
) }}}}

with arrived as materialized (
    select * from {{{{ ref('{view}') }}}}
    where {{{{ lakehouse.in_loads() }}}} and {{{{ lakehouse.on_chosen_days('event_time') }}}}
),

-- the first version of a key wins, in this increment and in history
first_versions as (
    select * from arrived
    qualify row_number() over (partition by {keys} order by _load_id, _row) = 1
)

select
{rows}
from first_versions
{{%- if is_incremental() %}}
where {one} not in (
    select {one} from {{{{ this }}}}
    where {one} in (select {one} from first_versions)
)
{{%- endif %}}
order by event_time, {keys}
"""


def _yaml(
    name: str,
    source: str,
    key: Sequence[str],
    columns: Sequence[DeclaredColumn],
    minor: dict[str, tuple[str, int]],
) -> str:
    what = f"One row for each {' and '.join(key)} of {source}, in its first version."
    lines = [
        "version: 2",
        "",
        "models:",
        f"  - name: {name}",
        f"    description: {one_line(what)}",
        "    data_tests:",
        "      - lakehouse.unique_recently:",
        f"          name: {name}_are_unique",
        f"          arguments: {one_line({'columns': list(key)})}",
        "      - lakehouse.holds_recently:",
        f"          name: {name}_happen_before_they_are_known",
        '          arguments: {expression: "event_time <= known_at"}',
        "    columns:",
    ]

    def add(column: str, kind: str, text: str, *, required: bool) -> None:
        lines.extend(
            [
                f"      - name: {column}",
                f"        description: {one_line(prose(text))}",
                f"        data_type: {kind.lower()}",
            ]
        )
        if sql_name(column) != column:
            lines.append("        quote: true")
        if required:
            lines.append("        constraints: [{type: not_null}]")

    for column in columns:
        text = column.description or column.name.replace("_", " ").capitalize()
        is_required = column.is_required or column.name in key
        add(column.name, column.type, text, required=is_required)
        if column.name in minor:
            new, factor = minor[column.name]
            add(new, "bigint", f"{column.name} times {factor}", required=column.is_required)
    add(EVENT_TIME, "timestamp", "When it happened (UTC), never after known_at.", required=True)
    known = "When a decision could first have known the row (UTC)."
    add("known_at", "timestamp", known, required=True)
    add("_load_id", "bigint", "The load that delivered the row.", required=True)
    return "\n".join(lines) + "\n"
