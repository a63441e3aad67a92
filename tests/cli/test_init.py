"""`vidsense init`: from nothing to a configuration that works, and no password where others may read it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alerts.receiver import receiver
from cameras import RtspCamera

from vidsense_daemon.base.errors import EXIT_CONFIG, EXIT_OK
from vidsense_daemon.capture.discovery import FoundCamera, discover, read_answer, stream_guesses, substream_guesses
from vidsense_daemon.cli.main import main
from vidsense_daemon.cli.starter import TRIGGERS, Starter, StarterCamera, camera_name, configuration
from vidsense_daemon.settings.load import load, parse

pytestmark = pytest.mark.timeout(90)

_ANSWER = (
    '<s:Envelope xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><d:ProbeMatch>'
    "<d:Scopes>onvif://www.onvif.org/type/video onvif://www.onvif.org/name/Front%20Door</d:Scopes>"
    "<d:XAddrs>http://169.254.3.4/onvif/device http://192.168.1.64:8000/onvif/device</d:XAddrs>"
    "</d:ProbeMatch></s:Envelope>"
)


def test_yes_writes_a_configuration_that_works(tmp_path: Path) -> None:
    """No question, no terminal: the file is there, it can be read, and the password is not in it."""
    path = tmp_path / "vidsense.yaml"

    status = main(
        ["init", "--yes", "--no-probe", "--config", str(path), "--camera", "Front Door=rtsp://ann:pa%2Fss@10.0.0.5/s1"]
    )

    assert status == EXIT_OK
    assert "pa%2Fss" not in path.read_text()
    assert load(path, environ={}).camera("front_door").url == "rtsp://ann:pa%2Fss@10.0.0.5/s1"
    password = tmp_path / "credentials" / "FRONT_DOOR_PASSWORD"
    assert password.read_text() == "pa/ss\n"
    assert password.stat().st_mode & 0o777 == 0o600


def test_a_camera_is_looked_at(tmp_path: Path, rtsp_camera: RtspCamera, capsys: pytest.CaptureFixture[str]) -> None:
    """What it sends stands beside it in the file, so that a wrong stream is noticed at once."""
    path = tmp_path / "vidsense.yaml"

    main(["init", "--yes", "--config", str(path), "--camera", f"yard={rtsp_camera.url('yard.mp4')}"])

    assert "# h264 320x240" in path.read_text()
    assert "yard: h264 320x240" in capsys.readouterr().out


def test_the_hook_gets_a_test_alert(tmp_path: Path) -> None:
    """The way to the people is tried before anything happens."""
    with receiver() as phone:
        main(
            ["init", "--yes", "--no-probe", "--config", str(tmp_path / "v.yaml"), "--camera", "yard=/dev/video0",
             "--webhook", phone.url]
        )  # fmt: skip

        assert len(phone.received) == 1


def test_a_configuration_that_is_there_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only --force does."""
    path = tmp_path / "vidsense.yaml"
    path.write_text("mine")
    command = ["init", "--yes", "--no-probe", "--config", str(path), "--camera", "yard=/dev/video0"]

    assert main(command) == EXIT_CONFIG
    assert path.read_text() == "mine"
    assert "--force" in capsys.readouterr().err
    assert main([*command, "--force"]) == EXIT_OK


def test_without_a_terminal_nobody_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A script gets an error that names --yes, and does not wait for ever."""
    assert main(["init", "--config", str(tmp_path / "v.yaml")]) == EXIT_CONFIG
    assert "--yes" in capsys.readouterr().err


def test_yes_without_a_camera_says_how_to_name_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is written."""
    assert main(["init", "--yes", "--config", str(tmp_path / "v.yaml")]) == EXIT_CONFIG
    assert "--camera" in capsys.readouterr().err
    assert not (tmp_path / "v.yaml").exists()


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_every_offered_trigger_makes_a_valid_file(trigger: str) -> None:
    """Braces and quotes in an address included."""
    camera = StarterCamera("yard", 'rtsp://u{1}:p"w@10.0.0.5/{main}?a="b"', "rtsp://u{1}:p%22w@10.0.0.5/sub", note="x")

    text, secrets = configuration(Starter(cameras=[camera], triggers=[trigger]))

    settings = parse(text, source="starter", environ=secrets)
    assert settings.camera("yard").url.endswith('/{main}?a="b"')
    assert list(settings.camera("yard").triggers) == [trigger]
    assert secrets == {"YARD_USER": "u{1}", "YARD_PASSWORD": 'p"w'}


@pytest.mark.parametrize(
    ("told", "name"), [("Front Door", "front_door"), ("Einfahrt-2", "einfahrt_2"), ("??", "camera")]
)
def test_any_words_become_a_name(told: str, name: str) -> None:
    """People call cameras as they like."""
    assert camera_name(told) == name


@pytest.fixture
def onvif_camera() -> Iterator[tuple[str, int]]:
    """Somebody who answers one WS-Discovery probe, twice, with rubbish in between."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(15)

        def answer() -> None:
            question, asker = listening.recvfrom(65_535)
            assert b"NetworkVideoTransmitter" in question
            for reply in (_ANSWER.encode(), b"\xff\x00 rubbish <d:XAddrs>http://[::1</d:XAddrs>", _ANSWER.encode()):
                listening.sendto(reply, asker)

        answering = threading.Thread(target=answer)
        answering.start()
        yield listening.getsockname()
        answering.join()


def test_a_camera_that_answers_is_found_once(onvif_camera: tuple[str, int]) -> None:
    """By its real address, under the name that it gives itself; what is no answer is passed over."""
    assert discover(timeout_s=1.0, address=onvif_camera) == [FoundCamera("192.168.1.64", "Front Door")]


def test_a_strangers_answer_cannot_be_more_than_a_host() -> None:
    """Entities are not followed, control characters do not reach the terminal."""
    hostile = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><d:XAddrs>&a; http://10.0.0.9/</d:XAddrs>'
    named = f"onvif://www.onvif.org/name/%1b%5b2J {hostile}"

    assert list(read_answer(named)) == [FoundCamera("10.0.0.9", "[2J")]


def test_the_small_stream_is_guessed_from_the_large_ones_address() -> None:
    """By the makers' habits; a password that looks like a path is left alone."""
    assert substream_guesses("rtsp://u:stream1@10.0.0.5/stream1") == ["rtsp://u:stream1@10.0.0.5/stream2"]
    assert substream_guesses("rtsp://10.0.0.5/Streaming/Channels/101") == ["rtsp://10.0.0.5/Streaming/Channels/102"]
    assert substream_guesses("rtsp://10.0.0.5/live") == []


def test_guessed_streams_carry_the_login() -> None:
    """Each of the well-known paths, on the same host."""
    guesses = stream_guesses("10.0.0.5", user="ann", password="x%40y")

    assert guesses[0] == "rtsp://ann:x%40y@10.0.0.5/stream1"
    assert len(guesses) == len(set(guesses))
