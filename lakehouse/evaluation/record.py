"""Base class of all evaluation records: frozen, strict, and free of NaN."""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A part of `evaluation.json`; undetermined values are None."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Interval(Record):
    """A value on the observed rows, and its confidence interval at `level`."""

    value: float
    low: float
    high: float
    level: float = 0.95
