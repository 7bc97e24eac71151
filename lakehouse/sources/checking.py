"""The contract as SQL: turns an Arrow table of texts into typed columns and a reason per bad row.

Pure functions that build one SELECT; `staging.py` runs it.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from lakehouse.lake import literal, quote
from lakehouse.sources.column_types import text_sql
from lakehouse.sources.local_times import LocalTimes
from lakehouse.sources.pii import token_sql
from lakehouse.sources.reading import Shape

if TYPE_CHECKING:
    from lakehouse.sources.contract import Column, Contract


MAX_TEXT_CHARACTERS = 10_000
"""Characters of a bad row's text that quarantine keeps; the landed file has the full text."""


@dataclass(frozen=True)
class Rule:
    """A condition (SQL) under which a row is bad, and the reason to report."""

    condition: str
    reason: str
    column: str | None = None


def check_sql(
    contract: "Contract",
    shape: Shape,
    extras: tuple[str, ...],
    types: dict[str, str],
    zone: LocalTimes | None = None,
) -> str:
    """A SELECT over the table `chunk` (as `reading` makes it) of files of one `shape`.

    It returns `_no`, `_row`, `_reason`, `_column` and `_text` (NULL for good rows; personal data as
    tokens), the contract's stored columns and `extras` (undeclared columns, as text). `types` are
    DuckDB's types of the table's columns, including the columns in plain form that `plain_column`
    names. With personal columns, the query needs the parameters of `pii.token_parameters`. `zone`
    is the source's, in which `plain` has read times.
    """
    origins = dict.fromkeys([column.origin for column in contract.read] + list(extras))
    source = {origin: _source(origin, shape, types) for origin in origins}
    rules = [
        Rule("_broken IS NOT NULL", "malformed row"),
        *(
            rule
            for column in contract.read
            for rule in _rules(contract, column, source[column.origin].value, zone)
        ),
        *(
            Rule(_failure(n, c), f"its expression fails or is not a {c.type}", c.name)
            for n, c in enumerate(contract.expressions)
        ),
        *(
            rule
            for column in contract.expressions
            for rule in _rules(contract, column, quote(column.name))
        ),
    ]
    read = [f"{_typed(source[c.origin], c, types)} AS {quote(c.name)}" for c in contract.read]
    # an error in an expression makes its struct NULL; a NULL value leaves the struct intact
    tried = [
        f"TRY(struct_pack(value := CAST(({c.expression}) AS {c.type}))) AS {_result(n)}"
        for n, c in enumerate(contract.expressions)
    ]
    computed = [
        f"{_result(n)}.value AS {quote(c.name)}" for n, c in enumerate(contract.expressions)
    ]
    cases = " ".join(f"WHEN {rule.condition} THEN {n}" for n, rule in enumerate(rules, start=1))
    reasons = ", ".join(literal(rule.reason) for rule in rules)
    columns = ", ".join(literal(rule.column) if rule.column else "NULL" for rule in rules)
    stored = [_stored(column) for column in contract.stored]
    more = [f"{source[name].as_text} AS {quote(name)}" for name in extras]
    return f"""
WITH typed AS (SELECT *, {", ".join(read)} FROM chunk),
tried AS (SELECT {", ".join(["*", *tried])} FROM typed),
computed AS (SELECT {", ".join(["*", *computed])} FROM tried),
judged AS (SELECT *, CASE {cases} END AS _fault FROM computed)
SELECT _no, _row,
  CASE WHEN _fault = 1 THEN _broken ELSE [{reasons}][_fault] END AS _reason,
  [{columns}][_fault] AS _column,
  CASE WHEN _fault IS NOT NULL
    THEN left({_evidence(contract, shape, source)}, {MAX_TEXT_CHARACTERS}) END AS _text,
  {", ".join(stored + more)}
FROM judged"""


def compile_expressions(contract: "Contract") -> None:
    """Compile the contract's expressions over empty columns. ValueError names the bad one."""
    columns = ", ".join(f"CAST(NULL AS {c.type}) AS {quote(c.name)}" for c in contract.read)
    with duckdb.connect(":memory:") as connection:
        for column in contract.expressions:
            tried = f"TRY(struct_pack(value := CAST(({column.expression}) AS {column.type})))"
            query = f"SELECT {tried} FROM (SELECT {columns})"
            try:
                connection.execute(query)
            except duckdb.Error as error:
                raise ValueError(
                    f"expression {column.expression!r} of {column.name}: {error}"
                ) from error


