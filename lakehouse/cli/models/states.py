"""The state of a version, in its colour."""

from lakehouse.cli.output import Tone, Toned, Words

TONES: dict[str, Tone] = {
    "champion": "good",
    "shadow": "new",
    "rolled_back": "bad",
    "archived": "soft",
}


def toned_state(state: str) -> Words:
    """`state` as it is printed; a candidate has no colour."""
    return Toned(state, TONES[state]) if state in TONES else state
