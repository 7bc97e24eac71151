"""The declared lifecycle of versions: promotion, shadow, rollback, monitoring, retraining."""

from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from lakehouse.declarations.durations import Duration
from lakehouse.declarations.part import Part


class Promotion(Part):
    """How a version that passes its gates is promoted, and the fallback when no version can score.

    `better`: at once, if it beats the champion on the same test rows. `shadow`: it scores in
    parallel with the champion and takes over when it is better on matured labels. `manual`: a
    person decides. The first version that passes its gates becomes champion, except with `manual`.

    `fallback: base_rate`: if no version can score, every row gets the share of positives (the mean,
    the commonest class) among the newest training rows and none is flagged; the log records
    `fallback` as the version. `none`: rows wait until a version can score.
    """

    rule: Literal["better", "shadow", "manual"] = "better"
    metric: str = ""
    margin: float = Field(
        default=0.0,
        description="With rule `better`, the interval of the difference must lie above this; if "
        "below 0, a version is also promoted that is shown to be worse by no more than that",
    )
    fallback: Literal["none", "base_rate"] = "none"


class Shadow(Part):
    """How versions are compared on matured labels, paired on the same rows.

    A comparison needs `min_positives` (rows, for a regression); the error probability of all
    comparisons together is at most `alpha`. A challenger without a result after `give_up_after` is
    archived. `rollback` lets the champion's predecessor take over again when it is better.
    """

    alpha: float = Field(default=0.025, gt=0, lt=0.5)
    min_positives: int = Field(default=50, ge=1)
    give_up_after: Duration = timedelta(days=60)
    rollback: bool = True


class Actions(Part):
    """What happens to an alert.

    `alert_only`: nothing that would change later reports. `block`: flagged rows are stopped, and a
    blocked row is never reported; a random share `control` of them is let through, so that labels
    stay unbiased.
    """

    mode: Literal["alert_only", "block"] = "alert_only"
    control: float = Field(default=0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _blocking_keeps_a_control(self) -> Self:
        if (self.mode == "block") != (self.control > 0):
            raise ValueError(
                "`mode: block` requires a `control` share above 0; other modes must not set it"
            )
        return self


class Log(Part):
    """How long the prediction log keeps a decision's features; it keeps the rest forever.

    `features` counts from the decision; `0d` keeps no features, only their hash.
    """

    features: Duration = timedelta(days=90)


class Retrain(Part):
    """When a new version is due: after `every` more time of settled labels, or on request.

    Drift and decay request one; at most one request is followed within `cooldown`.
    """

    every: Duration = timedelta(days=7)
    cooldown: Duration = timedelta(days=3)
    triggers: tuple[Literal["drift", "decay"], ...] = ("decay",)


class Watch(Part):
    """Bounds for monitoring after scoring.

    `psi` and `missing` (difference of shares) apply to one feature and are widened for their
    number; `score_psi` applies to the output. `volume` is the factor by which a day's rows may
    differ from the same weekday's median, `alerts` the factor of the declared capacity. `features`
    are monitored over the last `window` of scored rows. Unset bounds are proposed from the training
    set's days.
    """

    window: Duration = timedelta(days=7)
    psi: float | None = Field(default=None, gt=0)
    score_psi: float | None = Field(default=None, gt=0)
    missing: float | None = Field(default=None, gt=0, le=1)
    volume: float = Field(default=3.0, gt=1)
    calibration: float = Field(
        default=1.25,
        gt=1,
        description="Factor by which positives may differ from their expected number",
    )
    alerts: float = Field(default=5.0, gt=1)
    performance_drop: float = Field(
        default=0.2, gt=0, lt=1, description="Share of the test metric that may be lost"
    )