@dataclass(frozen=True)
class _Source:
    """A column of the file: the SQL of its value, and its DuckDB type."""

    value: str
    type: str

    @property
    def as_text(self) -> str:
        return text_sql(self.value, self.type)


def _source(origin: str, shape: Shape, types: dict[str, str]) -> _Source:
    if origin not in shape.columns:
        return _Source("CAST(NULL AS VARCHAR)", "VARCHAR")
    column = f"_c{shape.columns.index(origin)}"
    return _Source(column, types[column])


def _typed(source: _Source, column: "Column", types: dict[str, str]) -> str:
    plain = plain_column(source.value, column.name)
    value = plain if plain in types else source.value
    return column.kind.cast_sql(value, types.get(value, "VARCHAR"))


def plain_column(value: str, column: str) -> str:
    """The name in `chunk` of the file's column `value`, converted to plain form for `column`."""
    return f"{value}_{column}"


def _failure(number: int, column: "Column") -> str:
    value = f"{_result(number)}.value"
    return f"{_result(number)} IS NULL OR NOT coalesce({column.kind.is_bounded_sql(value)}, true)"


def _result(number: int) -> str:
    return f"_result{number}"


def _rules(
    contract: "Contract", column: "Column", text: str, zone: LocalTimes | None = None
) -> list[Rule]:
    name = quote(column.name)
    rules = []
    if contract.is_required(column):
        missing = f"{text} IS NULL"
        if contract.has_deletes and column.name not in contract.key:
            missing += f" AND {quote('op')} IS DISTINCT FROM 'delete'"
        rules.append(Rule(missing, "required value is missing", column.name))
    if column.type != "VARCHAR":
        reason = f"not a {column.type}"
        if column.type == "TIMESTAMP" and zone and zone.clock_change == "reject":
            reason += f", or a time that a clock change in {zone.zone} repeats or skips"
        rules.append(Rule(f"{text} IS NOT NULL AND {name} IS NULL", reason, column.name))
    if column.values:
        values = ", ".join(_constant(value, column) for value in column.values)
        rules.append(Rule(f"{name} NOT IN ({values})", "not an allowed value", column.name))
    for bound, sign, phrase in (
        (column.minimum, "<", "below the minimum"),
        (column.maximum, ">", "above the maximum"),
    ):
        if bound is not None:
            rules.append(
                Rule(f"{name} {sign} {_constant(bound, column)}", f"{phrase} {bound}", column.name)
            )
    return rules


def _constant(value: object, column: "Column") -> str:
    """A value of the contract as the column's type; the contract has already validated it."""
    written = column.kind.exact(str(value))
    assert written is not None
    return f"CAST({literal(written)} AS {column.type})"


def _stored(column: "Column") -> str:
    name = quote(column.name)
    if column.pii == "token":
        return f"{token_sql(f'CAST({name} AS VARCHAR)')} AS {name}"
    return name


def _evidence(contract: "Contract", shape: Shape, source: dict[str, _Source]) -> str:
    """The original text of a bad row; with personal columns, only the parts that may be kept.

    In that case declared columns keep their text, personal and undeclared ones become tokens or are
    dropped, and a row that cannot be split into columns becomes one token.
    """
    if not contract.personal:
        if shape.format != "parquet":
            return "_text"
        return _fields(dict.fromkeys(source), source)
    tokens = {column.origin: column.pii for column in contract.personal}
    shown = {c.origin: tokens.get(c.origin) for c in contract.read}
    fields = _fields({k: v for k, v in shown.items() if v != "drop"}, source)
    if shape.format == "parquet":
        return fields
    return f"CASE WHEN _fault = 1 THEN {token_sql('_text')} ELSE {fields} END"


def _fields(shown: dict[str, str | None], source: dict[str, _Source]) -> str:
    """A JSON object; values that JSON would round are stored in it as text."""
    pairs = ", ".join(
        f"{_key(origin)}, {token_sql(source[origin].as_text) if pii else _shown(source[origin])}"
        for origin, pii in shown.items()
    )
    return f"CAST(json_object({pairs}) AS VARCHAR)"


def _key(name: str) -> str:
    """A name from the source as SQL text; a NUL in it would end the statement."""
    return " || chr(0) || ".join(map(literal, name.split("\0")))


def _shown(source: _Source) -> str:
    return source.value if source.type in ("BIGINT", "INTEGER", "BOOLEAN") else source.as_text
