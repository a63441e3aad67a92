"""Notifications through Apprise, sent as its json:// service to a real receiver."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest

from vidsense_daemon.alerts.hooks.apprise import Apprise
from vidsense_daemon.base.errors import ConfigError, DeliveryError

from .fakes import owed, record
from .receiver import receiver, status

pytest.importorskip("apprise", reason="needs the optional part: pip install vidsense-daemon[apprise]")
# one of its many services imports a module that Python 3.13 drops
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


def test_people_read_what_happened_and_when() -> None:
    """Trigger and camera are the title; the description with its time of day is the text."""
    with receiver() as phone:
        hook = Apprise(name="phone", url=f"json://127.0.0.1:{phone.port}/s3cr3t", time_zone=UTC)
        hook.deliver(owed(), record(described=True))

    (request,) = phone.received
    assert request.json["title"] == "person at door · front door"
    assert request.json["message"] == "17:42:03 front_door: A courier leaves a parcel – „Ünïcode“."
    assert request.json["type"] == "failure"


def test_the_still_goes_along(tmp_path: Path) -> None:
    """The notification has the picture in it."""
    jpeg = tmp_path / "still.jpg"
    jpeg.write_bytes(b"\xff\xd8 a picture \xff\xd9")
    found = record()
    found = replace(found, stills=(replace(found.stills[0], path=str(jpeg)),))
    with receiver() as phone:
        Apprise(name="phone", url=f"json://127.0.0.1:{phone.port}").deliver(owed(), found)

    (attachment,) = phone.received[0].json["attachments"]
    assert base64.b64decode(attachment["base64"]) == jpeg.read_bytes()


def test_a_still_that_is_gone_does_not_cost_the_notification() -> None:
    """Retention may have been quicker; the words arrive all the same."""
    with receiver() as phone:
        Apprise(name="phone", url=f"json://127.0.0.1:{phone.port}").deliver(owed(), record())

    assert phone.received[0].json["attachments"] == []


def test_several_events_are_told_in_one_notification() -> None:
    """What was held back is listed, a line an event, oldest first."""
    with receiver() as phone:
        hook = Apprise(name="phone", url=f"json://127.0.0.1:{phone.port}", time_zone=UTC)
        hook.deliver(owed(), record("2-a"), [record("1-a", camera="garden"), record("3-a")])

    message = phone.received[0].json
    assert message["title"] == "3 × person at door · front door, garden"
    assert len(message["message"].splitlines()) == 3


def test_the_operators_own_words_and_a_link() -> None:
    """Title and text can be templates, and the link leads to the event."""
    with receiver() as phone:
        Apprise(
            name="phone",
            url=f"json://127.0.0.1:{phone.port}",
            title_template="{{ severity }}!",
            body_template="{{ summary }} {{ link }}",
            link_base_url="https://home/",
        ).deliver(owed(), record())

    assert phone.received[0].json["title"] == "alert!"
    assert phone.received[0].json["message"].endswith("front door https://home/events/1777916523000-abcdef")


def test_a_service_that_refuses_is_tried_again() -> None:
    """The notification stays owed, and its error has no token in it."""
    with receiver() as phone:
        phone.always = status(500)
        hook = Apprise(name="phone", url=f"json://127.0.0.1:{phone.port}/s3cr3t")
        with pytest.raises(DeliveryError, match="hook 'phone'") as raised:
            hook.deliver(owed(), record())

    assert "s3cr3t" not in str(raised.value)


def test_a_redirect_is_not_followed() -> None:
    """The picture goes to the service in the configuration and to no other."""
    with receiver() as phone, receiver() as elsewhere:
        phone.always = status(307, location=elsewhere.url)
        with pytest.raises(DeliveryError):
            Apprise(name="phone", url=f"json://127.0.0.1:{phone.port}").deliver(owed(), record())

        assert elsewhere.received == []


def test_a_url_that_apprise_does_not_know_is_refused_at_the_start() -> None:
    """The mistake shows when the daemon starts, without the token."""
    with pytest.raises(ConfigError, match="does not know this kind of url") as raised:
        Apprise(name="phone", url="nosuchservice://s3cr3t")

    assert "s3cr3t" not in str(raised.value)
