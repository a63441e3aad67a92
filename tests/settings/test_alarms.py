"""The keys of novelty and tamper events, and the names that belong to them."""

from __future__ import annotations

import pytest

from .conftest import ONE_CAMERA, Read, Report


def test_a_camera_overrides_single_keys_of_the_alarms(read: Read) -> None:
    """The garden may be unusual once a week, the house as often as all cameras may."""
    settings = read(
        "novelty: {per_week: 5, severity: warning}\ntamper: {after_s: 30}\n"
        "cameras:\n  garden: {url: 'rtsp://h/1', novelty: {per_week: 1}, tamper: {enabled: false}}\n"
        "  house: {url: 'rtsp://h/2'}\n"
    )
    garden, house = settings.camera("garden"), settings.camera("house")

    assert (garden.novelty.per_week, garden.novelty.severity.value) == (1, "warning")
    assert (garden.tamper.enabled, garden.tamper.after_s) == (False, 30)
    assert (house.novelty.per_week, house.tamper.enabled) == (5, True)


@pytest.mark.parametrize("name", ["novelty", "tamper"])
def test_a_trigger_cannot_take_the_name_of_an_alarm(report: Report, name: str) -> None:
    """Nobody could tell their events apart: the message says what the name is for."""
    said = report(f"{ONE_CAMERA}triggers:\n  {name}: {{prompt: a person}}\n")

    assert f"triggers.{name}" in said
    assert "the daemon's own events" in said
    assert "another name for the trigger" in said


def test_a_hook_can_ask_for_alarms_by_name(read: Read) -> None:
    """Novelty to the phone only, although no trigger has that name."""
    hook = "hooks:\n  - {kind: webhook, url: 'http://h/', triggers: [novelty, tamper]}\n"

    assert read(f"{ONE_CAMERA}{hook}").hooks[0].triggers == ("novelty", "tamper")
