"""Actions by a pretrained video model, with random weights that the tests make themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.domain.windows import Window
from vidsense_daemon.perception.mailbox import FrameMailbox
from vidsense_daemon.perception.perceiver import Perceiver
from vidsense_daemon.perception.xclip import VideoHead, VideoModel

from .encoders.pictures import pattern
from .encoders.tiny_models import PICTURE_PX, save_clip, save_xclip
from .fakes import Camera, ColourEncoder, RememberingSink, embedded

PICTURES = [pattern(px=PICTURE_PX, phase=30 * index) for index in range(4)]
SENTENCES = ("a person", "an empty room", "a red car")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> VideoModel:
    return VideoModel(str(save_xclip(tmp_path_factory.mktemp("xclip"))))


def window_at(at_s: float, *, moving: bool = True) -> Window:
    """Six frames with pictures, the newest at ``at_s``."""
    frames = tuple(
        embedded(index, at_s=at_s - 0.2 * (5 - index), moving=moving, picture=PICTURES[index % 4]) for index in range(6)
    )
    whole = np.stack([frame.whole for frame in frames])
    return Window(frames, whole, whole.mean(axis=0))


def test_it_says_how_well_pictures_fit_sentences_whatever_their_number_and_size(model: VideoModel) -> None:
    """The encoder's pictures may be larger than the video model's own."""
    logits = model.logits(PICTURES, SENTENCES)

    assert logits.shape == (3,)
    assert len(set(np.round(logits, 6).tolist())) == 3
    assert model.logits([PICTURES[0]], SENTENCES).shape == (3,)
    assert model.logits([pattern(px=2 * PICTURE_PX)], SENTENCES).shape == (3,)


def test_the_order_of_frames_reaches_the_model(model: VideoModel) -> None:
    """Seen backwards it is another video."""
    assert not np.array_equal(model.logits(PICTURES, SENTENCES), model.logits(PICTURES[::-1], SENTENCES))


def test_a_head_scores_its_sentence_against_the_others_and_is_asked_every_two_seconds(model: VideoModel) -> None:
    """A second or two of work for each window would hold up the house; between two looks the last word stands."""
    head = VideoHead(model, SENTENCES[0], SENTENCES[1:])
    frames = window_at(10.0).frames
    own, *other = model.logits([frame.picture for frame in frames if frame.picture is not None], SENTENCES).tolist()

    first = head.score_of(window_at(10.0))

    assert first.presence == pytest.approx((own - np.mean(other)) / 2.5, abs=1e-4)
    assert first.rival_margin == pytest.approx(own - max(other), abs=1e-4)
    assert head.score_of(window_at(11.0)) is first
    assert head.score_of(window_at(12.1)) is not first


def test_a_calm_scene_is_not_asked_about(model: VideoModel) -> None:
    """Nothing moves, so nothing is done."""
    assert VideoHead(model, *SENTENCES[:1], SENTENCES[1:]).score_of(window_at(10.0, moving=False)).presence == 0.0


@pytest.mark.parametrize("what", ["missing", "damaged", "of another kind"])
def test_weights_that_cannot_be_used_are_refused_with_what_to_do(what: str, tmp_path: Path) -> None:
    """Nothing is fetched behind the owner's back."""
    if what == "damaged":
        (save_xclip(tmp_path) / "model.safetensors").write_bytes(b"rot")
    elif what == "of another kind":
        save_clip(tmp_path)

    with pytest.raises(PermanentError, match="vidsense models pull" if what == "missing" else "to see actions"):
        VideoModel(str(tmp_path))


def test_the_perceiver_leaves_the_pictures_only_to_those_who_look_at_them() -> None:
    """They are a hundred times the size of an embedding."""
    for keep in (False, True):
        sink, camera = RememberingSink(), Camera()
        perceiver = Perceiver(
            encoder=ColourEncoder(), sink=sink, mailbox=FrameMailbox(), triggers={}, keep_pictures=keep
        )
        perceiver.process(camera.frames("person", 8))

        [window] = sink.windows
        assert all((frame.picture is not None) is keep for frame in window.frames)
