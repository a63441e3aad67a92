"""`vidsense init` at a real terminal: somebody reads its questions and types, wrong things too."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from alerts.receiver import receiver

from vidsense_daemon.settings.load import load

pytestmark = pytest.mark.timeout(120)

_ANSWER_LIMIT_S = 60.0
_INTERRUPTED = 130


class Wizard:
    """The command on a terminal of its own."""

    def __init__(self, *arguments: str, folder: Path) -> None:
        self.said = ""
        self._read_to = 0
        self._ours, theirs = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "vidsense_daemon", "init", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=folder,
            env={**os.environ, "TERM": "dumb", "VIDSENSE_STATE_DIR": str(folder / "state")},
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(theirs)

    def expect(self, question: str) -> None:
        """Read on until it says this, after what was expected before."""
        end_mono_s = time.monotonic() + _ANSWER_LIMIT_S
        while (found := re.compile(re.escape(question)).search(self.said, self._read_to)) is None:
            assert time.monotonic() < end_mono_s, f"waited in vain for {question!r} in:\n{self.said}"
            assert self._read_more(0.5) or self._process.poll() is None, self.said
        self._read_to = found.end()

    def type(self, text: str) -> None:
        """As on a keyboard; \\x03 is Ctrl-C, \\x04 is Ctrl-D."""
        os.write(self._ours, text.encode())

    def give_up(self, key: str) -> None:
        """Press it until something happens: Python misses a Ctrl-C between writing a question and reading."""
        for _ in range(10):
            said = len(self.said)
            self.type(key)
            while self._read_more(2.0):
                if len(self.said) > said + len("^C"):  # more than the terminal's echo
                    return

    def answer(self, question: str, text: str = "") -> None:
        self.expect(question)
        self.type(f"{text}\n")

    def status(self) -> int:
        """Its exit status, once it has said its last."""
        while self._read_more(_ANSWER_LIMIT_S):
            pass
        return self._process.wait(_ANSWER_LIMIT_S)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)

    def _read_more(self, limit_s: float) -> bool:
        """Whether anything came; Linux answers EIO when the other side is closed."""
        if not select.select([self._ours], [], [], limit_s)[0]:
            return False
        try:
            piece = os.read(self._ours, 65_536)
        except OSError:
            return False
        self.said += piece.decode(errors="replace")
        return bool(piece)


def _take_terminal() -> None:
    """Make the terminal the session's own, so that Ctrl-C becomes a signal; who starts tests may have it ignored."""
    import fcntl
    import signal
    import termios

    signal.signal(signal.SIGINT, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture
def wizard(tmp_path: Path) -> Iterator[Wizard]:
    opened = Wizard("--no-probe", "--config", str(tmp_path / "v.yaml"), folder=tmp_path)
    yield opened
    opened.close()


def test_the_whole_way_with_every_wrong_answer_on_it(wizard: Wizard, tmp_path: Path) -> None:
    """What can't be taken is said and asked again; the file that comes out of it works."""
    with receiver() as phone:
        wizard.answer("search the home network", "maybe")
        wizard.expect("y or n")
        wizard.answer("search the home network", "n")
        wizard.answer("address of the camera's stream", "10.0.0.5")
        wizard.expect("neither a URL nor an absolute path")
        wizard.answer("address of the camera's stream", "ftp://10.0.0.5/x")
        wizard.answer("address of the camera's stream", "rtsp://ann:secret-1@127.0.0.1:9/yard")
        wizard.answer("its name [camera_1]", "Hofeinfahrt Süd")
        wizard.answer("add another camera? [y/N]", "y")
        wizard.answer("address of the camera's stream", "/dev/video9")
        wizard.answer("its name", "hofeinfahrt süd")
        wizard.expect("there is a camera hofeinfahrt_s_d already")
        wizard.answer("its name [camera_2]")
        wizard.answer("add another camera?")
        wizard.answer("what to look for [person]", "dragon")
        wizard.expect("no dragon here: choose among person")
        wizard.answer("what to look for", "person, animal, person")
        wizard.answer("a web address", "phone")
        wizard.expect("found no http://")
        wizard.answer("a web address", phone.url)
        wizard.answer("send a test alert now?", "y")
        assert wizard.status() == 0
        assert len(phone.received) == 1

    settings = load(tmp_path / "v.yaml", environ={})
    assert list(settings.cameras) == ["hofeinfahrt_s_d", "camera_2"]
    assert settings.cameras["camera_2"].triggers == ("person", "animal")
    assert "secret-1" not in (tmp_path / "v.yaml").read_text()
    assert "Traceback" not in wizard.said


def test_a_host_alone_is_tried_at_the_paths_of_well_known_makers(tmp_path: Path) -> None:
    """Nobody has to know an RTSP path; where no camera answers, its address is asked for again."""
    asking = Wizard("--config", str(tmp_path / "v.yaml"), folder=tmp_path)
    try:
        asking.answer("search the home network", "n")
        asking.answer("or only its HOST", "127.0.0.1:9")
        asking.answer("its user name [admin]")
        asking.answer("its password", "secret-1")
        asking.expect("nothing listens on this port")
        asking.expect("or only its HOST")
        asking.type("\x04")

        assert asking.status() == _INTERRUPTED
        assert "secret-1" not in asking.said
    finally:
        asking.close()


@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["ctrl-c", "ctrl-d"])
def test_who_gives_up_finds_nothing_written(wizard: Wizard, tmp_path: Path, key: str) -> None:
    """In the middle of the questions; it says so and shows no traceback."""
    wizard.answer("search the home network", "n")
    wizard.answer("address of the camera's stream", "rtsp://ann:secret-1@127.0.0.1:9/x")
    wizard.expect("its name [camera_1]: ")
    wizard.give_up(key)

    assert wizard.status() == _INTERRUPTED
    assert "nothing was written" in wizard.said
    assert "Traceback" not in wizard.said
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_refused_before_the_first_question(tmp_path: Path) -> None:
    """Nobody answers ten questions in vain."""
    path = tmp_path / "v.yaml"
    path.write_text("mine")
    refused = Wizard("--config", str(path), folder=tmp_path)

    assert refused.status() == 78
    refused.close()
    assert "is there already" in refused.said
    assert "?" not in refused.said
    assert path.read_text() == "mine"
