"""What moves around a home, in the encoder's words: the rivals of every trigger, and what "nothing there" looks like.

A trigger's prompt is free text. To know its rivals ("a car" must not win for "a person walking") its class is needed:

1. by head word: the first class word of the sentence, since English names the thing before it says where it is or what
   it does ("a person at the gate with a parcel", "a car on the road"); of neighbouring class words the last one is the
   head ("a truck driver" is a person, "a bird dog" a dog);
2. no class word: no class, no rivals. The prompt then stands alone against its contrast prompts and the calm scene.

Classes that the prompt names beside its own ("a person walking a dog") are no rivals, and neither are a class's
`carriers`: a person on a bicycle is a person. docs/decisions/0005 says what was measured. Pure.
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
    carriers: tuple[str, ...] = ()  # classes that show one of these too


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
        carriers=("bicycle", "motorcycle"),
    ),
    ThingClass(
        name="car",
        texts=("a car", "a truck", "a van"),
        words=(
            *("car", "truck", "van", "vehicle", "automobile", "bus", "buses", "lorry", "lorries", "suv", "pickup"),
            *("taxi", "jeep", "ambulance", "trailer", "camper"),
        ),
    ),
    ThingClass(
        name="bicycle",
        texts=("a bicycle", "a person riding a bicycle"),
        words=("bicycle", "bike", "cyclist", "bicyclist", "biker", "e-bike"),
    ),
    ThingClass(
        name="motorcycle",
        texts=("a motorcycle", "a person riding a motorcycle"),
        words=("motorcycle", "motorbike", "scooter", "moped", "motorcyclist"),
    ),
    ThingClass(
        name="dog",
        texts=("a dog", "an animal"),
        words=("dog", "puppy", "puppies", "hound", "animal", "fox", "foxes", "deer", "wolf"),
    ),
    ThingClass(name="cat", texts=("a cat",), words=("cat", "kitten")),
    ThingClass(name="bird", texts=("a bird",), words=("bird", "pigeon", "crow", "gull", "duck", "chicken", "hen")),
)

EMPTY: tuple[str, ...] = ("an empty place", "the bare ground", "a plain wall")

# "riding" makes the rider's vehicle the thing to tell from a walker
_RIDING = re.compile(
    r"\b(?:riding|rides|cycling|on) (?:a |an |his |her |their )?(?=(?:bicycle|bike|motor|scooter|moped))"
)

_POSSESSIVE = re.compile(r"\b\w+['’]s?(?=\s)")  # the neighbour's car is a car


def class_of(prompt: str, vocabulary: tuple[ThingClass, ...] = HOME) -> ThingClass | None:
    """The class that the prompt is about; none when it names none."""
    prompt = _POSSESSIVE.sub("", prompt.lower())
    if riding := _RIDING.search(prompt):
        prompt = prompt[riding.end() :]
    head: ThingClass | None = None
    for word in re.findall(r"[a-z]+(?:-[a-z]+)*", prompt):
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
    named = {found.name for word in re.findall(r"[a-z-]+", prompt.lower()) if (found := _class_with(word, vocabulary))}
    return tuple(c for c in vocabulary if c is not own and c.name not in named and c.name not in own.carriers)


def _class_with(word: str, vocabulary: tuple[ThingClass, ...]) -> ThingClass | None:
    return next((c for c in vocabulary if word in c.words or word.removesuffix("s") in c.words), None)
