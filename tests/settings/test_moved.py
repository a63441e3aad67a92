"""Keys that were renamed: an upgrade does not break the file, and says what to write."""

from __future__ import annotations

import pytest

from vidsense_daemon import __version__
from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.settings.load import parse
from vidsense_daemon.settings.moved import MOVED, Move

_MOVES = (
    Move(("detector", "kind"), ("encoder", "backend"), gone_in="9.0"),
    Move(("cameras", "*", "fps"), ("cameras", "*", "sampling", "busy_fps"), gone_in="9.0"),
)
_CAMERA = "cameras:\n  porch:\n    url: /dev/video0\n"


def test_a_key_under_its_old_name_is_read_with_a_warning() -> None:
    """The value counts; the warning has the file, the line, both names and the version that ends it."""
    settings = parse(_CAMERA + "detector: {kind: builtin}\n", source="v.yaml", environ={}, moves=_MOVES)

    assert settings.encoder.backend == "builtin"
    assert settings.warnings == (
        "v.yaml, line 4: detector.kind is called encoder.backend now; version 9.0 no longer reads the old name",
    )


def test_a_cameras_key_moves_within_its_camera() -> None:
    """Each camera's own, beside what stands there already."""
    text = _CAMERA + "    fps: 9\n    sampling: {calm_fps: 2}\n  gate: {url: /dev/video1, fps: 7}\n"

    settings = parse(text, source="v.yaml", environ={}, moves=_MOVES)

    assert settings.camera("porch").sampling.busy_fps == 9
    assert settings.camera("porch").sampling.calm_fps == 2
    assert settings.camera("gate").sampling.busy_fps == 7
    assert len(settings.warnings) == 2


def test_both_names_at_once_are_a_mistake() -> None:
    """Nobody guesses which of the two was meant."""
    text = _CAMERA + "detector: {kind: builtin}\nencoder: {backend: clip}\n"

    with pytest.raises(ConfigError, match=r"the key is called encoder\.backend now") as told:
        parse(text, source="v.yaml", environ={}, moves=_MOVES)

    assert str(told.value).startswith("v.yaml has a mistake:\n\nv.yaml:4:12: detector.kind")


def test_a_wrong_value_is_reported_where_it_stands() -> None:
    """The line is the old key's, the name is the one to write."""
    with pytest.raises(ConfigError, match=r"v.yaml:4:12: encoder.backend"):
        parse(_CAMERA + "detector: {kind: rubbish}\n", source="v.yaml", environ={}, moves=_MOVES)


def test_a_file_without_old_names_gives_no_warning() -> None:
    """The usual case."""
    assert parse(_CAMERA, source="v.yaml", environ={}, moves=_MOVES).warnings == ()


def test_no_old_name_outlives_its_version() -> None:
    """A row whose time is over must go from the table."""
    now = tuple(int(part) for part in __version__.split(".")[:2])

    assert [move for move in MOVED if tuple(int(part) for part in move.gone_in.split(".")[:2]) <= now] == []
