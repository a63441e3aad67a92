"""Which class a free prompt is about, and who its rivals are."""

from __future__ import annotations

import pytest

from vidsense_daemon.perception.vocabulary import HOME, class_of, rivals_of


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a person walking", "person"),
        ("a person standing at the front door", "person"),
        ("A Person at the gate with a parcel", "person"),
        ("a man near my car", "person"),
        ("two people with a dog", "person"),
        ("somebody", "person"),
        ("a truck driver", "person"),
        ("children playing with a cat", "person"),
        ("a car on the road, seen from above", "car"),
        ("the neighbour's red van", "car"),
        ("an unknown vehicle in the driveway", "car"),
        ("a cyclist", "bicycle"),
        ("a person riding a bicycle", "bicycle"),
        ("a man on his bike", "bicycle"),
        ("someone riding a motorbike past the house", "motorcycle"),
        ("a dog in the flower bed", "dog"),
        ("our cat at the terrace door", "cat"),
        ("pigeons on the balcony", "bird"),
    ],
)
def test_a_prompt_is_about_its_head_word(prompt: str, expected: str) -> None:
    """Free sentences get the right rivals without a list of allowed words."""
    found = class_of(prompt)

    assert found is not None
    assert found.name == expected


@pytest.mark.parametrize(
    "prompt", ["smoke", "an open garage door", "a parcel on the doorstep", "", "ein Wildschwein", "caravan"]
)
def test_a_prompt_without_a_known_class_has_no_rivals(prompt: str) -> None:
    """An unknown thing is still looked for: against its contrast prompts and the calm scene."""
    assert class_of(prompt) is None
    assert rivals_of(prompt) == ()


def names(prompt: str) -> set[str]:
    return {rival.name for rival in rivals_of(prompt)}


def test_a_car_is_a_rival_of_a_person() -> None:
    """ "a person walking" stays silent when a car drives by."""
    assert "car" in names("a person walking")
    assert "person" in names("a car on the road")


def test_what_a_prompt_names_beside_its_class_is_no_rival() -> None:
    """ "a person walking a dog" doesn't fall silent because of the dog."""
    assert "animal" not in names("a person walking a dog")
    assert "animal" in names("a person walking")


def test_a_person_on_a_bicycle_is_a_person_but_a_walker_is_no_bicycle() -> None:
    """Somebody who comes by bicycle rings the person trigger; a walker doesn't ring the bicycle trigger."""
    assert "bicycle" not in names("a person")
    assert "person" in names("a bicycle")


def test_what_a_camera_cannot_tell_apart_are_no_rivals() -> None:
    """A bicycle far away looks like a motorcycle: a trigger for one fires rather than missing it."""
    assert "motorcycle" not in names("a bicycle")
    assert "bicycle" not in names("a motorcycle")


def test_every_rival_is_a_class() -> None:
    """A misspelt rival would be none."""
    known = {thing.name for thing in HOME}

    assert all(set(thing.rivals) <= known - {thing.name} for thing in HOME)
