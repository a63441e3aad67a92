from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.settings.load import parse
from vidsense_daemon.settings.schema import Settings

ENVIRON = {"CAM_USER": "viewer", "CAM_PASSWORD": "p@ss/w:rd #1"}
ONE_CAMERA = "cameras:\n  porch:\n    url: rtsp://192.168.1.10/stream1\n"

Read = Callable[..., Settings]
Report = Callable[..., str]


@pytest.fixture
def read() -> Read:
    """The settings of a text."""

    def read(text: str, environ: Mapping[str, str] = ENVIRON) -> Settings:
        return parse(text, source="vidsense.yaml", environ=environ)

    return read


@pytest.fixture
def report() -> Report:
    """What is said of a text with mistakes."""

    def report(text: str, environ: Mapping[str, str] = ENVIRON) -> str:
        with pytest.raises(ConfigError) as caught:
            parse(text, source="vidsense.yaml", environ=environ)
        return str(caught.value)

    return report


def camera_with(**keys: Any) -> str:
    """One camera's YAML with these keys, one a line."""
    lines = [f"    {key}: {value}" for key, value in keys.items()]
    return ONE_CAMERA + "\n".join(lines) + "\n"
