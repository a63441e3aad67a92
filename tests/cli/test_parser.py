"""The command line as somebody meets it who does not know it yet."""

from __future__ import annotations

import pytest

from vidsense_daemon.base.errors import EXIT_USAGE
from vidsense_daemon.cli.main import build_parser

Capture = pytest.CaptureFixture[str]


def said_to(arguments: list[str], capsys: Capture) -> tuple[int, str]:
    """The status, and what stands on both outputs."""
    with pytest.raises(SystemExit) as ended:
        build_parser().parse_args(arguments)
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out + captured.err


@pytest.mark.parametrize(
    ("arguments", "meant"), [(["event"], "events"), (["events", "lst"], "list"), (["init", "--trigger", "car"], "")]
)
def test_a_name_that_was_nearly_right_is_answered_with_the_right_one(
    arguments: list[str], meant: str, capsys: Capture
) -> None:
    """Of commands, actions and choices; where nothing is near, the choices alone are told."""
    status, said = said_to(arguments, capsys)

    assert status == EXIT_USAGE
    assert "choose from" in said
    assert (f"did you mean '{meant}'?" in said) is bool(meant)


@pytest.mark.parametrize(("arguments", "shown"), [([], "demo"), (["db"], "backup")])
def test_a_command_without_its_action_is_answered_with_all_of_them(
    arguments: list[str], shown: str, capsys: Capture
) -> None:
    """Nobody has to know of --help first."""
    status, said = said_to(arguments, capsys)

    assert status == EXIT_USAGE
    assert f"\n    {shown} " in said


def test_the_help_of_an_action_says_what_it_is_for(capsys: Capture) -> None:
    """Not only which options it has."""
    status, said = said_to(["events", "pin", "--help"], capsys)

    assert status == 0
    assert "Keep events for ever." in said
