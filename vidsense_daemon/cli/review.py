"""`vidsense review password`: the hash of a password for the review pages, to put into the configuration."""

from __future__ import annotations

import argparse
import getpass
import sys

from vidsense_daemon.base.errors import EXIT_OK, PermanentError
from vidsense_daemon.cli.context import Subparsers
from vidsense_daemon.cli.output import note, say


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("review", help="the review pages: password")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    password = actions.add_parser("password", help="hash a password, asked for or read from a pipe")
    password.set_defaults(run=_password)


def _password(_args: argparse.Namespace) -> int:
    from vidsense_daemon.review.access import password_hash

    password = _asked() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if not password:
        raise PermanentError("no password was given: nothing to hash")
    say(password_hash(password))
    note("put it into the environment or the credentials and name it under review.users: docs/configuration.md")
    return EXIT_OK


def _asked() -> str:
    password = getpass.getpass("password: ")
    if getpass.getpass("once more: ") != password:
        raise PermanentError("the two passwords differ: run the command again")
    return password
