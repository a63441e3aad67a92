"""`vidsense config show|schema`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest
import yaml

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.cli import config
from vidsense_daemon.settings.load import parse


def run(*argv: str) -> int:
    parser = argparse.ArgumentParser()
    config.add(parser.add_subparsers())
    args = parser.parse_args(["config", *argv])
    status: int = args.run(args)
    return status


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "vidsense.yaml"
    path.write_text("cameras: {porch: {url: 'rtsp://viewer:swordfish@192.168.1.10/'}}\n")
    return path


def test_show_prints_yaml_that_can_be_read_again(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is shown is a configuration itself, with every default and no password."""
    assert run("show", "--config", str(path)) == 0

    printed = capsys.readouterr().out
    assert "swordfish" not in printed
    assert parse(printed, source="shown", environ={}).camera("porch").sampling.calm_fps == 1.0


def test_show_prints_json_when_asked(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Programs read JSON."""
    run("show", "--config", str(path), "--json")

    assert json.loads(capsys.readouterr().out)["cameras"]["porch"]["url"] == "rtsp://***@192.168.1.10/"


def test_show_finds_the_file_that_the_environment_names(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --config, $VIDSENSE_CONFIG decides; the file's name stands beside the result."""
    monkeypatch.setenv("VIDSENSE_CONFIG", str(path))

    run("show")

    captured = capsys.readouterr()
    assert "porch" in yaml.safe_load(captured.out)["cameras"]
    assert str(path) in captured.err


def test_show_of_a_wrong_file_is_a_config_error(tmp_path: Path) -> None:
    """The command's frame turns it into status 78."""
    path = tmp_path / "vidsense.yaml"
    path.write_text("cameras: []\n")

    with pytest.raises(ConfigError, match="has a mistake"):
        run("show", "--config", str(path))


def test_schema_prints_a_json_schema_with_units(capsys: pytest.CaptureFixture[str]) -> None:
    """An editor completes the keys and shows their text, unit and default."""
    run("schema")

    schema = json.loads(capsys.readouterr().out)
    stall_limit = schema["properties"]["stall_limit_s"]
    assert stall_limit["default"] == 15
    assert stall_limit["description"].endswith("Unit: seconds.")
    assert "cameras" in schema["required"]
