"""The command line's parser: argparse, with what somebody who meets a command for the first time needs.

`vidsense COMMAND --help` says what the command is for, a name that was nearly right is answered with the right one, and
a command without its action is answered with all of its actions.
"""

from __future__ import annotations

import argparse
import re
import sys
from typing import Any, NoReturn

from vidsense_daemon.base.errors import EXIT_USAGE
from vidsense_daemon.settings.mistakes import nearest

_NO_CHOICE = re.compile(r"invalid choice: '(?P<word>[^']*)' \(choose from (?P<choices>.*)\)")
_NO_COMMAND = re.compile(r"arguments are required: (COMMAND|ACTION)$")


class CommandParser(argparse.ArgumentParser):
    """A command, or the whole command line; its actions are parsers of the same kind."""

    def add_subparsers(self, **options: Any) -> Any:
        """As argparse's; what an action's `help` says stands in the action's own help, too."""
        return _Actions(super().add_subparsers(**options))

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with what was typed, and end with the status of wrong usage."""
        if _NO_COMMAND.search(message):
            self.print_help(sys.stderr)
            self.exit(EXIT_USAGE)
        if found := _NO_CHOICE.search(message):
            meant = nearest(found["word"], re.findall(r"[\w-]+", found["choices"]))
            message += f"; did you mean '{meant}'?" if meant else ""
        super().error(message)


class _Actions:
    """argparse's answer to ``add_subparsers``, as far as the commands use it."""

    def __init__(self, actions: argparse._SubParsersAction[CommandParser]) -> None:
        self._actions = actions

    def add_parser(self, name: str, *, help: str, **options: Any) -> CommandParser:  # noqa: A002 - argparse's word
        parser = self._actions.add_parser(name, help=help, **options)
        parser.description = parser.description or f"{help[0].upper()}{help[1:]}."
        return parser
