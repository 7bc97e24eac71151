"""The base of everything that the YAML of a source declares."""

from pydantic import BaseModel, ConfigDict

NAME = r"^[a-z][a-z0-9_]*$"
"""What a source or a column may be called."""


class Part(BaseModel):
    """Base of everything in a spec: unknown fields are errors, and nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
