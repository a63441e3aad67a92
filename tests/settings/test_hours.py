"""Hours of the week as an operator writes them."""

from __future__ import annotations

from datetime import time

import pytest

from vidsense_daemon.domain.hours import Hours
from vidsense_daemon.settings.hours import week_hours, week_hours_text

from .conftest import ONE_CAMERA, Read, Report


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("22:00-07:00", Hours(time(22), time(7))),
        ("7:30 - 8:05", Hours(time(7, 30), time(8, 5))),
        ("mon-fri 08:00-17:00", Hours(time(8), time(17), frozenset({0, 1, 2, 3, 4}))),
        ("Sat,Sun 00:00-24:00", Hours(time(0), time(0), frozenset({5, 6}))),
        ("fri-mon 20:00-23:00", Hours(time(20), time(23), frozenset({0, 4, 5, 6}))),
        ("wed,fri-sat 20:00-23:00", Hours(time(20), time(23), frozenset({2, 4, 5}))),
    ],
)
def test_hours_are_written_as_people_write_them(text: str, meant: Hours) -> None:
    """Days may be single, listed, or from one to another, over the weekend too."""
    assert week_hours(text) == meant
    assert week_hours(week_hours_text(meant)) == meant


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("22:00", "found no hours"),
        ("25:00-07:00", "found the time 25:00"),
        ("22:60-07:00", "found the time 22:60"),
        ("mo-fri 22:00-07:00", "did you mean mon?"),
        ("- 22:00-07:00", "found the day"),
    ],
)
def test_a_mistake_in_the_hours_is_explained(report: Report, text: str, said: str) -> None:
    """With its place, as every other mistake."""
    hook = f'hooks:\n  - {{kind: webhook, url: http://h/, quiet_hours: ["{text}"]}}\n'

    reported = report(ONE_CAMERA + hook)

    assert "vidsense.yaml:5:" in reported
    assert "hooks[0].quiet_hours[0]" in reported
    assert said in reported


def test_a_wish_for_what_does_not_exist_is_a_mistake(report: Report) -> None:
    """A hook for a misspelt camera would stay silent for ever, and nobody would know."""
    said = report(f"{ONE_CAMERA}hooks:\n  - {{kind: webhook, url: http://h/, cameras: [porhc], triggers: [person]}}\n")

    assert "hooks[0].cameras[0]" in said
    assert "did you mean 'porch'?" in said
    assert "there are no triggers yet" in said


def test_the_braces_of_a_template_are_the_templates_own(read: Read) -> None:
    """Elsewhere {NAME} is replaced from the environment; in a hook's words it is Jinja's."""
    settings = read(
        f"{ONE_CAMERA}hooks:\n  - kind: webhook\n    url: http://h/\n    body: '{{\"a\": {{{{ summary }}}}}}'\n"
    )

    assert settings.hooks[0].model_dump()["body"] == '{"a": {{ summary }}}'


def test_a_header_named_like_a_template_is_none(read: Read) -> None:
    """Its value is a secret from the environment like that of any other header."""
    hook = 'hooks:\n  - {kind: webhook, url: http://h/, headers: {title: "{CAM_USER}"}}\n'

    assert read(ONE_CAMERA + hook).hooks[0].model_dump()["headers"] == {"title": "viewer"}


def test_a_trigger_has_hours_of_its_own(read: Read) -> None:
    """One part of the week stands by itself, several in a list; the file shows them again as they were written."""
    text = "triggers:\n  a: {prompt: a person, active: '22:00-06:00'}\n  b: {prompt: cars, active: [sat 08:00-12:00]}\n"

    triggers = read(ONE_CAMERA + text).triggers

    assert triggers["a"].active == (Hours(time(22), time(6)),)
    assert triggers["b"].active == (Hours(time(8), time(12), frozenset({5})),)
    assert triggers["b"].model_dump(mode="json")["active"] == ["sat 08:00-12:00"]


def test_hours_of_a_trigger_that_cannot_be_meant_are_reported(report: Report) -> None:
    """The line, the key and what is allowed."""
    said = report(ONE_CAMERA + "triggers:\n  a: {prompt: a person, active: at night}\n")

    assert "triggers.a.active" in said
    assert "found no hours" in said
