"""Frozen, covered, blinded, turned: what is told of the picture alone, and what must not alarm anybody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, timedelta

import numpy as np
import pytest

from vidsense_daemon.domain.frames import Frame, Picture, View
from vidsense_daemon.perception.tampering import Tampering, TamperMemory, TamperWatch, Verdict

from .fakes import Camera, changed_by

PX = 32


def scene(seed: int = 1, *, light: float = 1.0) -> Picture:
    """Walls and windows of 4 px."""
    fields = np.random.default_rng(seed).integers(40, 160, (PX // 4, PX // 4)).repeat(4, 0).repeat(4, 1)
    return np.repeat((fields * light).clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def flat(level: int) -> Picture:
    return np.full((PX, PX, 3), level, np.uint8)


class Watched:
    """A camera that has been watched; a frame a second."""

    def __init__(self, *, learns_for: timedelta = timedelta(minutes=10), noise: float = 0.5) -> None:
        self.camera = Camera(step_s=1.0)
        self.watch = TamperWatch(TamperMemory(), learns_for=learns_for, time_zone=UTC)
        self._noise = noise

    def show(self, picture: Picture, minutes: float, *, block_change: float | None = None) -> list[Verdict | None]:
        change = self._noise if block_change is None else block_change
        return [self.watch.see(frame) for frame in self._frames(picture, minutes, change)]

    def _frames(self, picture: Picture, minutes: float, block_change: float) -> Iterator[Frame]:
        for _ in range(round(minutes * 60)):
            yield self.camera.frame(whole=View(picture, None), block_changes=changed_by(block_change))


def known(**options: object) -> Watched:
    watched = Watched(**options)  # type: ignore[arg-type]
    watched.show(scene(), 11)
    return watched


@pytest.mark.parametrize(
    ("picture", "kind"),
    [(flat(5), Tampering.COVERED), (flat(250), Tampering.BLINDED), (scene(seed=9), Tampering.MOVED)],
)
def test_a_camera_that_shows_nothing_it_has_ever_shown_is_tampered_with(picture: Picture, kind: Tampering) -> None:
    """A bag over the lens, a torch into it, a push: told once a minute has passed, over when the scene is back."""
    watched = known()
    early, late = watched.show(picture, 0.9), watched.show(picture, 1)
    back = watched.show(scene(), 1)

    assert not any(early)
    assert late[-1] is not None
    assert late[-1].kind is kind
    assert back[-1] is None


def test_who_passes_close_by_is_no_tampering() -> None:
    """Half a minute of somebody's back is not a cover."""
    watched = known()

    assert not any(watched.show(flat(5), 0.5) + watched.show(scene(), 1))


def test_the_same_scene_in_other_light_is_the_same() -> None:
    """Noon and dusk have the same outlines."""
    watched = known()

    assert not any(verdict for light in (0.8, 0.5, 0.35, 1.5) for verdict in watched.show(scene(light=light), 3))


def test_looks_of_the_first_day_are_the_cameras_own() -> None:
    """Day and infrared: both are learned before anything is told."""
    watched = Watched(learns_for=timedelta(minutes=30))
    watched.show(scene(1), 15)
    watched.show(scene(2), 16)

    assert not any(watched.show(scene(1), 3) + watched.show(scene(2), 3))
    assert watched.show(scene(3), 3)[-1] is not None


def test_a_picture_that_fades_is_dusk_and_not_a_cover() -> None:
    """A garden without infrared grows dark slowly."""
    watched = known()
    shown = [watched.show(scene(light=light), 0.2) for light in np.geomspace(1, 0.01, 60)]

    assert not any(verdict for verdicts in shown for verdict in verdicts)
    assert not any(watched.show(flat(2), 10))


def test_a_picture_in_which_not_one_pixel_changes_any_more_is_frozen() -> None:
    """Its sensor's noise is gone for ten minutes, though it never rested before; told once, over when it lives."""
    watched = known()
    frozen = watched.show(scene(), 12, block_change=0.0)
    alive = watched.show(scene(), 0.1)

    assert not any(frozen[:590])
    assert frozen[-1] is not None
    assert frozen[-1].kind is Tampering.FROZEN
    assert alive[-1] is None


def test_a_stream_that_always_rests_is_not_frozen() -> None:
    """A drawn picture, or an encoder that smooths all noise away: this camera's picture has always rested."""
    watched = Watched(noise=0.0)

    assert not any(watched.show(scene(), 25))


def test_a_camera_that_was_moved_for_good_is_known_again_after_an_hour() -> None:
    """Its owner has turned it: the alarm ends, and the new scene is its own."""
    watched = known()
    shown = watched.show(scene(seed=9), 62)

    assert any(shown)
    assert shown[-1] is None
    assert watched.watch.accepted == 1
    assert not any(watched.show(scene(seed=9), 3))


def test_nothing_is_told_before_the_first_day_is_over() -> None:
    """A camera that is being mounted looks everywhere."""
    watched = Watched(learns_for=timedelta(days=1))

    assert not any(watched.show(scene(1), 3) + watched.show(flat(3), 3) + watched.show(scene(2), 3, block_change=0))


def test_what_was_not_watched_is_not_counted() -> None:
    """An hour without a stream is neither rest nor a day's learning."""
    watched = known()
    watched.show(scene(), 5, block_change=0.0)
    watched.camera.at_s += 3600

    assert not any(watched.show(scene(), 9, block_change=0.0))
