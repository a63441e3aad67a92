"""When a message is tried again, and when not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from vidsense_daemon.alerts.retries import GIVE_UP_AFTER_S, next_attempt_at

from .fakes import STARTED_AT, owed


def retry(
    *, attempts: int = 0, age_s: float = 0, retry_after_s: float | None = None, jitter: float = 0
) -> float | None:
    """Seconds from now to the next attempt."""
    now = STARTED_AT + timedelta(seconds=age_s)
    found = next_attempt_at(owed(attempts=attempts), now, retry_after_s=retry_after_s, jitter=jitter)
    return None if found is None else (found - now).total_seconds()


@pytest.mark.parametrize(
    ("attempts", "expected_s"),
    [(0, 5), (1, 15), (4, 120), (5, 300), (7, 1800), (8, 7200), (13, 86400), (14, 86400), (500, 86400)],
)
def test_the_waits_grow_by_the_schedule(attempts: int, expected_s: float) -> None:
    """Seconds at first, a day at last."""
    assert retry(attempts=attempts) == expected_s


def test_jitter_moves_an_attempt_by_a_tenth_at_most() -> None:
    """Messages that failed together come back apart."""
    assert retry(attempts=5, jitter=-1) == pytest.approx(270)
    assert retry(attempts=5, jitter=1) == pytest.approx(330)


def test_what_the_receiver_asks_for_stands_in_for_the_schedule() -> None:
    """A receiver that says "in two seconds" or "in an hour" knows best."""
    assert retry(retry_after_s=2) == 2
    assert retry(retry_after_s=3600) == 3600


def test_a_receiver_that_always_says_now_does_not_get_a_loop() -> None:
    """Retry-After: 0 waits a second, and the longer the older the message is."""
    assert retry(retry_after_s=0) == 1
    assert retry(age_s=3600, retry_after_s=0) == 180


def test_after_three_days_there_is_no_next_attempt() -> None:
    """What is older than that is news no more."""
    assert retry(attempts=7, age_s=GIVE_UP_AFTER_S) is None


def test_the_last_attempt_is_made_at_the_end_of_the_three_days() -> None:
    """A wait that would reach beyond the end is shortened to it."""
    assert retry(attempts=12, age_s=GIVE_UP_AFTER_S - 100) == 100
    assert retry(age_s=GIVE_UP_AFTER_S - 100, retry_after_s=86400) == 100


def test_a_receiver_that_is_always_down_gets_about_fifteen_attempts() -> None:
    """Three days of outage cost a receiver fifteen requests a message."""
    delivery, now = owed(), STARTED_AT
    moments: list[datetime] = []
    while True:
        moments.append(now)
        found = next_attempt_at(delivery, now, retry_after_s=None, jitter=0)
        if found is None:
            break
        delivery, now = replace(delivery, attempts=delivery.attempts + 1), found

    assert 13 <= len(moments) <= 16
    assert moments[-1] - STARTED_AT == timedelta(seconds=GIVE_UP_AFTER_S)
