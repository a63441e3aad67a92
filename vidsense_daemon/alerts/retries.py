"""When a message that was not taken is tried again, and when it is given up. Pure.

From the tenth minute on the schedule is the one that the Standard Webhooks specification recommends, slow enough for
a receiver that is away over a weekend. Before that it is quicker: at home a receiver that restarts is back within a
minute or two, and the news is about somebody at the door.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from vidsense_daemon.domain.events import Delivery

_MINUTE_S = 60.0
_HOUR_S = 3600.0

# seconds after the first, second, … failure; https://www.standardwebhooks.com, "Retries"
SCHEDULE_S = (
    5.0,
    15.0,
    30.0,
    _MINUTE_S,
    2 * _MINUTE_S,
    5 * _MINUTE_S,
    10 * _MINUTE_S,
    30 * _MINUTE_S,
    2 * _HOUR_S,
    5 * _HOUR_S,
    10 * _HOUR_S,
    14 * _HOUR_S,
    20 * _HOUR_S,
    24 * _HOUR_S,
)
GIVE_UP_AFTER_S = 3 * 24 * _HOUR_S
JITTER_RATIO = 0.1
_SHORTEST_WAIT_S = 1.0  # "Retry-After: 0" must not become a loop that never rests
_AGE_RATIO = 0.05  # … nor be asked every second for three days: about 200 times in all, and at most 5 % late


def next_attempt_at(
    delivery: Delivery,
    now: datetime,
    *,
    retry_after_s: float | None,
    jitter: float,
    give_up_after_s: float = GIVE_UP_AFTER_S,
) -> datetime | None:
    """When to try again after a failure; none when the message is too old to be worth it.

    Args:
        delivery: with ``attempts`` as they were before this failure.
        now: the moment of the failure.
        retry_after_s: what the receiver asked for, instead of the schedule; never less than a twentieth of the
            message's age.
        jitter: -1..1, so that many messages that failed together do not come back together.
        give_up_after_s: a message that failed when it was older than this is dead.
    """
    age_s = (now - delivery.created_at).total_seconds()
    if age_s >= give_up_after_s:
        return None
    if retry_after_s is None:
        wait_s = SCHEDULE_S[min(delivery.attempts, len(SCHEDULE_S) - 1)] * (1 + JITTER_RATIO * jitter)
    else:
        wait_s = max(retry_after_s, _SHORTEST_WAIT_S, _AGE_RATIO * age_s)
    # a last try at the very end, rather than none after it
    return now + timedelta(seconds=min(wait_s, give_up_after_s - age_s))
