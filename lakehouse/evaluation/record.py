"""What every record of an evaluation shares: it is frozen, strict, and holds no NaN."""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A part of `evaluation.json`; what cannot be told is None."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Interval(Record):
    """A value on the rows as they are, and where it lies with probability `level`."""

    value: float
    low: float
    high: float
    level: float = 0.95
