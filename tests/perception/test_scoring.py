"""How much a picture shows what is asked for: against the background, and against rivals."""

from __future__ import annotations

import numpy as np
import pytest

from vidsense_daemon.domain.frames import Box
from vidsense_daemon.domain.windows import EmbeddedFrame, Window
from vidsense_daemon.perception.prompts import PromptBook
from vidsense_daemon.perception.scoring import Look, Score, look_at, score
from vidsense_daemon.perception.triggers import TriggerRule
from vidsense_daemon.perception.windows import inputs_of

from .fakes import DIMENSION, ColourEncoder, embedded, painted

PERSON = PromptBook(ColourEncoder()).texts_of(TriggerRule("visitor", "a person walking"))


def look(thing: str, before: str = "empty", share: float = 0.75) -> Look:
    seen, background = ColourEncoder().embed_pictures([painted(thing, share), painted(before, share)])
    return Look(change=seen - background, cold=False)


def window_of(*frames: EmbeddedFrame, added: float = 0.0) -> Window:
    inputs = inputs_of(frames)
    return Window(frames, inputs + np.float32(added), inputs.mean(axis=0))


def cropped(index: int, thing: str = "person", **changes: object) -> EmbeddedFrame:
    crop, background = ColourEncoder().embed_pictures([painted(thing), painted()])
    values = {"crop": crop, "crop_background": background, "box": Box(0.4, 0.4, 0.5, 0.5), "moving": True, **changes}
    return embedded(index, **values)


def change(*frames: EmbeddedFrame) -> np.ndarray:
    seen = look_at(window_of(*frames))
    assert seen is not None
    return seen.change


def test_a_person_scores_and_wins() -> None:
    """Someone is there."""
    seen = score(look("person"), PERSON)

    assert seen.presence > 1
    assert seen.wins


def test_what_always_hangs_there_does_not_score() -> None:
    """A poster of a person is no visitor: it is in the background picture too."""
    assert score(look("person", before="person"), PERSON).presence == pytest.approx(0)


def test_a_car_does_not_win_a_persons_trigger() -> None:
    """Whatever a car has of a person, it has more of a car."""
    assert not score(look("car"), PERSON).wins


def test_who_leaves_the_background_scores_below_nothing() -> None:
    """A parked car that drives away is no arriving car."""
    assert score(look("empty", before="person"), PERSON).presence < 0


def test_more_of_it_scores_higher() -> None:
    """The nearer someone comes, the surer the score."""
    near, far = score(look("person", share=0.9), PERSON), score(look("person", share=0.3), PERSON)

    assert near.presence > far.presence


def test_a_contrast_prompt_is_a_rival() -> None:
    """Who writes what it is not, is believed."""
    texts = PromptBook(ColourEncoder()).texts_of(TriggerRule("thing", "a parcel", contrast=("a car",)))

    assert score(look("car"), texts).rival_margin < 0


def test_a_prompt_of_no_class_wins_whenever_it_is_there() -> None:
    """Without rivals only the threshold decides."""
    texts = PromptBook(ColourEncoder()).texts_of(TriggerRule("smoke", "smoke"))

    assert score(look("car"), texts).wins


def test_a_close_race_is_not_won() -> None:
    """What looks hardly more like a person than like a car is neither."""
    assert not Score(presence=5, rival_margin=0.1).wins
    assert Score(presence=5, rival_margin=0.5).wins


def test_the_crop_is_looked_at() -> None:
    """Someone small in a wide scene is seen."""
    assert np.array_equal(change(cropped(5)), np.eye(DIMENSION)[0] - np.eye(DIMENSION)[3])


def test_a_crop_that_fills_the_picture_gives_way_to_the_whole_picture() -> None:
    """A lorry before the lens is looked at as a whole."""
    assert np.array_equal(change(cropped(5, box=Box(0, 0, 1, 0.8))), np.eye(DIMENSION)[5])


def test_the_frames_of_a_window_are_judged_together() -> None:
    """One odd crop among good ones changes little."""
    odd = change(cropped(0), cropped(1), cropped(2), cropped(3, "car"))

    assert odd[0] == pytest.approx(0.75)
    assert odd[1] == pytest.approx(0.25)


def test_moving_frames_are_not_judged_with_calm_ones() -> None:
    """The first look at who comes in isn't thinned by the empty scene before."""
    assert np.array_equal(change(cropped(0, "empty", moving=False), cropped(1)), change(cropped(1)))


def test_another_thing_elsewhere_is_not_judged_together() -> None:
    """A swaying branch at the other end of the picture doesn't thin the look at a visitor."""
    branch = cropped(0, "dog", box=Box(0.8, 0.8, 0.9, 0.9))

    assert np.array_equal(change(branch, cropped(1)), change(cropped(1)))


def test_what_was_seen_long_ago_does_not_count() -> None:
    """A calm camera's window may span minutes: only its last two seconds are the present."""
    assert np.array_equal(change(cropped(0, "car", at_s=0.0), cropped(1, at_s=60.0)), change(cropped(1)))


def test_nothing_is_said_of_a_scene_change() -> None:
    """When the infrared light goes on, everything looks different and nothing has come."""
    assert look_at(window_of(cropped(0), cropped(1, scene_changed=True))) is None


def test_without_a_background_picture_the_picture_itself_is_scored() -> None:
    """Right after a start there is nothing to compare with: what stands there counts as if it had come."""
    seen = look_at(window_of(cropped(0, crop_background=None)))

    assert seen is not None
    assert seen.cold
    assert np.array_equal(seen.change, np.eye(DIMENSION)[0])
    assert score(seen, PERSON).wins


def test_what_the_temporal_transformer_added_counts() -> None:
    """A trained transformer changes the look; an untrained one changes no bit of it."""
    plain, trained = look_at(window_of(cropped(0))), look_at(window_of(cropped(0), added=0.5))

    assert plain is not None
    assert trained is not None
    assert np.allclose(trained.change, plain.change + 0.5)
