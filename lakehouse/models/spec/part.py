"""What every part of a declaration shares: it is frozen, and unknown fields are refused."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from lakehouse.reserved import TablePart

TableName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")]
ModelName = TablePart


class Part(BaseModel):
    """A group of fields in `defs.yaml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
