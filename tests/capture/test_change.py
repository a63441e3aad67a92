"""What the gate calls motion, what a change of scene, and what neither."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from vidsense_daemon.capture.change import GATE_HEIGHT_PX, GATE_WIDTH_PX, ChangeGate, GreySwitch, Luma
from vidsense_daemon.capture.masks import covered


def scene(seed: int = 3) -> Luma:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(30, 200, size=(GATE_HEIGHT_PX // 20, GATE_WIDTH_PX // 20), dtype=np.uint8)
    return coarse.repeat(20, axis=0).repeat(20, axis=1)


def noisy(luma: Luma, seed: int, levels: float = 1.5) -> Luma:
    rng = np.random.default_rng(seed)
    return np.clip(luma + rng.normal(0, levels, luma.shape), 0, 255).astype(np.uint8)


def with_person(luma: Luma, x: int, y: int = 100, *, wide: int = 10, tall: int = 26) -> Luma:
    changed = luma.copy()
    changed[y : y + tall, x : x + wide] = 250
    return changed


def gate(**changes: object) -> ChangeGate:
    return ChangeGate(**{"threshold_levels": 10, "changed_ratio": 0.00078, **changes})  # type: ignore[arg-type]


def test_a_small_person_is_motion_and_the_box_is_around_it() -> None:
    """Someone 26 px high in the gate's picture opens it."""
    opened = gate()
    opened.compare(scene())
    change = opened.compare(with_person(scene(), 100))
    assert change.box

    assert change.moving
    assert (round(change.box.left * 320), round(change.box.right * 320)) == (100, 110)
    assert (round(change.box.top * 180), round(change.box.bottom * 180)) == (100, 126)


def test_noise_is_no_motion() -> None:
    """A night of sensor noise opens no gate."""
    closed = gate()
    changes = [closed.compare(noisy(scene(), seed)) for seed in range(60)]

    assert not any(change.moving for change in changes)


def test_a_scene_that_grows_brighter_is_no_motion() -> None:
    """Clouds and the camera's exposure change all levels alike."""
    closed = gate()
    changes = [closed.compare(np.clip(scene().astype(int) + 7 * step, 0, 255).astype(np.uint8)) for step in range(8)]

    assert not any(change.moving or change.scene_changed for change in changes)


def test_a_step_of_exposure_is_taken_out_and_motion_is_seen_through_it() -> None:
    """A car that makes the camera close its iris is still a car."""
    opened = gate()
    opened.compare(scene())
    darker = (with_person(scene(), 60, wide=40, tall=40).astype(float) * 0.7 + 5).astype(np.uint8)
    change = opened.compare(darker)
    assert change.relit
    assert change.box

    assert change.moving
    assert not change.scene_changed
    assert change.relit.gain == pytest.approx(0.7, abs=0.03)
    assert change.box.right - change.box.left < 0.2


def test_another_scene_is_a_scene_change_and_no_motion() -> None:
    """The camera was turned."""
    turned = gate()
    turned.compare(scene(3))
    change = turned.compare(scene(4))

    assert change.scene_changed
    assert not change.moving
    assert change.box is None


def test_lightning_is_no_motion() -> None:
    """A flash that burns out most of the picture, and its end."""
    flashed = gate()
    flashed.compare(scene())
    flash = np.clip(scene().astype(float) * 3 + 120, 0, 255).astype(np.uint8)
    changes = [flashed.compare(flash), flashed.compare(scene())]

    assert not any(change.moving for change in changes)


def test_motion_under_a_mask_does_not_count() -> None:
    """The flag on the neighbour's roof may wave."""
    masked = gate(ignored=covered([[(0.25, 0.5), (0.5, 0.5), (0.5, 0.8), (0.25, 0.8)]], 320, 180))
    masked.compare(scene())

    assert not masked.compare(with_person(scene(), 100)).moving
    assert masked.compare(with_person(scene(), 250)).moving


def test_zones_are_named_in_which_something_moves() -> None:
    """A trigger may ask for one part of the picture."""
    left = covered([[(0, 0), (0.5, 0), (0.5, 1), (0, 1)]], 320, 180)
    zoned = gate(zones={"left": left, "right": ~left})
    zoned.compare(scene())

    assert zoned.compare(with_person(scene(), 100)).zones == ("left",)


def test_the_box_is_around_the_largest_of_several_things() -> None:
    """Two things in opposite corners do not make a box of the whole picture."""
    opened = gate()
    opened.compare(scene())
    both = with_person(with_person(scene(), 10, 10), 250, 120, wide=40, tall=40)
    change = opened.compare(both)
    assert change.box

    assert change.box.left > 0.7


def test_the_first_picture_of_a_run_is_compared_with_nothing() -> None:
    """After a gap everything may look different."""
    forgetful = gate()
    forgetful.compare(scene(3))
    forgetful.forget()

    assert not forgetful.compare(scene(4)).scene_changed


def test_the_switch_to_infrared_and_back_is_noticed() -> None:
    """At dusk the picture loses its colour from one frame to the next."""
    rng = np.random.default_rng(1)
    colour = rng.integers(110, 150, size=(2, 90, 160), dtype=np.uint8)
    grey = np.full((2, 90, 160), 128, dtype=np.uint8)
    switch = GreySwitch()

    assert [switch.switched(chroma) for chroma in (colour, colour, grey, grey, colour)] == [
        *(False, False),
        *(True, False),
        True,
    ]


def block_levels(gate: ChangeGate, luma: Luma) -> NDArray[np.float16]:
    blocks = gate.block_changes(gate.compare(luma))
    assert blocks is not None
    return blocks


def test_each_block_is_measured_between_the_frames_that_are_sent() -> None:
    """A frame that was only looked at is no point of comparison: the time between two sent frames is what counts."""
    measured = gate()
    assert measured.block_changes(measured.compare(scene())) is None
    measured.compare(with_person(scene(), 100))
    levels = block_levels(measured, with_person(scene(), 96, y=96, wide=16, tall=12))

    covered_block = scene()[96:108, 96:112].astype(int)
    assert levels.shape == (15, 20)
    assert levels[8, 6] == pytest.approx(np.abs(250 - covered_block).mean(), abs=0.1)
    assert np.count_nonzero(levels) == 1
    assert not block_levels(measured, with_person(scene(), 96, y=96, wide=16, tall=12)).any()


def test_light_noise_and_another_scene_change_no_block_much() -> None:
    """What is no motion must not look like a large one."""
    measured = gate()
    lit = np.clip(scene() * 1.3 + 10, 0, 255).astype(np.uint8)
    measured.block_changes(measured.compare(noisy(scene(), 1)))
    noise = block_levels(measured, noisy(scene(), 2))
    light = block_levels(measured, lit)

    assert 0 < noise.max() < 4
    assert light.max() < 4
    assert measured.block_changes(measured.compare(scene(seed=8))) is None


def test_under_a_mask_no_block_changes() -> None:
    """The tree that is left out of motion is left out here as well; beside the mask all counts as before."""
    mask = covered([((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))], GATE_WIDTH_PX, GATE_HEIGHT_PX)
    masked = gate(ignored=mask)
    masked.block_changes(masked.compare(scene()))

    assert not block_levels(masked, with_person(scene(), 60)).any()
    assert block_levels(masked, with_person(scene(), 250)).any()
