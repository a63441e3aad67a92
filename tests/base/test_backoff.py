"""How long the next try waits."""

from __future__ import annotations

import random

import pytest

from vidsense_daemon.base.backoff import Backoff, delay_for


def test_each_failure_doubles_the_wait_up_to_the_cap() -> None:
    """A camera that is off for hours is asked once a minute, not once a second."""
    delays_s = [delay_for(attempts, first_s=0.5, cap_s=60) for attempts in range(9)]

    assert delays_s == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]


def test_a_failure_of_years_still_has_a_delay() -> None:
    """A long outage overflows nothing."""
    assert delay_for(1_000_000, first_s=0.5, cap_s=60) == 60


def test_jitter_keeps_many_from_knocking_together() -> None:
    """Ten cameras behind one switch do not all come back in the same moment."""
    firsts_s = {Backoff(first_s=10, cap_s=60, random_source=random.Random(seed)).next_s() for seed in range(10)}

    assert len(firsts_s) == 10
    assert all(8 <= delay_s <= 12 for delay_s in firsts_s)


def test_success_starts_over() -> None:
    """After it worked, the next failure waits the shortest time again."""
    backoff = Backoff(first_s=1, cap_s=60)
    for _ in range(5):
        backoff.next_s()
    assert backoff.attempts == 5

    backoff.reset()

    assert backoff.next_s() == pytest.approx(1, rel=0.2)
