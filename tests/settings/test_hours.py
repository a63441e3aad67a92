"""Hours of the week as an operator writes them."""

from __future__ import annotations

from datetime import time

import pytest

from vidsense_daemon.settings.hours import WeekHours, week_hours, week_hours_text

from .conftest import ONE_CAMERA, Read, Report

EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("22:00-07:00", WeekHours(time(22), time(7), EVERY_DAY)),
        ("7:30 - 8:05", WeekHours(time(7, 30), time(8, 5), EVERY_DAY)),
        ("mon-fri 08:00-17:00", WeekHours(time(8), time(17), (0, 1, 2, 3, 4))),
        ("Sat,Sun 00:00-24:00", WeekHours(time(0), time(0), (5, 6))),
        ("fri-mon 20:00-23:00", WeekHours(time(20), time(23), (0, 4, 5, 6))),
        ("wed,fri-sat 20:00-23:00", WeekHours(time(20), time(23), (2, 4, 5))),
    ],
)
def test_hours_are_written_as_people_write_them(text: str, meant: WeekHours) -> None:
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
