"""What a model is shown: the layout of its family, within its context, the dearest frames last to go."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vidsense_daemon.description.budget import picture_tokens, room_for_pictures, thinned
from vidsense_daemon.description.families import LLAVA_16, Family, Layout, family_of, is_dead
from vidsense_daemon.description.layout import Sheet, arrange
from vidsense_daemon.description.shots import Shot, motion_crop, read_shots
from vidsense_daemon.domain.events import StoredStill
from vidsense_daemon.domain.frames import Box

from .fake_tokens import MEASURED_TOKENS
from .fakes import STARTED_AT, stored_stills

QWEN = family_of(model="qwen3-vl:4b")


def shots(count: int, *, peak: int | None = None, width_px: int = 640, height_px: int = 360) -> list[Shot]:
    """Grey pictures, each darker than the one before; so many seconds apart."""
    pictures = [np.full((height_px, width_px, 3), 250 - 10 * index, dtype=np.uint8) for index in range(count)]
    return [
        Shot(picture, float(index), "peak" if index == peak else "middle") for index, picture in enumerate(pictures)
    ]


def arranged(shown: list[Shot], family: Family = LLAVA_16, *, room: int = 8000, layout: Layout | None = None) -> Sheet:
    sheet = arrange(shown, family, layout=layout or family.layout, room_tokens=room, marks=True)
    assert sheet is not None
    return sheet


def decoded(jpeg: bytes) -> NDArray[np.uint8]:
    picture = cv2.imdecode(np.frombuffer(jpeg, dtype=np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.asarray(picture, dtype=np.uint8)


@pytest.mark.parametrize(("size_px", "tokens"), MEASURED_TOKENS.items(), ids=str)
def test_pictures_cost_what_was_counted(size_px: tuple[int, int], tokens: int) -> None:
    """The budget's rule for LLaVA 1.6 gives what two engines were measured to take."""
    assert picture_tokens([size_px], LLAVA_16) == tokens


@pytest.mark.parametrize(
    ("model", "families", "expected", "layout"),
    [
        ("llava:7b-v1.6-mistral-q2_K", ["llama", "clip"], "llava-1.6", Layout.STORYBOARD),
        ("llava:7b-v1.5-q4_0", ["llama", "clip"], "llava-1.5", Layout.STORYBOARD),
        ("bakllava", ["llama", "clip"], "llava-1.5", Layout.STORYBOARD),
        ("my-own-door-model", ["llama", "clip"], "llava-1.6", Layout.STORYBOARD),
        ("qwen3-vl:4b", ["qwen3vl"], "qwen3-vl", Layout.FRAMES),
        ("qwen2.5vl:3b", ["qwen25vl"], "qwen2.5-vl", Layout.FRAMES),
        ("gemma3:4b", ["gemma3"], "gemma", Layout.FRAMES),
        ("minicpm-v:8b", ["qwen2", "clip"], "minicpm-v", Layout.FRAMES),
        ("moondream", ["phi2", "clip"], "moondream", Layout.STORYBOARD),
        ("something-new", [], "unknown", Layout.STORYBOARD),
    ],
)
def test_a_model_is_known_by_what_the_server_says_of_it(
    model: str, families: list[str], expected: str, layout: Layout
) -> None:
    """Name, architecture and families tell; a model nobody knows gets the dearest and simplest treatment."""
    family = family_of(model=model, families=families)

    assert (family.name, family.layout) == (expected, layout)


def test_models_that_cannot_be_loaded_any_more_are_known() -> None:
    """Ollama gave them up; the daemon says so instead of retrying."""
    assert is_dead("llama3.2-vision:11b")
    assert not is_dead("llava:7b-v1.6-mistral-q2_K")


def test_four_frames_become_one_picture_of_four_tiles() -> None:
    """Each frame fills one 336 px tile of the model's eye: none is resampled, and the picture costs 2880 tokens."""
    sheet = arranged(shots(4))

    [jpeg] = sheet.jpegs
    assert decoded(jpeg).shape == (672, 672, 3)
    assert (sheet.frame_count, sheet.tokens) == (4, 2880)


def test_the_order_of_a_storyboard_is_told() -> None:
    """Left to right, then down; with the times that also stand above the frames."""
    text = arranged(shots(4)).text

    assert "from left to right, then from top to bottom" in text
    assert "(+0.0s, +1.0s, +2.0s, +3.0s)" in text


def test_the_time_is_written_outside_the_scene() -> None:
    """Pixels of the scene are evidence: the letters stand in a band of their own, and the frame below is untouched."""
    cell = decoded(arranged(shots(4, width_px=336, height_px=314)).jpegs[0])[:336, :336]

    assert cell[:22].max() > 200
    assert cell[:22].min() < 60
    assert np.abs(cell[26:332, 4:332].astype(int) - 250).mean() < 3


