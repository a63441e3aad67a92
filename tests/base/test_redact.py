"""No password leaves the program, whatever characters it holds and wherever it stands."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidsense_daemon.base.redact import Redactor, url_credentials

_NO_SPACES = st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rtsp://admin:hunter2@192.168.1.10/stream1", "rtsp://***@192.168.1.10/stream1"),
        ("rtsps://admin:hunter2@[fe80::1]:322/live", "rtsps://***@[fe80::1]:322/live"),
        ("HTTP://admin@camera.lan/", "HTTP://***@camera.lan/"),
        ("rtsp://admin:p@ss@192.168.1.10/", "rtsp://***@192.168.1.10/"),
        ("rtsp://admin:p/a?s#s@192.168.1.10/", "rtsp://***@192.168.1.10/"),
        ("rtsp://admin:it's@192.168.1.10/", "rtsp://***@192.168.1.10/"),
        ('rtsp://admin:a"b<c>@192.168.1.10/', "rtsp://***@192.168.1.10/"),
        ("[Errno 111] refused: 'rtsp://admin:hunter2@h/x'", "[Errno 111] refused: 'rtsp://***@h/x'"),
        ("one rtsp://a:b@h/ and two rtsp://c:d@i/", "one rtsp://***@h/ and two rtsp://***@i/"),
        ("http://h/snap?user=admin&password=hunter2&size=1", "http://h/snap?user=***&password=***&size=1"),
        ("http://h/snap?usr=admin&pwd=hunter2", "http://h/snap?usr=***&pwd=***"),
        ("https://h/hook?token=abc;sig=def", "https://h/hook?token=***"),
        ("https://h/hook?API_KEY=abc", "https://h/hook?API_KEY=***"),
    ],
)
def test_the_user_part_and_secret_query_values_of_a_url_are_masked(text: str, expected: str) -> None:
    """The address stays readable: the owner must see which camera it is."""
    assert url_credentials(text) == expected


@pytest.mark.parametrize(
    "text", ["rtsp://192.168.1.10:554/stream1", "http://h/?page=2", "ann@example.org wrote", "a: b"]
)
def test_a_text_without_credentials_stays_as_it_is(text: str) -> None:
    """Nothing is masked that is no secret."""
    assert url_credentials(text) == text


def test_a_known_secret_is_masked_wherever_it_stands() -> None:
    """A command's argument, a header, a server's answer that repeats it."""
    redactor = Redactor(["swordfish"])

    assert redactor.text("argv: notify --token=swordfish (swordfish)") == "argv: notify --token=*** (***)"


def test_a_known_secret_is_masked_in_its_encoded_forms() -> None:
    """FFmpeg, HTTP clients and this program encode differently; each form is known."""
    secret = "p@ss/w'rd!"

    text = Redactor([secret]).text(
        f"{secret} {quote(secret)} {quote(secret, safe='')} {quote(secret, safe=_USER_SAFE)}"
    )

    assert text == "*** *** *** ***"


_USER_SAFE = "!$&'()*+,;=-._~"  # RFC 3986: may stand in a user part as they are


def test_the_longer_of_two_secrets_is_masked_first() -> None:
    """A secret that is a part of another one does not leave the other's rest behind."""
    assert Redactor(["word", "swordfish"]).text("swordfish, word") == "***, ***"


def test_secrets_learnt_later_are_masked_too() -> None:
    """Settings are read after the logs are set up."""
    redactor = Redactor()
    redactor.learn(["swordfish"])

    assert redactor.text("swordfish") == "***"


def test_very_short_secrets_do_not_garble_every_line() -> None:
    """A password of one letter is masked inside URLs only."""
    redactor = Redactor(["a"])

    assert redactor.text("a camera at rtsp://u:a@h/") == "a camera at rtsp://***@h/"


@settings(deadline=None)  # the machine may be busy
@given(password=st.text(_NO_SPACES, min_size=1))
def test_no_password_without_a_space_survives_in_a_url(password: str) -> None:
    """Whatever an owner chose, it is gone even if nobody told the redactor."""
    assert url_credentials(f"opening rtsp://viewer:{password}@h/x: refused") == "opening rtsp://***@h/x: refused"


@settings(deadline=None)
@given(secret=st.text(st.characters(exclude_categories=["Cs"]), min_size=4))
def test_no_known_secret_survives(secret: str) -> None:
    """Known by value, it is gone from any text, spaces and all."""
    assert Redactor([secret]).text(f"<{secret}>") == "<***>"
