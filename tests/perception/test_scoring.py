"""How much a picture shows what is asked for: against the background, and against rivals."""

from __future__ import annotations

import numpy as np
import pytest

from vidsense_daemon.domain.frames import Box
from vidsense_daemon.perception.prompts import PromptBook
from vidsense_daemon.perception.scoring import Look, look_at, score
from vidsense_daemon.perception.triggers import TriggerRule

from .fakes import DIMENSION, ColourEncoder, embedded, painted

NOTHING_ADDED = np.zeros(DIMENSION, np.float32)
PERSON = PromptBook(ColourEncoder()).texts_of(TriggerRule("visitor", "a person walking"))


def look(thing: str, before: str = "empty", share: float = 0.75) -> Look:
    seen, background = ColourEncoder().embed_pictures([painted(thing, share), painted(before, share)])
    return Look(seen=seen, background=background)


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


def frame_with_crop(box: Box, **changes: object) -> Look:
    crop, background = ColourEncoder().embed_pictures([painted("person"), painted()])
    values = {"crop": crop, "crop_background": background, "box": box, "moving": True, **changes}
    return look_at(embedded(5, **values), NOTHING_ADDED)


def test_the_crop_is_looked_at() -> None:
    """Someone small in a wide scene is seen."""
    seen = frame_with_crop(Box(0.4, 0.4, 0.5, 0.5))

    assert seen.seen[0] == 1


def test_a_crop_that_fills_the_picture_gives_way_to_the_whole_picture() -> None:
    """A lorry before the lens is looked at as a whole."""
    seen = frame_with_crop(Box(0, 0, 1, 0.8))

    assert seen.seen[5] == 1


def test_without_a_background_picture_the_look_itself_is_scored() -> None:
    """Right after a start there is nothing to compare with: what stands there counts as if it had come."""
    (seen,) = ColourEncoder().embed_pictures([painted("person", 0.75)])

    assert score(Look(seen=seen, background=None), PERSON).wins


def test_what_the_temporal_transformer_added_counts() -> None:
    """A trained transformer changes the look; an untrained one changes no bit of it."""
    added = np.full(DIMENSION, 0.5, np.float32)
    plain, trained = look_at(embedded(0), NOTHING_ADDED), look_at(embedded(0), added)

    assert np.array_equal(plain.seen, embedded(0).whole)
    assert np.array_equal(trained.seen, embedded(0).whole + added)
