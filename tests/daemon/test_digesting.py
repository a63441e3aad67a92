"""The daily digest: made from the store, handed to real receivers, at a time that a test sets."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from alerts.receiver import receiver, status
from fakes import SimulatedClock

from vidsense_daemon.alerts.announcement import Announcer
from vidsense_daemon.alerts.hooks.command import Command
from vidsense_daemon.alerts.hooks.webhook import Webhook
from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.daemon.digesting import DailyDigest
from vidsense_daemon.daemon.storage import Storage
from vidsense_daemon.description.digest import Digests
from vidsense_daemon.settings.load import parse

MORNING = datetime(2026, 5, 4, 7, 30, tzinfo=UTC)
EVENING = datetime(2026, 5, 4, 21, 0, tzinfo=UTC)


def digest(tmp_path: Path, *announcers: Announcer, at: datetime) -> DailyDigest:
    storage = Storage(tmp_path / "state")
    clock = SimulatedClock(at)
    digests = Digests(find=storage.archive.find, zone=UTC, clock=clock)
    return DailyDigest(lambda: digests, announcers, zone=UTC, clock=clock)


@pytest.mark.parametrize(("at", "day"), [(MORNING, "2026-05-03"), (EVENING, "2026-05-04")])
def test_the_morning_is_told_of_the_day_before_and_the_evening_of_the_day(
    tmp_path: Path, at: datetime, day: str
) -> None:
    """Who reads it at breakfast wants to know of the night and the day before."""
    with receiver() as phone:
        digest(tmp_path, Webhook(name="phone", url=phone.url), at=at).send()

    [message] = phone.received
    assert message.json["type"] == "digest"
    assert message.json["id"] == f"digest_{day}"
    assert day in message.json["summary"]
    assert "nothing was seen" in message.json["summary"]


def test_a_receiver_that_is_away_gets_it_later_and_the_others_only_once(tmp_path: Path) -> None:
    """A phone that was off at half past seven has it when it is back."""
    with receiver() as away, receiver() as here:
        away.answers = [status(503), status(503)]
        hooks = (Webhook(name="away", url=away.url), Webhook(name="here", url=here.url))
        digest(tmp_path, *hooks, at=MORNING).send()

    assert len({message.json["id"] for message in away.received}) == 1
    assert (len(away.received), len(here.received)) == (3, 1)


def test_a_program_gets_it_as_json(tmp_path: Path) -> None:
    """The command hook reads it as it reads events: from its standard input."""
    copy = tmp_path / "copy.json"
    digest(tmp_path, Command(name="keep", argv=["/usr/bin/tee", str(copy)]), at=EVENING).send()

    assert '"type":"digest"' in copy.read_text()


def test_a_digest_for_a_hook_that_does_not_exist_is_a_mistake() -> None:
    """A typing error in a hook's name would else mean silence for ever."""
    with pytest.raises(ConfigError, match="no hook has the name 'fone'") as refusal:
        parse(
            'cameras: {door: {url: /dev/video0}}\ndigest: {at: "7:30", hooks: [fone]}\n'
            "hooks: [{kind: command, name: phone, argv: [/bin/true]}]\n",
            source="test",
            environ={},
        )
    assert "phone" in str(refusal.value)


def test_a_time_that_no_day_has_is_a_mistake() -> None:
    """25:00 is told with what is allowed."""
    with pytest.raises(ConfigError, match="25:00"):
        parse('cameras: {door: {url: /dev/video0}}\ndigest: {at: "25:00"}\n', source="test", environ={})
