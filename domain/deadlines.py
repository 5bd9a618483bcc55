"""Whether a deadline has passed at an instant, and if not, when it will."""

from domain.time import FAR_FUTURE, Micros


def watch(deadline: Micros | None, now: Micros) -> tuple[bool, Micros]:
    """Look at a deadline whose passing changes a view. It has passed at its very instant (contract section 7).

    Args:
        deadline: None never passes.
        now: the instant of the view.

    Returns:
        Whether it has passed, and the instant at which this answer changes; FAR_FUTURE if it never does.

    """
    if deadline is None:
        return False, FAR_FUTURE
    if now >= deadline:
        return True, FAR_FUTURE
    return False, deadline


def next_deadline(*instants: Micros) -> Micros | None:
    """Give the earliest of the instants at which a view changes; None if it never does."""
    earliest = min(instants)
    return None if earliest == FAR_FUTURE else earliest
