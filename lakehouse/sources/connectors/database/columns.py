"""The columns of a database's table as they are fetched: `c0`, `c1`, ... and what each is for."""

from dataclasses import dataclass

from lakehouse.lake import literal

_ISO = r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)? ?([Zz]|[+-]\d{2}(:?\d{2})?)?)?"
_END = "TIMESTAMP '9000-01-01'"


@dataclass(frozen=True)
class Columns:
    """`names` as the database spells them; `c<key>` is the key, `c<updated>` the time."""

    names: tuple[str, ...]
    key: int
    updated: int

    @property
    def key_name(self) -> str:
        """The key, as the database calls it."""
        return self.names[self.key]

    @property
    def updated_name(self) -> str:
        """The time of the last change, as the database calls it."""
        return self.names[self.updated]

    @property
    def body(self) -> str:
        """SQL for all that a fetched row says, to be compared, however its time is spelt."""
        numbers = range(len(self.names))
        texts = [canonical(f"c{n}") if n == self.updated else f"c{n}" for n in numbers]
        return f"[{', '.join([*texts, 'hex(_bytes)'])}]"

    @property
    def time(self) -> str:
        """SQL for a row's time of the last change as TIMESTAMP; NULL if it is none."""
        return time_of(f"c{self.updated}")


def time_of(text: str) -> str:
    """SQL for a text as TIMESTAMP in UTC (without a zone it is UTC already); NULL if it is none.

    Years from 9000 on stand for "never" in many a database and are no time either.
    """
    is_iso = f"regexp_full_match({text}, {literal(_ISO)})"
    time = f"CAST(try_cast({text} AS TIMESTAMPTZ) AS TIMESTAMP)"
    # two cases: no other form may reach the cast, which would use a zone's name for later rows too
    return f"CASE WHEN {is_iso} THEN CASE WHEN {time} < {_END} THEN {time} END END"


def canonical(text: str) -> str:
    """SQL for a time's text that is the same however it is spelt; another text stays as it is."""
    return f"coalesce(CAST({time_of(text)} AS VARCHAR), {text})"
