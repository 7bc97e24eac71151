"""The contract as SQL: from an Arrow table of texts to typed columns and a reason per bad row.

Pure functions that build one SELECT; `staging.py` runs it.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from lakehouse.lake import literal, quote
from lakehouse.sources.pii import token_sql
from lakehouse.sources.reading import Shape

if TYPE_CHECKING:
    from lakehouse.sources.spec import Column, Contract

VALID_OBJECT = "_broken IS NULL AND json_valid(_text) AND starts_with(ltrim(_text), '{')"
"""Whether a row of JSON Lines has columns at all."""
INTEGER = r"[+-]?\d+(\.0+)?"


@dataclass(frozen=True)
class Rule:
    """A condition (SQL) under which a row is bad, and what is then said about it."""

    condition: str
    reason: str
    column: str | None = None


def check_sql(
    contract: "Contract", shape: Shape, extras: tuple[str, ...], types: dict[str, str]
) -> str:
    """A SELECT over the table `chunk` (as `reading.py` makes it) of files of one `shape`.

    It gives `_no`, `_row`, `_reason`, `_column` and `_text` (NULL for good rows; personal data as
    tokens), the contract's stored columns and `extras` (undeclared columns, as text). `types` are
    DuckDB's types of the table's columns. The parameters of `pii.token_parameters` are needed
    when there are personal columns.
    """
    origins = list(dict.fromkeys([column.origin for column in contract.read] + list(extras)))
    source = {
        origin: _source(origin, shape, types, f"_s{index}") for index, origin in enumerate(origins)
    }
    rules = [
        Rule("_broken IS NOT NULL", "malformed row"),
        *([Rule("_object IS NULL", "malformed JSON")] if shape.format == "jsonl" else []),
        *(
            rule
            for column in contract.read
            for rule in _rules(contract, column, source[column.origin].name)
        ),
    ]
    read = [f"{source[c.origin].typed(c.type)} AS {quote(c.name)}" for c in contract.read]
    made = [f"CAST(({c.expression}) AS {c.type}) AS {quote(c.name)}" for c in contract.expressions]
    cases = " ".join(f"WHEN {rule.condition} THEN {n}" for n, rule in enumerate(rules, start=1))
    reasons = ", ".join(literal(rule.reason) for rule in rules)
    columns = ", ".join(literal(rule.column) if rule.column else "NULL" for rule in rules)
    stored = [_stored(column) for column in contract.stored]
    more = [f"{source[name].as_text} AS {quote(name)}" for name in extras]
    texts = ", ".join(f"{value.value} AS {value.name}" for value in source.values())
    return f"""
WITH parsed AS (SELECT *, {_object(shape, origins)} AS _object FROM chunk),
texts AS (SELECT _no, _row, _text, _broken, _object, {texts} FROM parsed),
typed AS (SELECT *, {", ".join(read)} FROM texts),
judged AS (SELECT {", ".join(["*", *made])}, CASE {cases} END AS _fault FROM typed)
SELECT _no, _row,
  CASE WHEN _fault = 1 THEN _broken ELSE [{reasons}][_fault] END AS _reason,
  [{columns}][_fault] AS _column,
  CASE WHEN _fault IS NOT NULL THEN {_evidence(contract, shape, source)} END AS _text,
  {", ".join(stored + more)}
FROM judged"""


def try_expressions(contract: "Contract") -> None:
    """Compile the contract's expressions over empty columns. ValueError names the bad one."""
    columns = ", ".join(f"CAST(NULL AS {c.type}) AS {quote(c.name)}" for c in contract.read)
    with duckdb.connect(":memory:") as connection:
        for column in contract.expressions:
            query = f"SELECT CAST(({column.expression}) AS {column.type}) FROM (SELECT {columns})"
            try:
                connection.execute(query)
            except duckdb.Error as error:
                raise ValueError(
                    f"expression {column.expression!r} of {column.name}: {error}"
                ) from error


@dataclass(frozen=True)
class _Source:
    """A column as the file has it: the SQL of its value, the name it goes by, DuckDB's type."""

    value: str
    name: str
    type: str

    @property
    def as_text(self) -> str:
        return self.name if self.type == "VARCHAR" else f"CAST({self.name} AS VARCHAR)"

    def typed(self, type: str) -> str:
        return self.name if self.type == type else cast_text(self.as_text, type)


