"""When an installment is late, and how late (contract section 8), and how old a debt is (section 5)."""

import msgspec

from domain.calendar import end_of_day, start_of_day
from domain.records import AgeingBucket, LateStage
from domain.time import Day, Micros


class Late(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An installment that is not covered though its due day has ended: a live late alert."""

    alert_id: str
    installment_id: str
    due_date: Day
    amount_due_minor: int
    paid_minor: int
    pending_minor: int
    due_at: Micros
    """The end of the due day in the property's zone."""
    stage: LateStage


# From the last stage to the first: the days after the due date that must have ended. None stands for the grace days.
_STAGES: tuple[tuple[LateStage, int | None], ...] = (
    (LateStage.DAYS_90, 90),
    (LateStage.DAYS_60, 60),
    (LateStage.DAYS_30, 30),
    (LateStage.FEE_ELIGIBLE, None),
)

# From the oldest bucket down: the days from the oldest late due date to the local date at which it begins.
_BUCKETS: tuple[tuple[AgeingBucket, int], ...] = (
    (AgeingBucket.DAYS_OVER_90, 91),
    (AgeingBucket.DAYS_61_90, 61),
    (AgeingBucket.DAYS_31_60, 31),
)


def stage_at(due_date: Day, grace_days: int, zone: str, now: Micros) -> tuple[LateStage, Micros | None]:
    """Give the furthest stage whose days after the due date have ended, and when the next one is reached.

    To be asked only once the due day has ended. No stage comes before the grace days have ended, but `past_due`.

    Args:
        due_date: the installment's.
        grace_days: the obligation's.
        zone: IANA name of the property's time zone.
        now: the instant to look from.

    """
    following: Micros | None = None
    for stage, days in _STAGES:
        reached = end_of_day(due_date + (grace_days if days is None else max(days, grace_days)), zone)
        if now >= reached:
            return stage, following
        # Stages that long grace days put at one instant are passed over: the furthest of them holds.
        following = reached
    return LateStage.PAST_DUE, following


def bucket_at(oldest: Day, zone: str, now: Micros) -> tuple[AgeingBucket, Micros | None]:
    """Give the ageing bucket of the oldest late due date, and when the next one begins.

    A day has come once it has begun: where the clocks are put back over midnight, the date does not go back.
    """
    following: Micros | None = None
    for bucket, days in _BUCKETS:
        begins = start_of_day(oldest + days, zone)
        if now >= begins:
            return bucket, following
        following = begins
    return AgeingBucket.DAYS_1_30, following
