"""Which version decides about the rows of which loads: the champion at the time when they landed.

Derived from the registry's moves and the load counter, never from a clock: each move records the
newest load at its time. So a champion that is replaced still decides about rows that landed before,
and a process that is killed between the move and the scoring loses nothing.
"""

from dataclasses import dataclass, replace

import duckdb

from lakehouse.registry import Version
from lakehouse.registry.versions import find_transitions, find_versions

ALL_LOADS = 2**63 - 1


@dataclass(frozen=True)
class Assignment:
    """`version` decides about rows of the loads after `after`, up to and including `until`."""

    version: Version
    after: int
    until: int

    def clip(self, after: int, until: int) -> "Assignment | None":
        """The part of this assignment that covers loads after `after` up to `until`, or None."""
        clipped = replace(self, after=max(self.after, after), until=min(self.until, until))
        return clipped if clipped.after < clipped.until else None


def find_assignments(cursor: duckdb.DuckDBPyConnection, champion: Version) -> list[Assignment]:
    """Assignments over all loads, in load order, without gaps; `champion` is the current champion.

    The first champion also decides about rows that landed before it. A version that was rolled back
    no longer decides: its successor decides about the rows that it left, even if the version is a
    shadow again by now.
    """
    versions = {version.version: version for version in find_versions(cursor, champion.model)}
    history = find_transitions(cursor, champion.model)[::-1]
    moves = [(i, move) for i, move in enumerate(history) if move.to_state == "champion"]
    assignments: list[Assignment] = []
    start = 0
    for n, (i, move) in enumerate(moves, 1):
        following = moves[n][1].load_id if n < len(moves) else ALL_LOADS
        end = max(start, following or 0)
        decider = versions[move.version]
        next_state = next((m.to_state for m in history[i + 1 :] if m.version == move.version), "")
        if "rolled_back" in (decider.state, next_state) or n == len(moves):
            decider = champion
        if start < end:
            assignments.append(Assignment(decider, start, end))
        start = end
    return assignments or [Assignment(champion, 0, ALL_LOADS)]


def trained_until(cursor: duckdb.DuckDBPyConnection, version: Version) -> int:
    """The last load that the version's training set may contain; later rows are new to it."""
    loads = [
        move.load_id
        for move in find_transitions(cursor, version.model)
        if move.version == version.version and not move.from_state
    ]
    return loads[0] if loads and loads[0] is not None else ALL_LOADS
