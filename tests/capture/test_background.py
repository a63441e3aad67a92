"""The background picture: there soon, without passers-by, and back after a flash."""

from __future__ import annotations

import numpy as np

from vidsense_daemon.capture.background import Background, median
from vidsense_daemon.capture.change import Light
from vidsense_daemon.capture.views import WorkingPicture

WIDTH_PX, HEIGHT_PX = 64, 48


def picture(*, person: tuple[int, int] | None = None, seed: int = 1) -> WorkingPicture:
    """A yard, and someone at (x, y) in it."""
    planes = np.random.default_rng(seed).integers(60, 180, size=(HEIGHT_PX * 3 // 2, WIDTH_PX), dtype=np.uint8)
    if person:
        planes[person[1] : person[1] + 16, person[0] : person[0] + 8] = 235
    return WorkingPicture(planes, 1)


def yard() -> np.ndarray:
    return picture().luma


def settled() -> Background:
    background = Background()
    for step in range(200):
        background.see(picture(), float(step))
    return background


def test_a_background_stands_after_a_few_frames() -> None:
    """Replays and demos are short: five frames at the busy rate are enough."""
    background = Background()
    for step in range(11):
        background.see(picture(), step / 5)

    assert background.picture is not None


def test_a_passer_by_at_the_start_is_not_in_it() -> None:
    """Someone who crosses the yard covers each place for less than half of the time."""
    background = Background()
    for step in range(15):
        background.see(picture(person=(4 * step, 10)), step / 5)
    assert background.picture

    assert (background.picture.luma == yard()).all()


def test_who_stands_still_for_a_minute_is_not_absorbed() -> None:
    """A burglar who waits does not become part of the wall."""
    background = settled()
    for step in range(60):
        background.see(picture(person=(20, 20)), 200.0 + step)
    assert background.picture

    assert (background.picture.luma == yard()).all()


def test_a_parked_car_becomes_background_after_some_minutes() -> None:
    """What stays belongs to the scene."""
    background = settled()
    for step in range(200):
        background.see(picture(person=(20, 20)), 200.0 + step)
    assert background.picture

    assert (background.picture.luma == picture(person=(20, 20)).luma).all()


def test_after_a_scene_change_there_is_none_until_the_new_scene_is_known() -> None:
    """No picture is compared with the background of another scene."""
    background = settled()
    background.start_anew()
    assert background.picture is None
    for step in range(11):
        background.see(picture(seed=2), 200 + step / 5)
    assert background.picture

    assert (background.picture.luma == picture(seed=2).luma).all()


def test_the_old_background_is_back_when_its_scene_is() -> None:
    """Lightning costs one frame, not the background."""
    background = settled()
    background.start_anew()

    assert background.come_back(picture(person=(20, 20)))
    assert background.picture
    assert (background.picture.luma == yard()).all()


def test_another_scene_does_not_bring_the_old_background_back() -> None:
    """A camera that was turned looks at something else."""
    background = settled()
    background.start_anew()

    assert not background.come_back(picture(seed=2))


def test_the_background_follows_the_cameras_exposure() -> None:
    """A step of exposure makes the same scene darker, background included."""
    background = settled()
    background.relight(Light(gain=0.5, offset=10))
    assert background.picture

    assert abs(background.picture.luma.astype(int) - (yard() * 0.5 + 10)).max() <= 1


def test_a_new_run_goes_on_with_the_background() -> None:
    """After a reconnect stream time starts again at 0; the scene is the same."""
    background = settled()
    version = background.version
    background.see(picture(), 0.0)

    assert background.picture is not None
    assert background.version == version + 1


def test_the_network_sorts_as_numpy_does() -> None:
    """The median of any number of pictures, also where a picture does not divide into strips."""
    rng = np.random.default_rng(0)
    for count in range(1, 10):
        pictures = [rng.integers(0, 256, size=(150, 8), dtype=np.uint8) for _ in range(count)]

        assert (median(pictures) == np.sort(np.stack(pictures), axis=0)[(count - 1) // 2]).all()