def test_a_single_frame_gets_the_whole_picture() -> None:
    """One still is shown as large as the model can see it."""
    assert decoded(arranged(shots(1)).jpegs[0]).shape == (672, 672, 3)


@pytest.mark.parametrize(
    ("room", "frames", "tokens"), [(3000, 4, 2880), (2000, 2, 1728), (1000, 1, 576), (576, 1, 576)]
)
def test_less_room_means_fewer_frames(room: int, frames: int, tokens: int) -> None:
    """Before anything is sent the budget is kept; at the least one small picture is left."""
    sheet = arranged(shots(4, peak=2), room=room)

    assert (sheet.frame_count, sheet.tokens) == (frames, tokens)


def test_without_room_for_one_frame_there_is_nothing_to_send() -> None:
    """The caller says that no frame fits, instead of an overflow on the server after minutes."""
    assert arrange(shots(4), LLAVA_16, layout=Layout.STORYBOARD, room_tokens=500, marks=True) is None
    assert arrange([], LLAVA_16, layout=Layout.STORYBOARD, room_tokens=9000, marks=True) is None


def test_models_for_several_pictures_get_small_ones() -> None:
    """No more than six, none larger than a tile, each with its mark in the text."""
    sheet = arranged(shots(9), QWEN)

    assert len(sheet.jpegs) == sheet.frame_count == 6
    assert max(max(decoded(jpeg).shape) for jpeg in sheet.jpegs) == 336
    assert sheet.text.count("[img]") == 6


def test_slowfast_shows_few_frames_large_and_many_small() -> None:
    """Two frames show what is there, eight what moves, all in the order of time."""
    sheet = arranged(shots(12, peak=5, width_px=1280, height_px=720), QWEN, layout=Layout.SLOWFAST)

    widths = [decoded(jpeg).shape[1] for jpeg in sheet.jpegs]
    assert len(widths) == 10
    assert sorted(widths) == [224] * 8 + [672] * 2
    assert sheet.tokens < arranged(shots(12), LLAVA_16, layout=Layout.FRAMES, room=99_999).tokens


def test_slowfast_of_an_old_model_keeps_within_its_context() -> None:
    """A layout that a model has no room for is thinned until it fits."""
    assert arranged(shots(12, peak=5), layout=Layout.SLOWFAST, room=3000).tokens <= 3000


@settings(deadline=None)  # a busy machine is no defect
@given(st.integers(1, 30), st.integers(1, 12), st.integers(0, 29))
def test_first_peak_and_last_stay_longest(count: int, most: int, peak: int) -> None:
    """However much must go: the peak, then the first and the last are the last to go, and the order is kept."""
    peak %= count
    kept = thinned(range(count), most, peak=peak)

    assert kept == sorted(set(kept))
    assert len(kept) == min(count, most)
    assert peak in kept
    if most >= 3:
        assert {0, count - 1} <= set(kept)


def test_room_is_what_words_and_answer_leave() -> None:
    """Nothing is left of a context that is too small, and never less than nothing."""
    assert room_for_pictures(num_ctx=4096, text=600, answer=350) == 4096 - 600 - 350 - 64
    assert room_for_pictures(num_ctx=512, text=600, answer=350) == 0


def test_the_cut_holds_everything_that_moved() -> None:
    """All frames are cut alike, with a margin, so that what moves in the scene moves in the cut."""
    cut = motion_crop([Box(0.5, 0.5, 0.6, 0.6), Box(0.8, 0.5, 0.95, 0.7)])

    assert cut.left < 0.5
    assert cut.right >= 0.95
    assert cut.bottom - cut.top == pytest.approx(0.4)
    assert max(cut.right, cut.bottom) <= 1.0


def test_without_motion_the_whole_picture_is_shown() -> None:
    """An event of another kind hides nothing."""
    assert motion_crop([]) == Box(0.0, 0.0, 1.0, 1.0)


def test_stills_that_show_nothing_new_are_left_out(tmp_path: Path) -> None:
    """Equal pictures in the middle cost tokens and say nothing; the first and the last stay."""
    first, *_ = stored_stills(tmp_path)
    still = [
        StoredStill(first.path, role, STARTED_AT + timedelta(seconds=index), 640, 360, first.box, 0.1)
        for index, role in enumerate(("first", "middle", "middle", "last"))
    ]

    assert [shot.role for shot in read_shots(still, STARTED_AT)] == ["first", "last"]
    assert len(read_shots(stored_stills(tmp_path), STARTED_AT)) == 4
