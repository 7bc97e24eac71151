"""The staging model of a proposed source: a view with its columns, and their descriptions."""

from collections.abc import Iterator

from lakehouse.lake import literal
from lakehouse.scaffolding.contract import ProposedContract
from lakehouse.scaffolding.names import free_name, sql_name
from lakehouse.scaffolding.profile import Column
from lakehouse.scaffolding.yaml_text import one_line, prose

EVENT_TIME = "event_time"
ROW_ID = "row_id"
_TIMES = ("DATE", "TIMESTAMP")
_LAST = (
    ("known_at", "timestamp", "When a decision could first have known the row (UTC)."),
    ("_load_id", "bigint", "The load that delivered the row."),
    ("_row", "bigint", "The row within its file."),
)


def staging_sql(name: str, contract: ProposedContract) -> str:
    """The SQL of `stg_<name>`: columns renamed and typed, times and missing values read."""
    lines = ["{{ config(materialized='view', contract={'enforced': false}) }}", ""]
    time = contract.time
    if time is not None:
        lines.append(
            "-- The event time is capped at known-at, because the source's clock may run ahead."
        )
    else:
        lines.append("-- The source has no time: a row happened when its file was complete.")
    selected = [sql for _, _, sql, _ in _columns(contract)]
    rows = ",\n".join(f"    {sql}" for sql in [*selected, *(each for each, _, _ in _LAST)])
    return "\n".join([*lines, "select", rows, f"from {{{{ source('raw', '{name}') }}}}"]) + "\n"


def staging_yaml(name: str, contract: ProposedContract) -> str:
    """The description of `stg_<name>` and its columns, with types for what is built on it."""
    lines = [
        "version: 2",
        "",
        "models:",
        f"  - name: stg_{name}",
        f"    description: {one_line(f'Rows of {name}, typed and cleaned.')}",
        "    columns:",
    ]
    every = [(each, kind, text) for each, kind, _, text in _columns(contract)]
    required = _required(contract)
    for each, kind, text in [*every, *_LAST]:
        lines += [
            f"      - name: {each}",
            f"        description: {one_line(prose(text))}",
            f"        data_type: {one_line(kind)}",
        ]
        if each in required:
            lines.append("        constraints: [{type: not_null}]")
    return "\n".join(lines) + "\n"


def _columns(contract: ProposedContract) -> Iterator[tuple[str, str, str, str]]:
    """Name, type, SQL and description of each column: the row's own, then `event_time`."""
    descriptions = {
        str(fields["name"]): str(fields["description"]) for _, fields in contract.fields
    }
    own = [column.name for column in contract.columns]
    if not contract.key:
        name = free_name(ROW_ID, own)
        yield name, "varchar", f"_file || ':' || _row as {name}", "The row's file and number."
    is_time = any(c.name == EVENT_TIME and c.guess.best in _TIMES for c in contract.columns)
    for column in contract.columns:
        if column.personal and column.name not in contract.key:
            continue
        if column.name == EVENT_TIME and is_time:
            continue  # below, capped
        kind = "varchar" if column.personal else sql_type(column.guess.best)
        sql, name = _cleaned(column), column.name
        if name == EVENT_TIME:
            name = free_name(f"{EVENT_TIME}_text", own)
            sql = f"{EVENT_TIME} as {name}"
        yield name, kind, sql, descriptions[column.name]
    for _, fields in contract.fields:
        if "reveals" in fields:
            name = str(fields["name"])
            yield name, "integer", sql_name(name), str(fields["description"])
    event, text = "known_at", "When the file was complete (UTC)."
    if contract.time is not None:
        event = f"least({contract.time.event}, known_at)"
        text = "When it happened (UTC), never after known_at."
    yield EVENT_TIME, "timestamp", f"{event} as {EVENT_TIME}", text


def _required(contract: ProposedContract) -> set[str]:
    """The columns that are never NULL: the contract refuses it, and they are as delivered.

    A delete (`op`) may lack all but the key.
    """
    has_deletes = any(column.name == "op" for column in contract.columns)
    declared = {
        str(fields["name"])
        for _, fields in contract.fields
        if fields["name"] in contract.key or (fields.get("nullable") is False and not has_deletes)
    }
    as_delivered = {c.name for c in contract.columns if _cleaned(c) == sql_name(c.name)}
    return declared & as_delivered


def _cleaned(column: Column) -> str:
    """The column, or what its text means."""
    name, guess = sql_name(column.name), column.guess
    if column.personal:
        return name
    if guess.markers:
        missing = ", ".join(map(literal, guess.markers))
        kind = sql_type(guess.inner)
        return f"cast(case when {name} not in ({missing}) then {name} end as {kind}) as {name}"
    if guess.comma:
        return f"try_cast(replace({name}, ',', '.') as {sql_type(guess.inner)}) as {name}"
    if len(guess.formats) == 1:
        kind = sql_type(guess.inner)
        return f"cast(try_strptime({name}, {literal(guess.formats[0])}) as {kind}) as {name}"
    return name


def sql_type(kind: str) -> str:
    """A type of a contract as dbt models here write it."""
    return kind.lower().replace(", ", ",")
