"""The base of everything that the YAML of a source declares."""

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """Base of everything in a spec: unknown fields are errors, and nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
