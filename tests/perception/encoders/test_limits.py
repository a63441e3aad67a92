"""Prompts that the builtin encoder cannot see are refused with a reason."""

from __future__ import annotations

import pytest

from vidsense_daemon.perception.encoders.builtin import unsupported_prompt


@pytest.mark.parametrize(
    "prompt",
    [
        "two men fighting",
        "a person with a knife",
        "somebody stealing a parcel",
        "an elderly person falling down the stairs",
        "a hand taking a bottle",
        "a burglar breaking in",
        "suspicious behaviour",
    ],
)
def test_a_prompt_that_it_cannot_see_is_refused_with_a_reason(prompt: str) -> None:
    """A trigger that only looks as if it watched is worse than none."""
    reason = unsupported_prompt(prompt)

    assert reason is not None
    assert prompt in reason
    assert "encoder.backend: clip" in reason


@pytest.mark.parametrize(
    "prompt",
    [
        "a person standing at the front door",
        "a person walking",
        "a car on the road, seen from above",
        "a person riding a bicycle",
        "a dog in the garden",
        "a delivery van in the driveway",
        "a white van",
        "a waterfall",
        "an empty doorstep",
        "a person sitting on a bench in autumn",
        "a cat beside the kitchen window",
        "la poste's van in the driveway",
        "cars",
        "Ein Hund, a dog",
        "a fallow field",
    ],
)
def test_a_prompt_about_what_is_there_is_welcome(prompt: str) -> None:
    assert unsupported_prompt(prompt) is None


@pytest.mark.parametrize(
    "prompt",
    [
        "eine Person vor der Haustür",
        "un perro en el jardín",
        "une personne devant la porte",
        "una macchina nel cortile",
        "een hond bij het hek",
        "человек у двери",
        "猫が庭にいる",
    ],
)
def test_another_language_is_refused(prompt: str) -> None:
    """Its words come from English captions: it would score such a prompt at random."""
    assert "reads English only" in (unsupported_prompt(prompt) or "")


def test_a_prompt_of_500_words_is_refused_in_one_short_line() -> None:
    reason = unsupported_prompt("a person in the garden " * 100)

    assert reason is not None
    assert "500 words" in reason
    assert len(reason) < 300


@pytest.mark.parametrize("prompt", ["", "   ", "12 34", "!?"])
def test_a_prompt_without_words_is_refused(prompt: str) -> None:
    assert "needs words" in (unsupported_prompt(prompt) or "")
