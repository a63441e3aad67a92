"""Trying a hook before it is needed."""

from __future__ import annotations

import pytest

from vidsense_daemon.alerts.hooks.webhook import Webhook
from vidsense_daemon.alerts.trial import try_hook
from vidsense_daemon.base.errors import DeliveryError

from .fakes import STARTED_AT
from .receiver import receiver, status


def test_a_hook_can_be_tried_with_an_event_that_never_happened() -> None:
    """The receiver gets a message that says that it is a test."""
    with receiver() as phone:
        event_id = try_hook(Webhook(name="phone", url=phone.url), STARTED_AT)

    (request,) = phone.received
    assert request.json["id"] == event_id
    assert request.json["camera"] == "test_camera"
    assert "Nothing has happened" in request.json["summary"]


def test_a_hook_that_does_not_work_says_why() -> None:
    """The reason is the same as in the list of dead messages."""
    with receiver() as phone:
        phone.always = status(401)
        with pytest.raises(DeliveryError, match="answered 401"):
            try_hook(Webhook(name="phone", url=phone.url), STARTED_AT)