def cast_text(text: str, type: str) -> str:
    """SQL for the VARCHAR expression `text` as `type`, NULL where that would lose something."""
    if type == "VARCHAR":
        return text
    cast = f"try_cast({text} AS {type})"
    if type == "TIMESTAMP":
        # a cast to TIMESTAMP would drop an offset in silence; `Z` needs none of the slower way
        zoned = f"CAST(try_cast({text} AS TIMESTAMPTZ) AS TIMESTAMP)"
        cast = f"CASE WHEN ends_with({text}, 'Z') THEN {cast} ELSE {zoned} END"
    if type in ("DOUBLE", "DATE", "TIMESTAMP"):
        return f"CASE WHEN isfinite({cast}) THEN {cast} END"
    if type.startswith("DECIMAL"):
        scale = int(type.rstrip(")").split(",")[1])
        form = rf"[+-]?\d*(\.\d{{0,{scale}}}0*)?([eE][+-]?\d+)?"
        # a binary float that was written out carries noise: 57.160000000000004 is 57.16
        noise = f"abs(try_cast({text} AS DOUBLE) - CAST({cast} AS DOUBLE)) < 1e-{scale + 4}"
        return f"CASE WHEN {_is(text, form)} THEN {cast} WHEN {noise} THEN {cast} END"
    if type == "BOOLEAN":
        return cast
    return f"CASE WHEN {_is(text, INTEGER)} THEN {cast} END"


def _is(text: str, form: str) -> str:
    """The cast itself rounds in silence, so the text's form decides."""
    return f"regexp_full_match({text}, {literal(form)})"


def _source(origin: str, shape: Shape, types: dict[str, str], name: str) -> _Source:
    if shape.format == "jsonl":
        return _Source(f"_object.{quote(origin)}", name, "VARCHAR")
    if origin not in shape.columns:
        return _Source("CAST(NULL AS VARCHAR)", name, "VARCHAR")
    column = f"c{shape.columns.index(origin)}"
    return _Source(column, name, types[column])


def _object(shape: Shape, origins: list[str]) -> str:
    if shape.format != "jsonl":
        return "NULL"
    fields = ", ".join(f'{_json_text(origin)}: "VARCHAR"' for origin in origins)
    structure = literal("{" + fields + "}")
    return f"CASE WHEN {VALID_OBJECT} THEN json_transform(_text, {structure}) END"


def _json_text(text: str) -> str:
    import json

    return json.dumps(text, ensure_ascii=False)


def _rules(contract: "Contract", column: "Column", text: str) -> list[Rule]:
    name = quote(column.name)
    rules = []
    if contract.required(column):
        missing = f"{text} IS NULL"
        if contract.has_deletes and column.name not in contract.key:
            missing += f" AND {quote('op')} IS DISTINCT FROM 'delete'"
        rules.append(Rule(missing, "required value is missing", column.name))
    if column.type != "VARCHAR":
        rules.append(
            Rule(f"{text} IS NOT NULL AND {name} IS NULL", f"not a {column.type}", column.name)
        )
    if column.values:
        values = ", ".join(map(literal, column.values))
        rules.append(
            Rule(f"CAST({name} AS VARCHAR) NOT IN ({values})", "not an allowed value", column.name)
        )
    for bound, sign, words in (
        (column.minimum, "<", "below the minimum"),
        (column.maximum, ">", "above the maximum"),
    ):
        if bound is not None:
            limit = f"CAST({literal(str(bound))} AS {column.type})"
            rules.append(Rule(f"{name} {sign} {limit}", f"{words} {bound}", column.name))
    return rules


def _stored(column: "Column") -> str:
    name = quote(column.name)
    if column.pii == "token":
        return f"{token_sql(f'CAST({name} AS VARCHAR)')} AS {name}"
    return name


def _evidence(contract: "Contract", shape: Shape, source: dict[str, _Source]) -> str:
    """The original text of a bad row; with personal columns, only what may be kept of it.

    Then declared columns stay as they came, personal and undeclared ones become tokens or vanish,
    and a row that cannot be taken apart is one token.
    """
    if not contract.personal:
        return "_text" if shape.format != "parquet" else _fields(dict.fromkeys(source), source)
    tokens = {column.origin: column.pii for column in contract.personal}
    shown = {c.origin: tokens.get(c.origin) for c in contract.read}
    fields = _fields({k: v for k, v in shown.items() if v != "drop"}, source)
    if shape.format == "parquet":
        return fields
    whole = 2 if shape.format == "jsonl" else 1
    return f"CASE WHEN _fault <= {whole} THEN {token_sql('_text')} ELSE {fields} END"


def _fields(shown: dict[str, str | None], source: dict[str, _Source]) -> str:
    pairs = ", ".join(
        f"{quote(origin)} := {token_sql(source[origin].as_text) if pii else source[origin].name}"
        for origin, pii in shown.items()
    )
    return f"CAST(to_json(struct_pack({pairs})) AS VARCHAR)"
