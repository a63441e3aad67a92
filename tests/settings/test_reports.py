"""Every mistake at once, each with its place, what was found, what is allowed and what was meant."""

from __future__ import annotations

import re

import pytest

from .conftest import ONE_CAMERA, Report, camera_with


def test_all_mistakes_are_reported_at_once(report: Report) -> None:
    """One run shows everything that has to be mended, in the order of the lines."""
    text = """\
cameras:
  porch:
    url: rtsp://192.168.1.10/stream1
    trigers: [person]
    transport: tpc
  yard:
    stall_limit_s: soon
encodr: {}
"""

    said = report(text)

    assert said.startswith("vidsense.yaml has 5 mistakes:")
    assert re.findall(r"^vidsense\.yaml:(\d+:\d+: .*)$", said, re.MULTILINE) == [
        "4:5: cameras.porch.trigers",
        "5:5: cameras.porch.transport",
        "6:3: cameras.yard.url",
        "7:5: cameras.yard.stall_limit_s",
        "8:1: encodr",
    ]


def test_a_misspelt_key_names_the_nearest_one(report: Report) -> None:
    """`trigers` is told apart from nonsense: the report asks whether triggers was meant."""
    said = report(camera_with(trigers="[]"))

    assert "no such key here" in said
    assert "did you mean 'triggers'?" in said
    assert "stall_limit_s" in said  # among the allowed ones


@pytest.mark.parametrize(
    ("key", "value", "found", "allowed"),
    [
        ("transport", "tpc", "found 'tpc'", "allowed: tcp or udp"),
        ("stall_limit_s", "soon", "found 'soon'", "allowed: a number from 3 to 600"),
        ("stall_limit_s", "1", "found the number 1", "allowed: a number from 3 to 600"),
        ("stall_limit_s", "true", "found true or false where a number is wanted", "allowed: a number from 3 to 600"),
        ("stall_limit_s", "", "found nothing", "allowed: a number from 3 to 600"),
        ("max_pixels", "1.5", "found the number 1.5", "allowed: a whole number from 64 to 268435456"),
        ("enabled", "perhaps", "found 'perhaps'", "allowed: true or false"),
        ("triggers", "person", "found 'person'", "allowed: a list"),
        ("motion", "5", "found the number 5", "allowed: a block; its keys are threshold_levels"),
        ("motion", "[]", "found a list", "allowed: a block; its keys are threshold_levels"),
        ("privacy_masks", "[3]", "found no text", 'allowed: "x,y,x,y,…"'),
        ("tls_ca_file", "12", "found the number 12; text needs quotes", "allowed: an absolute path"),
        ("tls_ca_file", "ca.pem", "found no absolute path", "allowed: an absolute path"),
    ],
)
def test_a_wrong_value_is_shown_beside_what_is_allowed(
    report: Report, key: str, value: str, found: str, allowed: str
) -> None:
    """The operator sees the value that was read and the values that could stand there."""
    said = report(camera_with(**{key: value}))

    assert f"cameras.porch.{key}" in said
    assert found in said
    assert allowed in said


@pytest.mark.parametrize("cameras", ["[]", "5", "front_door", "{}", ""])
def test_cameras_that_are_no_block_of_cameras_are_refused(report: Report, cameras: str) -> None:
    """Without a camera there is nothing to do."""
    assert "vidsense.yaml:1:1: cameras" in report(f"cameras: {cameras}")


def test_a_name_with_spaces_is_given_back_as_it_could_be(report: Report) -> None:
    """`Front Door` becomes front_door: names go into paths, topics and URLs."""
    said = report("cameras:\n  Front Door: {url: /dev/video0}\n")

    assert "did you mean 'front_door'?" in said


def test_a_name_made_of_digits_is_a_name(report: Report) -> None:
    """`1:` is a camera's name, not a number."""
    said = report("cameras:\n  1: {}\n")

    assert "cameras.1.url" in said
    assert "the key 'url' is missing" in said


@pytest.mark.parametrize(
    ("hook", "place", "said"),
    [
        ("{kind: webhok, url: x}", "hooks[0].kind", "did you mean 'webhook'?"),
        ("{url: http://h/}", "hooks[0].kind", "the key 'kind' is missing"),
        ("{kind: webhook}", "hooks[0].url", "the key 'url' is missing"),
        ("{kind: command, argv: ls}", "hooks[0].argv", "found 'ls'"),
        ("{kind: command, argv: []}", "hooks[0].argv", "found nothing in it"),
        ("{kind: command, argv: [ls], urll: 1}", "hooks[0].urll", "no such key here"),
        ("{kind: webhook, url: ftp://h/}", "hooks[0].url", "found the scheme 'ftp'"),
        ("{kind: webhook, url: http://h/, headers: {a b: c}}", "hooks[0].headers.a b", "a header's name"),
        ("5", "hooks[0]", "found the number 5"),
    ],
)
def test_a_wrong_hook_is_named_by_its_position(report: Report, hook: str, place: str, said: str) -> None:
    """Hooks have no names yet when they are wrong: their place in the list and the line tell which."""
    reported = report(f"{ONE_CAMERA}hooks:\n  - {hook}\n")

    assert re.search(rf"^vidsense\.yaml:5:\d+: {re.escape(place)}$", reported, re.MULTILINE)
    assert said in reported


def test_a_password_is_never_repeated(report: Report) -> None:
    """A report is pasted into forums: it holds neither what was written nor what was substituted."""
    text = """\
cameras:
  a: {url: "rtsp//admin:hunter22@192.168.1.10/"}
  b: {url: "rtps://admin:hunter22@192.168.1.10/", transport: "rtsp://admin:hunter22@h/"}
  c: {url: "http://h/?user=a&password=hunter22 x"}
  d: {url: "{CAM_PASSWORD}"}
  e: {url: "rtsp://{CAM_USER}:{CAM_PASSWORD}@h:port/", transport: "{CAM_PASSWORD}"}
hooks:
  - {kind: webhook, url: "http://h/", secret: [hunter22], headers: {Authorization: 22}}
"""

    said = report(text, {"CAM_USER": "admin", "CAM_PASSWORD": "swordfish"})

    assert "hunter22" not in said
    assert "swordfish" not in said


def test_an_address_in_a_names_place_is_not_suggested_as_a_name(report: Report) -> None:
    """A camera's url that slipped to where its name belongs: the password in it stays unsaid."""
    said = report("cameras:\n  rtsp://admin:hunter22@192.168.1.10/: {}\n")

    assert "cameras.rtsp://***@192.168.1.10/" in said
    assert "hunter22" not in said


def test_a_file_full_of_mistakes_stays_readable(report: Report) -> None:
    """A wrong file gives a screenful, not a thousand lines."""
    said = report(ONE_CAMERA + "".join(f"key_{number}: 1\n" for number in range(200)))

    assert "has 200 mistakes" in said
    assert "… and 150 more" in said


def test_control_characters_do_not_reach_the_terminal(report: Report) -> None:
    """A pasted escape sequence cannot colour or clear the terminal that shows the report."""
    said = report(camera_with(transport='"a\\e[31mb"'))

    assert "\x1b" not in said


def test_a_private_key_does_not_reach_the_library(report: Report) -> None:
    """`_env_file` and its kin are arguments of pydantic-settings; from a file they are unknown keys."""
    assert "no such key here" in report(ONE_CAMERA + "_env_file: /etc/passwd\n_cli_parse_args: true\n")
