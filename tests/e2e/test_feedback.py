"""A verdict on a live event: given on the page, shown everywhere, learned from while the daemon runs."""

from __future__ import annotations

import re

import httpx
import pytest
from cameras import RtspCamera, free_port
from fakes import wait_until

from .conftest import EVENT_LIMIT_S, Household

pytestmark = pytest.mark.timeout(180)


def test_a_verdict_given_on_the_page_is_learned_from_at_once(household: Household, street_camera: RtspCamera) -> None:
    """The button is there; the daemon tries what the verdict teaches within a moment; the shell knows it too."""
    port = free_port()
    household.configure(street_camera.url("visit.mp4"), review={"port": port}, clips={"enabled": False})
    daemon = household.start()
    event = household.await_events(lambda found: bool(found), what="an event")[-1]

    with httpx.Client(base_url=f"http://127.0.0.1:{port}", follow_redirects=True) as browser:
        page = browser.get(f"/events/{event['id']}").text
        token = re.search(r'name="csrf" value="([^"]+)"', page)
        assert token is not None
        form = {"csrf": token[1], "verdict": "bad", "note": "the neighbour"}
        browser.post(f"/events/{event['id']}/feedback", data=form).raise_for_status()
    wait_until(lambda: bool(household.log_lines("feedback_tried")), limit_s=EVENT_LIMIT_S, what="the daemon to learn")

    (tried, *_) = household.log_lines("feedback_tried")
    assert (tried["camera"], tried["trigger"], tried["live"]) == ("yard", event["trigger"], False)
    assert "1 bad of 5" in tried["reason"]
    (judged,) = [one for one in household.events() if one["verdict"]]
    assert (judged["id"], judged["verdict"], judged["note"]) == (event["id"], "bad", "the neighbour")
    assert household.stop(daemon) == 0
