"""What YAML can do to a reader: syntax, duplicates, tags, bombs and rubbish."""

from __future__ import annotations

import re

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.settings.load import parse

from .conftest import ONE_CAMERA, Read, Report, camera_with


@pytest.mark.parametrize(
    ("text", "place", "advice"),
    [
        ("cameras:\n\tporch: {}\n", "2:1", "indent with spaces"),
        ("cameras:\n  porch:\n    url: a: b\n", "3:11", "text that holds ': ' needs quotes"),
        ("cameras:\n  porch: 'open\n", "3:1", "a quote that was opened is never closed"),
        ("cameras:\n  porch:\n    url: x\n   enabled: true\n", "4:4", "check the indentation"),
        ("cameras: *unknown\n", "1:10", "a * refers to an &"),
        ("cameras: {}\n---\ncameras: {}\n", "2:1", "one file holds one configuration"),
        ("cameras:\n  porch: {url: rtsp://{CAM}@h/}\n", "2:23", "needs quotes"),
        ("cameras: @porch\n", "1:10", "text that begins with this character needs quotes"),
        ("cameras:\n  porch\n  yard: {}\n", "3:7", "check the indentation"),
        ("cameras: [a, b\n", "2:1", "needs quotes"),
    ],
)
def test_broken_yaml_is_shown_with_its_place_and_a_way_out(report: Report, text: str, place: str, advice: str) -> None:
    """The line and the column are the editor's; the advice says what to type."""
    said = report(text)

    assert said.startswith("vidsense.yaml has a mistake:")
    assert f"vidsense.yaml:{place}" in said
    assert advice in said


def test_a_key_that_stands_twice_is_a_mistake(report: Report) -> None:
    """YAML would keep the last one without a word: half a camera would be gone."""
    said = report(ONE_CAMERA + "    url: /dev/video0\n")

    assert "vidsense.yaml:4:5: cameras.porch.url" in said
    assert "the key stands twice; the first is in line 3" in said


@pytest.mark.parametrize(
    "value",
    [
        "!!python/object/apply:os.system ['true']",
        "!!python/name:os.system",
        "!secret password",
        "!!binary aGk=",
        "!!set {a}",
    ],
)
def test_tags_are_refused(report: Report, value: str) -> None:
    """No tag makes an object, runs a program or looks up a secret."""
    assert "found the tag" in report(camera_with(transport=value))


def test_an_alias_bomb_is_refused(report: Report) -> None:
    """Nine lines that multiply to a billion values end in a message, at once."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]

    assert "the aliases (*) multiply" in report("\n".join(lines))


def test_a_block_inside_itself_is_refused(report: Report) -> None:
    """An alias to the block around it would never end."""
    assert "nested more than" in report("cameras: &all\n  porch: *all\n")


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 50_000, "- " * 100_000, "? " * 50_000])
def test_bottomless_nesting_is_refused(report: Report, text: str) -> None:
    """A hundred thousand brackets do not exhaust the stack."""
    assert "nested more than" in report(text)


def test_anchors_and_merges_save_typing(read: Read) -> None:
    """`&` and `<<: *` share keys between cameras; a camera's own keys win."""
    text = """\
cameras:
  porch: &usual
    url: rtsp://192.168.1.10/stream1
    transport: udp
    stall_limit_s: 20
  yard:
    <<: *usual
    url: rtsp://192.168.1.11/stream1
"""

    yard = read(text).camera("yard")

    assert (yard.url, yard.transport, yard.stall_limit_s) == ("rtsp://192.168.1.11/stream1", "udp", 20)


@pytest.mark.parametrize("prompt", ["no", "12:30", "2024-01-01", "on", "0x1F", "1_000", "=", "<<"])
def test_plain_words_stay_words(read: Read, prompt: str) -> None:
    """A prompt of `no` is not false, and `12:30` is not 750 seconds, as old YAML has it."""
    settings = read(f"{ONE_CAMERA}triggers:\n  one: {{prompt: {prompt}}}\n")

    assert settings.triggers["one"].prompt == prompt


@pytest.mark.parametrize(
    ("written", "meant"), [("yes", True), ("no", False), ("on", True), ("off", False), ("true", True)]
)
def test_a_switch_may_be_written_as_people_speak(read: Read, written: str, meant: bool) -> None:
    """Where true or false is wanted, yes, no, on and off say the same."""
    assert read(camera_with(enabled=written)).camera("porch").enabled is meant


def test_a_block_left_empty_means_its_defaults(read: Read) -> None:
    """A key whose lines are all commented out does not break the file."""
    settings = read(camera_with(motion="", zones="") + "sampling:\ntriggers:\nhooks:\nencoder:\n")

    assert settings.camera("porch").sampling.calm_fps == 1.0
    assert settings.hooks == ()


@pytest.mark.parametrize(
    "text", ['a: "\\UFFFFFFFF"', f"%YAML {'9' * 5000}.1\n---\n", 'a: "\\ud800"', "a: \x00", "\x07"]
)
def test_characters_that_are_none_are_refused(report: Report, text: str) -> None:
    """Numbers too large for a character, halves of characters, NUL and bells end in a message."""
    assert not re.search(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]", report(text))


def test_a_number_with_thousands_of_digits_is_refused(report: Report) -> None:
    """Python would refuse to read it with an error of its own."""
    assert "cameras.porch.stall_limit_s" in report(camera_with(stall_limit_s="9" * 10_000))


_TOKENS = "cameras porch url triggers hooks kind webhook : { } [ ] *a !!int ' \" # | ? ~ null 1e999 .5 {CAM} 0,0,1,1"
_WORDS = st.sampled_from(
    [*(f"{token} " for token in _TOKENS.split()), ": ", "- ", "\n", "\n  ", "&a ", "<<: *a\n", "\t"]
)


def _said_of(text: str) -> str | None:
    """The report, or nothing when the text is a configuration."""
    try:
        parse(text, source="vidsense.yaml", environ={})
    except ConfigError as error:
        return str(error)
    return None


@settings(deadline=None)  # the machine may be busy; the time limit of the suite holds
@given(st.one_of(st.text(max_size=200), st.lists(_WORDS, max_size=40).map("".join)))
@example("cameras: {a: {url: &a {b: *a}}}")
@example("!!int x: !!float y")
@example("? [a]\n: b")
@example("cameras: {porch: {url: /x, stall_limit_s: 1e999}}")
def test_rubbish_never_gives_anything_but_a_report(text: str) -> None:
    """Whatever stands in the file: settings, or one ConfigError that names it."""
    said = _said_of(text)

    assert said is None or said.startswith("vidsense.yaml has ")


_LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8))
_VALUES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
_KEYS = st.sampled_from(
    [
        "cameras",
        "triggers",
        "sampling",
        "motion",
        "hooks",
        "encoder",
        "describer",
        "log",
        "window",
        "url",
        "kind",
        "zones",
    ]
)


@settings(deadline=None, max_examples=50)  # each may fail in dozens of places
@given(st.dictionaries(_KEYS, st.dictionaries(_KEYS, st.dictionaries(_KEYS, _VALUES, max_size=3) | _VALUES) | _VALUES))
def test_values_of_any_kind_at_known_keys_give_a_report(values: dict[str, object]) -> None:
    """Wrong types, deep in the known keys, end in the same report."""
    said = _said_of(yaml.safe_dump(values))

    assert said is None or said.startswith("vidsense.yaml has ")
