"""Shadows, leaves, insects: what is drawn into calm crops and is nobody."""

from __future__ import annotations

import numpy as np
from cameras import yard

from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.learning.disturbances import disturbed

SIDE_PX = 96


def place() -> Picture:
    return yard(SIDE_PX, SIDE_PX)


def drawn(count: int) -> list[Picture]:
    random = np.random.default_rng(0)
    return [disturbed(place(), random) for _ in range(count)]


def test_every_disturbance_can_be_seen_and_leaves_a_picture() -> None:
    for picture in drawn(60):
        assert picture.shape == (SIDE_PX, SIDE_PX, 3)
        assert picture.dtype == np.uint8
        assert np.abs(picture.astype(int) - place()).max() > 10


def test_some_take_light_away_and_some_add_it() -> None:
    """A shadow and a beam are both among them: neither is a visitor."""
    brighter = [float(picture.mean()) - float(place().mean()) for picture in drawn(60)]

    assert min(brighter) < -5
    assert max(brighter) > 5


def test_the_same_seed_draws_the_same() -> None:
    """What the network says of them is kept on disk, and must be that of the same pictures the next time."""
    for one, other in zip(drawn(10), drawn(10), strict=True):
        np.testing.assert_array_equal(one, other)
