"""From a file to settings, and what is said when there is nothing usable in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.settings.load import load

from .conftest import ENVIRON, ONE_CAMERA, Read, Report

FRIGATE_LIKE = """\
cameras:
  front_door:
    url: rtsp://{CAM_USER}:{CAM_PASSWORD}@192.168.1.10/stream1
    triggers: [person_at_door]
triggers:
  person_at_door: {prompt: "a person standing at the front door", contrast: ["an empty doorstep"], cooldown_s: 60}
encoder: {backend: auto, model: openai/clip-vit-base-patch16}
describer: {backend: auto, url: "http://127.0.0.1:11434", model: "llava:7b-v1.6-mistral-q2_K"}
hooks:
  - {kind: webhook, url: "http://127.0.0.1:9000/vidsense"}
"""


def test_a_file_in_the_usual_shape_is_read(tmp_path: Path) -> None:
    """The shape that a Frigate user knows works as it stands."""
    path = tmp_path / "vidsense.yaml"
    path.write_text(FRIGATE_LIKE)

    settings = load(path, environ=ENVIRON)

    assert settings.camera("front_door").triggers["person_at_door"].contrast == ("an empty doorstep",)
    assert settings.hooks[0].name == "webhook_1"


def test_any_password_works_in_a_cameras_url(read: Read) -> None:
    """A password with @, /, : and a space arrives at the camera as it is: percent-encoded inside the URL."""
    settings = read(FRIGATE_LIKE)

    assert settings.camera("front_door").url == "rtsp://viewer:p%40ss%2Fw%3Ard%20%231@192.168.1.10/stream1"


def test_a_camera_needs_no_triggers(read: Read) -> None:
    """A camera without triggers is watched; it makes no events."""
    assert read(ONE_CAMERA).camera("porch").triggers == {}


def test_the_settings_cannot_be_changed(read: Read) -> None:
    """What was read stays as it was read."""
    with pytest.raises(ValueError, match="frozen"):
        read(ONE_CAMERA).max_frames_per_s = 3


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The message says which file is missing and how to name another."""
    with pytest.raises(ConfigError, match=r"absent\.yaml does not exist; name another file with --config"):
        load(tmp_path / "absent.yaml", environ={})


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    """The operator gave a folder where a file is wanted."""
    with pytest.raises(ConfigError, match="is a folder"):
        load(tmp_path, environ={})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_says_what_to_check(tmp_path: Path) -> None:
    """A file of another user says so."""
    path = tmp_path / "vidsense.yaml"
    path.write_text(ONE_CAMERA)
    path.chmod(0)

    with pytest.raises(ConfigError, match="may not be read by this user"):
        load(path, environ={})


def test_a_path_that_no_file_can_have_is_refused() -> None:
    """A NUL in a path comes from a script's mistake; it ends in a message."""
    with pytest.raises(ConfigError, match="cannot be read"):
        load(Path("vid\0sense.yaml"), environ={})


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    """A video given as the configuration is not read into memory."""
    path = tmp_path / "vidsense.yaml"
    path.write_bytes(b"#" * 1_000_001)

    with pytest.raises(ConfigError, match="larger than 1 MB"):
        load(path, environ={})


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    """A binary file is told from a configuration, with the line where it begins."""
    path = tmp_path / "vidsense.yaml"
    path.write_bytes(b"cameras:\n  \xff\xd8\xff\xe0")

    with pytest.raises(ConfigError, match=r"vidsense\.yaml:2: found a byte that is no UTF-8 text"):
        load(path, environ={})


def test_a_file_saved_by_an_old_windows_editor_says_how_to_save_it(tmp_path: Path) -> None:
    """UTF-16 is recognised."""
    path = tmp_path / "vidsense.yaml"
    path.write_bytes(ONE_CAMERA.encode("utf-16"))

    with pytest.raises(ConfigError, match="saved as UTF-16; save it as UTF-8"):
        load(path, environ={})


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    """UTF-8 with a mark, as Windows writes it, is UTF-8."""
    path = tmp_path / "vidsense.yaml"
    path.write_bytes(ONE_CAMERA.encode("utf-8-sig"))

    assert list(load(path, environ={}).cameras) == ["porch"]


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n"])
def test_an_empty_file_says_what_is_wanted(report: Report, text: str) -> None:
    """Nothing, or only comments: the message names the first key to write."""
    assert "cameras:" in report(text)


@pytest.mark.parametrize("text", ["just words", "- a\n- list\n", "5", "null", "true"])
def test_a_file_without_keys_is_refused(report: Report, text: str) -> None:
    """A file that is no block of keys is told so."""
    assert "found no keys" in report(text)
