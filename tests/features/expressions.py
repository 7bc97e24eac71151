"""Random expressions of the grammar, as text, and the columns that they are about."""

from collections.abc import Mapping, Sequence

from hypothesis import strategies as st

from lakehouse.features.expressions import Kind

Names = Mapping[Kind, Sequence[str]]
"""The columns of each kind."""

LITERALS = {
    Kind.INTEGER: ["0", "1", "-1", "7", "9223372036854775807"],
    Kind.DOUBLE: ["0e0", "1.5e0", "-2e0", "1e300"],
    Kind.BOOLEAN: ["true", "FALSE"],
    Kind.TEXT: ["''", "'a'", "'Ö{}'", "'it''s'", "'online'"],
    Kind.TIMESTAMP: ["timestamp '2026-03-28'", "TIMESTAMP '2026-03-28 22:02:00.000001'"],
}
COMPARISONS = ["=", "<>", "!=", "<", "<=", ">", ">="]


@st.composite
def expressions(draw: st.DrawFn, kind: Kind, names: Names, depth: int = 3) -> str:
    """An expression of `kind` if every part were in parentheses; many parts are not.

    It has the same meaning in DuckDB's SQL: no arithmetic on integers, no division.
    """

    def part(kind: Kind) -> str:
        text = draw(expressions(kind, names, depth - 1))
        return f"({text})" if draw(st.booleans()) else text

    def word(text: str) -> str:
        return draw(st.sampled_from([text, text.upper()]))

    def branches(result: Kind, condition: Kind) -> str:
        listed = [
            f"{word('when')} {part(condition)} {word('then')} {part(result)}"
            for _ in range(draw(st.integers(1, 2)))
        ]
        otherwise = f" {word('else')} {part(result)}" if draw(st.booleans()) else ""
        return f"{' '.join(listed)}{otherwise} {word('end')}"

    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from([*names[kind], *LITERALS[kind], *names[kind], "null"]))
    forms = ["case", "case of", "choice"]
    forms += ["sum", "negative"] * (kind == Kind.DOUBLE)
    forms += ["comparison", "in", "between", "null", "not", "and", "or"] * (kind == Kind.BOOLEAN)
    other = draw(st.sampled_from([k for k in Kind if k in names]))
    match draw(st.sampled_from(forms)):
        case "case":
            return f"{word('case')} {branches(kind, Kind.BOOLEAN)}"
        case "case of":
            return f"{word('case')} {part(other)} {branches(kind, other)}"
        case "choice":
            name = draw(st.sampled_from(["coalesce", "least", "GREATEST"]))
            return f"{name}({part(kind)}, {part(kind)})"
        case "sum":
            return f"{part(kind)} {draw(st.sampled_from('+-*'))} {part(kind)}"
        case "negative":
            return f"- {part(kind)}"
        case "comparison":
            return f"{part(other)} {draw(st.sampled_from(COMPARISONS))} {part(other)}"
        case "in":
            listed = ", ".join(part(other) for _ in range(draw(st.integers(1, 3))))
            return f"{part(other)} {word(draw(st.sampled_from(['in', 'not in'])))} ({listed})"
        case "between":
            operator = word(draw(st.sampled_from(["between", "not between"])))
            return f"{part(other)} {operator} {part(other)} {word('and')} {part(other)}"
        case "null":
            return f"{part(other)} {word(draw(st.sampled_from(['is null', 'is not null'])))}"
        case "not":
            return f"{word('not')} {part(kind)}"
        case operator:
            return f"{part(kind)} {word(operator)} {part(kind)}"
