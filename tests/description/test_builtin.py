"""The sentence that needs no model."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone
from pathlib import Path

import pytest

from vidsense_daemon.description.describers.builtin import BuiltinDescriber, movement, sentence
from vidsense_daemon.domain.events import DescriptionStatus
from vidsense_daemon.domain.frames import Box

from .fakes import STARTED_AT, event, record


def test_an_event_becomes_one_plain_sentence(tmp_path: Path) -> None:
    """Without any model the owner reads when, where, what, how sure, how long and which way."""
    description = BuiltinDescriber(zone=UTC).describe(record(tmp_path))

    assert description.summary == (
        "17:42:03 front_door: a person walking (0.31 over background), 12 s, moved left to right"
    )


def test_the_sentence_says_whose_words_it_is(tmp_path: Path) -> None:
    """The builtin's words are never taken for a model's."""
    description = BuiltinDescriber(zone=UTC).describe(record(tmp_path))

    assert (description.backend, description.model) == ("builtin", "")
    assert description.status is DescriptionStatus.DONE


def test_the_time_is_the_owners() -> None:
    """Times are local, whatever the database keeps."""
    words = sentence(event(), zone=timezone(timedelta(hours=1)))

    assert words.startswith("18:42:03 ")


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (Box(0.7, 0.4, 0.9, 0.8), "left to right"),
        (Box(0.1, 0.0, 0.3, 0.1), "up the picture"),
        (Box(0.1, 0.9, 0.3, 1.0), "down the picture"),
        (Box(0.1, 0.4, 0.3, 0.8), ""),
    ],
)
def test_movement_is_told_only_when_it_is_clear(last: Box, expected: str) -> None:
    """A box that merely wobbles has not moved."""
    assert movement(Box(0.1, 0.4, 0.3, 0.8), last) == expected


def test_what_is_not_known_is_not_said() -> None:
    """Without boxes the sentence claims no movement."""
    words = sentence(event(first_box=None, last_box=None), zone=UTC)

    assert "moved" not in words


@pytest.mark.parametrize(("seconds", "expected"), [(0.4, "under 1 s"), (59.4, "59 s"), (125, "2 min 5 s")])
def test_lengths_read_naturally(seconds: float, expected: str) -> None:
    """Short events are not zero seconds long, long ones are told in minutes."""
    words = sentence(event(ended_at=STARTED_AT + timedelta(seconds=seconds)), zone=UTC)

    assert f", {expected}," in words


def test_zones_are_named() -> None:
    """When things moved in named zones, the owner reads which."""
    assert "in driveway and gate" in sentence(event(zones=("driveway", "gate")), zone=UTC)
