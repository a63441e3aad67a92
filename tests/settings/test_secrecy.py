"""What is never shown, and what is shown in its place."""

from __future__ import annotations

import json

from vidsense_daemon.base.redact import Redactor
from vidsense_daemon.settings.secrecy import shown

from .conftest import Read

SECRETIVE = """\
stall_limit_s: 25
cameras:
  porch:
    url: rtsp://viewer:{CAM_PASSWORD}@192.168.1.10/main
    substream_url: rtsp://viewer:lit%40eral@192.168.1.10/sub?token=tok-en-9
  yard:
    url: rtsp://viewer:sl/ash@192.168.1.11/main
hooks:
  - {kind: webhook, url: "http://h/", secret: whsec_abcdef, headers: {Authorization: "Bearer xyz-987"}}
  - {kind: command, argv: [notify, "--token={NTFY_TOKEN}"]}
"""
ENVIRON = {"CAM_PASSWORD": "p@ss/word", "NTFY_TOKEN": "ntfy-42"}
SECRETS = [
    "p@ss/word",
    "p%40ss%2Fword",
    "lit@eral",
    "lit%40eral",
    "tok-en-9",
    "sl/ash",
    "whsec_abcdef",
    "xyz-987",
    "ntfy-42",
]


def test_every_secret_is_known(read: Read) -> None:
    """Passwords in URLs, as written and decoded, secret keys and secret variables: the logs mask them all."""
    assert set(SECRETS) <= set(read(SECRETIVE, ENVIRON).secrets)


def test_ordinary_values_are_no_secrets(read: Read) -> None:
    """Names, hosts and users stay readable in the logs."""
    secrets = read(SECRETIVE, ENVIRON).secrets

    assert not {"viewer", "192.168.1.10", "notify", "webhook"} & set(secrets)


def test_what_is_shown_holds_no_secret(read: Read) -> None:
    """`vidsense config show` can be pasted into a forum."""
    settings = read(SECRETIVE, ENVIRON)

    text = json.dumps(shown(settings, redactor=Redactor(settings.secrets)))

    assert [secret for secret in SECRETS if secret in text] == []
    assert "rtsp://***@192.168.1.10/main" in text


def test_what_is_shown_has_the_top_keys_filled_into_each_camera(read: Read) -> None:
    """The operator sees what applies, not what was typed."""
    settings = read(SECRETIVE, ENVIRON)

    values = shown(settings, redactor=Redactor(settings.secrets))

    assert values["cameras"]["yard"]["stall_limit_s"] == 25
    assert next(iter(values["cameras"]["yard"])) == "url"
