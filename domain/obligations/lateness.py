"""When an installment is late, and how late (contract section 8), and how old a debt is (section 5)."""

import msgspec

from domain.calendar import end_of_day, start_of_day
from domain.deadlines import watch
from domain.facts import Installment
from domain.ids import alert_id
from domain.obligations.allocation import Coverage
from domain.obligations.state import Charge
from domain.obligations.totals import ObligationTotals
from domain.records import AgeingBucket, LateStage
from domain.time import FAR_FUTURE, Day, Micros


class Late(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A live late alert: an installment that is not covered although its due day has ended."""

    alert_id: str
    installment_id: str
    due_date: Day
    amount_due_minor: int
    paid_minor: int
    pending_minor: int
    due_at: Micros
    """The end of the due day in the property's zone."""
    stage: LateStage


class Lateness(msgspec.Struct, frozen=True, gc=False):
    """How late an obligation is at an instant."""

    late: tuple[Late, ...]
    """The late installments, in order of due date."""
    next_due_date: Day | None
    """The due date of the first installment that is not covered."""
    oldest_late_due_date: Day | None
    ageing_bucket: AgeingBucket
    next_deadline: Micros
    """The next instant at which any of this changes by the clock alone."""


# From the last stage to the first: the days after the due date that must have ended. None stands for the grace.
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


def lateness_of(obligation_id: str, totals: ObligationTotals, coverage: Coverage, now: Micros) -> Lateness:
    """Find the late installments, their stages, and the age of the debt."""
    charge = totals.charge
    zone = charge.time_zone
    late: list[Late] = []
    next_due_date: Day | None = None
    next_deadline = FAR_FUTURE
    for index, uncovered in enumerate(coverage.uncovered):
        if not uncovered:
            continue
        installment = coverage.installments[index]
        due_date = installment.due_date
        if next_due_date is None:
            next_due_date = due_date
        due_at = end_of_day(due_date, zone)
        is_late, late_at = watch(due_at, now)
        if not is_late:
            next_deadline = min(next_deadline, late_at)
            break  # in order of due date: none of the following is late either
        stage, next_stage_at = stage_at(due_date, grace_end(installment, charge), zone, now)
        next_deadline = min(next_deadline, next_stage_at)
        amount, unpaid = coverage.amounts[index], coverage.unpaid[index]
        late.append(
            Late(
                alert_id=alert_id(obligation_id, installment.installment_id, due_date),
                installment_id=installment.installment_id,
                due_date=due_date,
                amount_due_minor=amount,
                paid_minor=amount - unpaid,
                pending_minor=unpaid - uncovered,
                due_at=due_at,
                stage=stage,
            )
        )
    oldest_late_due_date: Day | None = None
    bucket = AgeingBucket.CURRENT
    if late:
        oldest_late_due_date = late[0].due_date
        bucket, next_bucket_at = bucket_at(oldest_late_due_date, zone, now)
        next_deadline = min(next_deadline, next_bucket_at)
    return Lateness(tuple(late), next_due_date, oldest_late_due_date, bucket, next_deadline)


def grace_end(installment: Installment, charge: Charge) -> Day:
    """Give the last day of grace of an installment.

    It is the installment's own; else the charge's, of what is due on the charge's due date; else so many grace days
    after the due date.
    """
    if installment.grace_ends_on is not None:
        return installment.grace_ends_on
    if charge.grace_ends_on is not None and installment.due_date == charge.due_date:
        return charge.grace_ends_on
    return installment.due_date + charge.grace_days


def stage_at(due_date: Day, grace_ends_on: Day, zone: str, now: Micros) -> tuple[LateStage, Micros]:
    """Give the furthest stage whose days after the due date have ended, and when the next one is reached.

    FAR_FUTURE after the last stage. Only for a due day that has ended: before the grace has ended, the stage is
    `past_due`.

    Args:
        due_date: the installment's.
        grace_ends_on: the last day of its grace.
        zone: IANA name of the property's time zone.
        now: the instant to look from.

    """
    following = FAR_FUTURE
    for stage, days in _STAGES:
        reached = end_of_day(grace_ends_on if days is None else max(due_date + days, grace_ends_on), zone)
        if now >= reached:
            return stage, following
        # A long grace may put several stages at one instant: the furthest of them applies.
        following = reached
    return LateStage.PAST_DUE, following


def bucket_at(oldest: Day, zone: str, now: Micros) -> tuple[AgeingBucket, Micros]:
    """Give the ageing bucket of the oldest late due date, and when the next one begins.

    FAR_FUTURE after the last bucket. A day has come once it has begun: where the clocks are put back over midnight, the
    date does not go back.
    """
    following = FAR_FUTURE
    for bucket, days in _BUCKETS:
        begins = start_of_day(oldest + days, zone)
        if now >= begins:
            return bucket, following
        following = begins
    return AgeingBucket.DAYS_1_30, following
