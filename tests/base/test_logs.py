"""One record, one line, no secret: whatever a camera, a server or a language model puts into a value."""

from __future__ import annotations

import io
import json
import logging
import re
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vidsense_daemon.base import logs
from vidsense_daemon.base.redact import Redactor

pytestmark = pytest.mark.usefixtures("logging_as_before")


def written(*, as_json: bool = True, level: str = "info", event: str = "stream_opened", **values: Any) -> str:
    """What one log call writes."""
    out = io.StringIO()
    logs.configure(json=as_json, level=level, redactor=Redactor(["swordfish"]), stream=out)
    structlog.get_logger().info(event, **values)
    return out.getvalue()


def test_a_record_is_one_json_object_on_one_line() -> None:
    """Every line can be read by a program."""
    line = written(camera="porch", width_px=1920, live=True, nothing=None)

    record = json.loads(line)
    assert line.count("\n") == 1
    assert (record["event"], record["level"]) == ("stream_opened", "info")
    assert (record["camera"], record["width_px"], record["live"], record["nothing"]) == ("porch", 1920, True, None)
    assert record["at"].endswith("Z")


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "terminal"])
@pytest.mark.parametrize(
    "breaker",
    ["\n", "\r\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"],
    ids=lambda text: f"U+{ord(text[-1]):04X}",
)
def test_a_line_break_in_a_value_cannot_forge_a_record(breaker: str, as_json: bool) -> None:
    """A camera named by its maker, or a model's words, cannot write a second line."""
    forged = f"porch{breaker}2026-03-01T12:00:00Z [error] daemon_stopped"

    text = written(as_json=as_json, event=forged, camera=forged, nested={"words": [forged], forged: 1})

    assert len(text.splitlines()) == 1


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "terminal"])
@pytest.mark.parametrize("control", ["\x1b[31m", "\x1b]0;title\x07", "\x9b31m", "\x08", "\x00", "\u202e"], ids=repr)
def test_a_control_character_in_a_value_does_not_reach_the_terminal(control: str, as_json: bool) -> None:
    """No value colours, retitles, rings, erases or turns around what the owner reads."""
    assert control[0] not in written(as_json=as_json, camera=f"a{control}b")


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text())
def test_any_text_ends_in_one_line_that_can_be_read(text: str) -> None:
    """Half characters, separators, everything."""
    line = written(camera=text)

    assert len(line.splitlines()) == 1
    assert "camera" in json.loads(line)


def test_secrets_are_masked_in_every_kind_of_value() -> None:
    """Texts, lists, blocks, errors and the event itself."""
    line = written(
        event="opened rtsp://u:hunter22@h/",
        text="swordfish",
        items=["swordfish", ("swordfish",)],
        block={"token": "swordfish", "swordfish": 1},
        error=ValueError("rtsp://u:hunter22@h/ swordfish"),
    )

    assert "swordfish" not in line
    assert "hunter22" not in line


def test_a_traceback_keeps_its_lines_and_loses_its_secrets() -> None:
    """A defect can be read, and pasted into a forum."""
    out = io.StringIO()
    logs.configure(json=True, redactor=Redactor(["swordfish"]), stream=out)
    structlog.get_logger().error("worker_failed", exc_info=raised("rtsp://u:hunter22@h/ swordfish \x1b[31m"))

    record = json.loads(out.getvalue())
    assert len(record["exception"].splitlines()) > 2
    assert "swordfish" not in out.getvalue()
    assert "hunter22" not in out.getvalue()
    assert "\x1b" not in record["exception"]


def test_a_long_traceback_keeps_its_end() -> None:
    """The last line says what happened."""
    out = io.StringIO()
    logs.configure(json=True, redactor=Redactor(), stream=out)
    structlog.get_logger().error("worker_failed", exc_info=raised("a" * 10_000 + " the reason"))

    assert json.loads(out.getvalue())["exception"].endswith("the reason")


def raised(message: str) -> ValueError:
    """An error that has been raised and caught, with its traceback."""

    def fail() -> None:
        raise ValueError(message)

    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        fail()
    return caught.value


def test_other_libraries_lines_take_the_same_way() -> None:
    """What PyAV or SQLAlchemy log is JSON, masked and clean, too."""
    out = io.StringIO()
    logs.configure(json=True, redactor=Redactor(["swordfish"]), stream=out)

    logging.getLogger("libav").error("opening %s\nforged \x1b[31m", "rtsp://u:hunter22@h/ swordfish")

    record = json.loads(out.getvalue())
    assert out.getvalue().count("\n") == 1
    assert record["level"] == "error"
    assert "hunter22" not in record["event"]
    assert "swordfish" not in record["event"]
    assert "\x1b" not in record["event"]


def test_less_important_lines_are_left_out() -> None:
    """`log.level: warning` silences the chatter."""
    assert written(level="warning") == ""


def test_an_endless_value_is_cut() -> None:
    """A model that writes a book does not fill the journal."""
    assert len(written(words="a" * 1_000_000)) < 5000
