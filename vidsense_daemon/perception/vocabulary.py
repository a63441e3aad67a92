"""What moves around a home, in the encoder's words: the rivals of every trigger, and what "nothing there" looks like.

A trigger's prompt is free text. To know its rivals ("a car" must not win for "a person walking") its class is needed:
it is the first class word of the sentence, since English names the thing before it says where it is or what it does ("a
person at the gate with a parcel", "a car on the road"); of neighbouring class words the last one is the head ("a truck
driver" is a person). A prompt that names no class has no rivals: it stands alone against its contrast prompts and the
calm scene.

Who is whose rival is a decision of its own. Classes that show one another are no rivals: who rides a bicycle is a
person. Nor are classes that a camera can't tell apart: as each other's rivals, bicycles and motorcycles lost four
sightings of five (docs/decisions/0005). What a prompt names beside its own class ("a person walking a dog") is no rival
either. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ThingClass:
    """One kind of thing, as sentences for the encoder and as words found in prompts."""

    name: str
    texts: tuple[str, ...]  # synonyms: the best of them counts
    words: tuple[str, ...]  # singular; a plural s is understood
    rivals: tuple[str, ...]  # names of the classes that must not look more alike
    wider: tuple[str, ...] = ()  # what it is called as well, but others are too


HOME: tuple[ThingClass, ...] = (
    ThingClass(
        name="person",
        texts=("a person", "a man", "a woman", "people"),
        words=(
            *("person", "people", "man", "men", "woman", "women", "child", "children", "kid", "boy", "girl", "baby"),
            *("somebody", "someone", "anybody", "anyone", "human", "pedestrian", "visitor", "guest", "stranger"),
            *("intruder", "burglar", "thief", "thieves", "robber", "prowler", "courier", "postman", "mailman"),
            *("driver", "worker", "gardener", "owner", "walker", "runner", "jogger", "neighbour", "neighbor", "adult"),
            *("toddler", "teenager", "grandmother", "grandfather", "policeman", "officer", "lady", "guy", "crowd"),
        ),
        rivals=("car", "animal"),
    ),
    ThingClass(
        name="car",
        texts=("a car", "a truck", "a van"),
        words=(
            *("car", "truck", "van", "vehicle", "automobile", "bus", "buses", "lorry", "lorries", "suv", "pickup"),
            *("taxi", "jeep", "ambulance", "trailer", "camper", "tractor", "minivan"),
        ),
        rivals=("person", "bicycle", "animal"),
    ),
    ThingClass(
        name="bicycle",
        texts=("a bicycle", "a person riding a bicycle"),
        words=("bicycle", "bike", "cyclist", "bicyclist", "biker", "e-bike"),
        rivals=("person", "car", "animal"),
    ),
    ThingClass(
        name="motorcycle",
        texts=("a motorcycle", "a person riding a motorcycle"),
        words=("motorcycle", "motorbike", "scooter", "moped", "motorcyclist"),
        rivals=("person", "car", "animal"),
    ),
    ThingClass(
        name="animal",
        texts=("a dog", "an animal"),
        words=("animal", "fox", "foxes", "deer", "wolf", "raccoon", "badger", "hedgehog", "marten", "boar", "pet"),
        rivals=("person", "car", "bicycle"),
    ),
    ThingClass(
        name="dog",
        texts=("a dog",),
        words=("dog", "puppy", "puppies", "hound"),
        rivals=("person", "car", "bicycle", "cat", "bird"),
        wider=("an animal",),
    ),
    ThingClass(
        name="cat",
        texts=("a cat",),
        words=("cat", "kitten"),
        rivals=("person", "car", "bicycle", "dog", "bird"),
        wider=("an animal",),
    ),
    ThingClass(
        name="bird",
        texts=("a bird",),
        words=("bird", "pigeon", "crow", "gull", "duck", "chicken", "hen"),
        rivals=("person", "car", "bicycle", "dog", "cat"),
    ),
)

EMPTY: tuple[str, ...] = ("an empty place", "the bare ground", "a plain wall")

# "riding" makes the rider's vehicle the thing to tell from a walker
_RIDING = re.compile(
    r"\b(?:riding|rides|cycling|on) (?:a |an |his |her |their )?(?=(?:bicycle|bike|motor|scooter|moped))"
)

_WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")
_POSSESSIVE = re.compile(r"\b\w+['’]s?(?=\s)")  # the neighbour's car is a car


def class_of(prompt: str, vocabulary: tuple[ThingClass, ...] = HOME) -> ThingClass | None:
    """The class that the prompt is about; none when it names none."""
    prompt = _POSSESSIVE.sub("", prompt.lower())
    if riding := _RIDING.search(prompt):
        prompt = prompt[riding.end() :]
    head: ThingClass | None = None
    for word in _WORD.findall(prompt):
        found = _class_with(word, vocabulary)
        if head is not None and found is None:
            break
        head = found or head
    return head


def rivals_of(prompt: str, vocabulary: tuple[ThingClass, ...] = HOME) -> tuple[ThingClass, ...]:
    """The classes that must not look more alike than the prompt does; empty for a prompt of no class."""
    own = class_of(prompt, vocabulary)
    if own is None:
        return ()
    named = {found.name for word in _WORD.findall(prompt.lower()) if (found := _class_with(word, vocabulary))}
    if named & {"dog", "cat"}:
        named.add("animal")
    return tuple(c for c in vocabulary if c.name in own.rivals and c.name not in named)


def _class_with(word: str, vocabulary: tuple[ThingClass, ...]) -> ThingClass | None:
    return next((c for c in vocabulary if word in c.words or word.removesuffix("s") in c.words), None)
