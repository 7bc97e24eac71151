"""The contract of a proposed source: its columns, its key, its time, as lines of YAML."""

from collections.abc import Sequence
from dataclasses import dataclass

from lakehouse.scaffolding.keys import Key, find_key
from lakehouse.scaffolding.names import free_name, sql_name
from lakehouse.scaffolding.profile import Column
from lakehouse.scaffolding.samples import Sample
from lakehouse.scaffolding.times import Time
from lakehouse.scaffolding.yaml_text import comment, one_line, prose

ENOUGH_ROWS = 100
"""Rows from which a column that is never empty is declared so."""


@dataclass(frozen=True)
class ProposedContract:
    """What the YAML declares. `key` is empty if no columns identify a row."""

    columns: tuple[Column, ...]
    key: tuple[str, ...]
    time: Time | None
    on_change: str
    fields: tuple[tuple[str, dict[str, object]], ...]
    assumptions: tuple[str, ...]
    declared_time: str = ""

    @property
    def personal(self) -> tuple[Column, ...]:
        """The columns with personal data."""
        return tuple(column for column in self.columns if column.personal)

    def lines(self) -> list[str]:
        """The section `contract` of the declaration."""
        lines = ["  contract:"]
        if self.key:
            lines.append(f"    key: {one_line(list(self.key))}")
        if self.declared_time:
            lines.append(f"    declared_time: {self.declared_time}")
        lines += [f"    on_change: {self.on_change}", "    columns:"]
        for note, fields in self.fields:
            lines += comment(note, 6) if note else []
            lines.append(f"      - {one_line(fields)}")
        return lines


def propose_contract(
    sample: Sample, columns: Sequence[Column], time: Time | None
) -> ProposedContract:
    """The contract under which every row of the sample loads."""
    key = find_key(sample, columns)
    assumed = [key.evidence if key.columns else _no_key(key)]
    fields = [_fields(sample, column, key, time) for column in columns]
    declared_time = ""
    names = [column.name for column in columns]
    for column in columns:
        if column.is_birth:
            name = free_name(f"{column.name}_year", names)
            names.append(name)
            fields.append(("", _birth_year(column, name)))
    if time is not None:
        assumed.append(time.sentence)
        declared_time = time.name
        if time.expression:
            fields.append(("", _computed_time(time)))
    else:
        assumed.append(
            "no column is a time: rows are known at the seal of their file. If it is a lookup that "
            "rarely changes, declare `complete: always`, or what reads it waits for its next file"
        )
    on_change = _on_change(sample, columns)
    return ProposedContract(
        tuple(columns),
        key.columns,
        time,
        on_change,
        tuple(fields),
        (*assumed, *_about_columns(sample, columns, on_change)),
        declared_time,
    )


def _no_key(key: Key) -> str:
    return f"rows have no key ({key.evidence}): each is identified by its file and row number"


def _fields(
    sample: Sample, column: Column, key: Key, time: Time | None
) -> tuple[str, dict[str, object]]:
    fields: dict[str, object] = {"name": column.name, "type": column.type}
    if column.origin != column.name:
        fields["from"] = column.origin
    if column.name not in key.columns and _is_filled(sample, column, time):
        fields["nullable"] = False
    if sample.lacking.get(column.origin):
        fields["optional"] = True
        fields.pop("nullable", None)
    if column.personal:
        fields["pii"] = "drop" if column.is_birth else "token"
    fields["description"] = prose(_description(column))
    return "", fields


def _is_filled(sample: Sample, column: Column, time: Time | None) -> bool:
    """Whether the sample shows that the column is never empty, or its time must not be."""
    is_time = time is not None and time.column is column
    return column.missing == 0 and (sample.rows >= ENOUGH_ROWS or is_time)


def _description(column: Column) -> str:
    """What the sample shows; a person adds what it means."""
    words = column.origin if column.origin != column.name else column.name.replace("_", " ")
    words = words[:1].upper() + words[1:]
    if column.personal or column.is_id:
        return words
    if column.distinct == 0:
        return f"{words}; empty in the sample"
    if column.few and column.type == "VARCHAR":
        return f"{words}: {' or '.join(column.few) if len(column.few) < 3 else _list(column.few)}"
    if column.least and column.least != column.most:
        return f"{words}, from {column.least} to {column.most} in the sample"
    return words


def _list(values: Sequence[str]) -> str:
    return f"{', '.join(values[:-1])} or {values[-1]}"


def _birth_year(column: Column, name: str) -> dict[str, object]:
    return {
        "name": name,
        "type": "INTEGER",
        "expression": f"year({sql_name(column.name)})",
        "reveals": "the year of birth only",
        "description": "Year of birth",
    }


def _computed_time(time: Time) -> dict[str, object]:
    assert time.column is not None
    what = "End of" if time.column.guess.best == "DATE" else "Time of"
    return {
        "name": time.name,
        "type": "TIMESTAMP",
        "expression": time.expression,
        "description": f"{what} {time.column.name} (UTC), from which on the row is known",
    }


def _on_change(sample: Sample, columns: Sequence[Column]) -> str:
    if len(columns) < len(sample.columns):
        return "discard"
    return "freeze" if any(column.personal for column in columns) else "evolve"


def _about_columns(sample: Sample, columns: Sequence[Column], on_change: str) -> list[str]:
    found = []
    for column in columns:
        if column.personal:
            how = "only the year is kept" if column.is_birth else "raw gets a token"
            found.append(f"{column.name} is personal by {column.personal}: {how}")
        guess = column.guess
        if guess.markers:
            found.append(
                f"{column.name} is text in raw, as {_list_of(guess.markers)} stands for a missing "
                f"value; {guess.inner} in staging"
            )
        elif guess.comma:
            found.append(
                f"{column.name} is text in raw, as it has a decimal comma; {guess.inner} in staging"
            )
        elif len(guess.formats) == 1:
            found.append(
                f"{column.name} is text in raw, written as {guess.formats[0]}; {guess.inner} in "
                "staging"
            )
        elif guess.formats:
            found.append(
                f"{column.name} stays text: it may be {' or '.join(guess.formats)}; read it with "
                "strptime in staging"
            )
        if 0 < guess.zoned[0] < guess.zoned[1]:
            found.append(
                f"{column.name} has times with and without a zone; the latter count as UTC"
            )
        if column.note:
            found.append(f"{column.name} stays text: it is {column.note}")
        if lacking := sample.lacking.get(column.origin):
            found.append(
                f"{column.name} is optional: {lacking} of {len(sample.files)} files lack it"
            )
    if any(column.type == "TIMESTAMP" and not column.guess.zoned[0] for column in columns):
        found.append("times without a zone count as UTC")
    filled = [column.name for column in columns if _is_filled(sample, column, None)]
    if filled and sample.rows >= ENOUGH_ROWS:
        found.append(
            f"{len(filled)} of {len(columns)} columns are never empty in the sample, and are "
            "declared so: a later row without a value is set aside"
        )
    what = {
        "evolve": "is added to raw as text",
        "freeze": "sets its file aside, because it could be personal",
        "discard": "is left out",
    }
    return [*found, f"a new column {what[on_change]} (on_change: {on_change})"]


def _list_of(values: Sequence[str]) -> str:
    return " or ".join(repr(value) for value in values)
