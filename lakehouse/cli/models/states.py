"""The colour of a version's state."""

from lakehouse.cli.output import Printable, Tone, Toned

TONES: dict[str, Tone] = {
    "champion": "good",
    "shadow": "new",
    "rolled_back": "bad",
    "archived": "soft",
}


def toned_state(state: str) -> Printable:
    """`state` as printed; a candidate has no colour."""
    return Toned(state, TONES[state]) if state in TONES else state
