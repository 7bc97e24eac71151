"""The states of a version and the moves between them; any other move is refused.

    candidate ──▶ shadow ──▶ champion ──▶ archived
        │            │          │
        └─▶ champion └─▶ archived └─▶ rolled_back ──▶ shadow

Other modules decide why a version moves; `promotion.py` records the move.
"""

from typing import Literal

from lakehouse.errors import LakehouseError

State = Literal["candidate", "shadow", "champion", "archived", "rolled_back"]

MOVES: dict[State, tuple[State, ...]] = {
    "candidate": ("shadow", "champion", "archived"),
    "shadow": ("champion", "archived"),
    "champion": ("archived", "rolled_back"),
    "archived": ("champion", "shadow"),
    "rolled_back": ("shadow", "champion"),
}
"""A version that was rolled back has to prove itself as a shadow before it decides again, unless
the champion cannot score: then a person may let it decide at once (`promotion.promote`)."""


class RegistryError(LakehouseError):
    """A version or a champion does not exist, or its state does not allow the move."""


def check_move(model: str, version: str, state: State, to: State) -> None:
    """Raises `RegistryError`, naming the allowed moves, unless `state` may become `to`."""
    if to not in MOVES[state]:
        raise RegistryError(
            f"{model} {version} is {state} and cannot become {to}; "
            f"from there it may become {' or '.join(MOVES[state])}"
        )
