"""The table of the expression language, from its forms; an example's value is computed."""

from datetime import datetime
from typing import Any

from lakehouse.features.expressions import EXAMPLE, FORMS, Form, Name, compile_expression


def expression_table() -> str:
    """A Markdown table with a row for each operator and function."""
    lines = ["| written | takes | gives | NULL | example |", "|---|---|---|---|---|"]
    for forms in FORMS.values():
        lines += [_row(form) for form in forms]
    return "\n".join(lines)


def example_names() -> str:
    """A sentence with the values of the names in the examples."""
    values = (f"`{name}` is {shown(value)}" for name, (_, value) in EXAMPLE.items())
    return f"In the examples {', '.join(values)}."


def _row(form: Form) -> str:
    gives = (form.gives or "the kind of the values") + (f"; {form.note}" if form.note else "")
    scope = {name: Name(kind, name) for name, (kind, _) in EXAMPLE.items()}
    value = compile_expression(form.example, scope).run({n: v for n, (_, v) in EXAMPLE.items()})
    cells = [f"`{form.spelling}`", form.takes.description, gives, form.null]
    return f"| {' | '.join(cells)} | `{form.example}` is {shown(value)} |"


def shown(value: Any) -> str:
    """A value as SQL writes it."""
    match value:
        case None:
            return "NULL"
        case bool():
            return str(value).upper()
        case str():
            return f"'{value}'"
        case datetime():
            return f"{value} ({value:%A})"
    return str(value)
