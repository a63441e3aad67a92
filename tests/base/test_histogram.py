"""Times counted into buckets."""

from __future__ import annotations

import math

from vidsense_daemon.base.histogram import Histogram


def test_values_are_counted_up_to_each_bound() -> None:
    """Each bucket holds all that is not above its bound, the last one everything."""
    seconds = Histogram((1, 10))
    for value in (0.5, 1.0, 3.0, 60.0):
        seconds.observe(value)

    seen = seconds.read()

    assert seen.buckets == ((1, 2), (10, 3), (math.inf, 4))
    assert (seen.total, seen.count) == (64.5, 4)


def test_what_was_read_stays_as_it_was() -> None:
    """A reader in another thread sees counts that belong together."""
    seconds = Histogram((1,))
    before = seconds.read()
    seconds.observe(5)

    assert (before.total, before.count) == (0, 0)
