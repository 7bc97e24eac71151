"""The columns of a database table as they are fetched (`c0`, `c1`, ...), and the role of each."""

from dataclasses import dataclass

from lakehouse.lake import literal

_ISO = r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)? ?([Zz]|[+-]\d{2}(:?\d{2})?)?)?"
_END = "TIMESTAMP '9000-01-01'"


@dataclass(frozen=True)
class Columns:
    """`names` with the database's spelling; `c<key>` is the key, `c<updated>` the time."""

    names: tuple[str, ...]
    key: int
    updated: int

    @property
    def key_name(self) -> str:
        """The name of the key column in the database."""
        return self.names[self.key]

    @property
    def updated_name(self) -> str:
        """The name in the database of the column with the time of the last change."""
        return self.names[self.updated]

    @property
    def body(self) -> str:
        """SQL for the content of a fetched row, for comparison; ignores how its time is spelt."""
        numbers = range(len(self.names))
        texts = [canonical(f"c{n}") if n == self.updated else f"c{n}" for n in numbers]
        return f"[{', '.join([*texts, 'hex(_bytes)'])}]"

    @property
    def time(self) -> str:
        """SQL for a row's time of the last change as TIMESTAMP; NULL if it is not a valid time."""
        return time_of(f"c{self.updated}")


def time_of(text: str) -> str:
    """SQL for a text as TIMESTAMP in UTC (the default zone); NULL if it is not a valid time.

    Years from 9000 on mean "never" in many databases, so they are not valid times either.
    """
    is_iso = f"regexp_full_match({text}, {literal(_ISO)})"
    time = f"CAST(try_cast({text} AS TIMESTAMPTZ) AS TIMESTAMP)"
    # nested cases keep other forms from the cast, which would reuse a zone for later rows
    return f"CASE WHEN {is_iso} THEN CASE WHEN {time} < {_END} THEN {time} END END"


def canonical(text: str) -> str:
    """SQL that maps all spellings of a time to one text; other text stays unchanged."""
    return f"coalesce(CAST({time_of(text)} AS VARCHAR), {text})"
