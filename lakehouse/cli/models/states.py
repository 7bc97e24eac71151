"""The colour of a version's state."""

from lakehouse.cli.output import Tone, Toned, Words

TONES: dict[str, Tone] = {
    "champion": "good",
    "shadow": "new",
    "rolled_back": "bad",
    "archived": "soft",
}


def toned_state(state: str) -> Words:
    """`state` as printed; a candidate has no colour."""
    return Toned(state, TONES[state]) if state in TONES else state
