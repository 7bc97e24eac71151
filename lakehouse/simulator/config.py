"""The configuration of a world: its size, its seed and every rate. No code that generates data."""

from datetime import date, timedelta
from typing import Self

from pydantic import BaseModel, ConfigDict, Field


class FraudShares(BaseModel):
    """Average share of each kind of fraud in all transactions (0.01 is 1 %)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    amount_outlier: float = Field(default=0.0004, ge=0, lt=0.1)
    terminal_compromise: float = Field(default=0.0027, ge=0, lt=0.1)
    card_compromise: float = Field(default=0.0046, ge=0, lt=0.1)
    card_testing: float = Field(default=0.0017, ge=0, lt=0.1)


class DirtShares(BaseModel):
    """Share of transactions with each kind of dirt; a transaction has at most one kind.

    `unknown_chargeback` is a share of the chargebacks: rows about transactions that do not exist.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    duplicate: float = Field(default=0.0020, ge=0, lt=0.1)
    late: float = Field(default=0.0030, ge=0, lt=0.1)
    malformed: float = Field(default=0.0002, ge=0, lt=0.1)
    null_field: float = Field(default=0.0003, ge=0, lt=0.1)
    wrong_type: float = Field(default=0.0002, ge=0, lt=0.1)
    negative_amount: float = Field(default=0.0004, ge=0, lt=0.1)
    clock_skew: float = Field(default=0.0003, ge=0, lt=0.1)
    unknown_chargeback: float = Field(default=0.0030, ge=0, lt=0.1)


class WorldConfig(BaseModel):
    """One world. The same config gives the same files, independent of the time and the number of
    steps.

    The settings counted in days default to a fraction of `days`; worlds of different length are
    equal where they overlap only if these settings are given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: date = Field(description="First day, UTC")
    days: int = Field(default=180, ge=1, description="Number of days at creation")
    seed: int = Field(default=7, ge=0)
    customers: int = Field(default=5000, ge=1, description="Customers on the first day")
    terminals: int = Field(default=10000, ge=10, description="Terminals on the first day")
    transactions_per_customer_day: float = Field(default=1.1, gt=0)
    fraud: FraudShares = FraudShares()
    dirt: DirtShares = DirtShares()
    never_reported: float = Field(
        default=0.015, ge=0, lt=1, description="Share of frauds that are never reported"
    )
    quiet: bool = Field(default=False, description="No drift, no season, no payday: stationary")
    drift_days: int = Field(
        default_factory=lambda data: data["days"], ge=1, description="Days of one unit of drift"
    )
    wallet_day: int = Field(
        default_factory=lambda data: data["days"] // 2,
        description="Day index from which transactions have the column `wallet`",
    )
    truncated_day: int = Field(
        default_factory=lambda data: data["days"] * 3 // 5,
        description="Day index whose file is cut off; the complete file arrives on the next day",
    )

    @classmethod
    def ending(cls, today: date, days: int = 180, **settings: object) -> Self:
        """The world whose last day is the day before `today`, which the caller passes in."""
        start = today - timedelta(days=days)
        return cls.model_validate({"start": start, "days": days, **settings})
