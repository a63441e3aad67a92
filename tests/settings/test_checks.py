"""Mistakes between keys that are each right by themselves."""

from __future__ import annotations

import pytest

from .conftest import ONE_CAMERA, Read, Report, camera_with


def test_a_trigger_that_nobody_described_is_a_mistake(report: Report) -> None:
    """A camera lists a name with a typing error; the nearest trigger is suggested."""
    said = report(camera_with(triggers="[persn]") + "triggers:\n  person: {prompt: a person}\n")

    assert "vidsense.yaml:4:16: cameras.porch.triggers[0]" in said
    assert "no trigger 'persn' is described" in said
    assert "did you mean 'person'?" in said


def test_a_trigger_without_a_triggers_block_says_where_to_describe_it(report: Report) -> None:
    """The first camera's first trigger, and nothing to choose from yet."""
    assert "describe it there first" in report(camera_with(triggers="[person]"))


def test_a_trigger_that_is_listed_twice_is_a_mistake(report: Report) -> None:
    """Copied once too often: it would be watched once, and the second line would mean nothing."""
    said = report(camera_with(triggers="[person, person]") + "triggers:\n  person: {prompt: a person}\n")

    assert "cameras.porch.triggers[1]" in said
    assert "'person' is listed twice" in said


def test_a_zone_that_no_camera_has_is_a_mistake(report: Report) -> None:
    """A trigger that waits for motion in such a zone could never fire, and nobody would know."""
    text = camera_with(triggers="[person]", zones='{steps: {coordinates: "0,0,1,0,1,1"}}')

    said = report(text + "triggers:\n  person: {prompt: a person, zones: [steps, stpes]}\n")

    assert "triggers.person.zones[1]" in said
    assert "did you mean 'steps'?" in said


def test_a_zone_where_no_camera_has_any_says_where_to_draw_it(report: Report) -> None:
    """The first trigger with a zone, and no camera has one yet."""
    said = report(camera_with(triggers="[person]") + "triggers:\n  person: {prompt: a person, zones: [gate]}\n")

    assert "no camera that lists this trigger has a zone 'gate'" in said
    assert "give one of its cameras the zone" in said


def test_a_camera_without_any_zone_of_its_trigger_is_a_mistake(report: Report) -> None:
    """The trigger works elsewhere, but on this camera it could never fire."""
    text = """\
cameras:
  porch: {url: /dev/video0, triggers: [person], zones: {steps: {coordinates: "0,0,1,0,1,1"}}}
  yard: {url: /dev/video1, triggers: [person]}
triggers:
  person: {prompt: a person, zones: [steps]}
"""

    said = report(text)

    assert "cameras.yard.triggers[0]" in said
    assert "cameras.porch" not in said


def test_two_hooks_of_one_name_are_a_mistake(report: Report) -> None:
    """What is owed to them is kept by name: it would go to either."""
    hooks = "hooks:\n  - {kind: webhook, name: phone, url: http://h/}\n  - {kind: command, name: phone, argv: [ls]}\n"

    assert "another hook has the name 'phone'" in report(ONE_CAMERA + hooks)


def test_a_given_name_may_not_be_another_hooks_default(report: Report) -> None:
    """The second hook has no name and gets webhook_2, which the first one has already."""
    hooks = "hooks:\n  - {kind: webhook, name: webhook_2, url: http://h/}\n  - {kind: webhook, url: http://h/}\n"

    assert "another hook has the name 'webhook_2'" in report(ONE_CAMERA + hooks)


def test_a_busy_rate_below_the_calm_rate_is_a_mistake(report: Report) -> None:
    """A camera would be looked at less often when something happens."""
    said = report(camera_with(sampling="{calm_fps: 6}"))

    assert "cameras.porch.sampling" in said
    assert "calm_fps is 6 and busy_fps 5" in said


@pytest.mark.parametrize("rates", ["{calm_fps: 5}", "{calm_fps: 6, busy_fps: 7}"])
def test_rates_that_fit_are_taken(read: Read, rates: str) -> None:
    """The same rate for both is allowed."""
    assert read(camera_with(sampling=rates)).camera("porch").sampling.calm_fps >= 5


def test_mistakes_between_keys_come_with_the_others(report: Report) -> None:
    """They do not wait until the rest is mended."""
    said = report(camera_with(triggers="[persn]", transport="tpc"))

    assert "has 2 mistakes" in said


@pytest.mark.parametrize("asked", ["{}", "{enabled: true}"])
def test_a_camera_that_hides_something_has_no_clips(read: Read, asked: str) -> None:
    """Films are copied as they come: they would show what the mask hides, whatever is asked for."""
    settings = read(camera_with(privacy_masks='["0,0,1,0,1,1"]', clips=asked))

    assert not settings.camera("porch").has_clips
    assert read(ONE_CAMERA).camera("porch").has_clips
