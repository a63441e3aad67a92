"""`vidsense`: find the command, run it, turn errors into words and an exit status.

0 done · 1 failed, the reason is on standard error · 2 wrong usage · 78 the operator must change the configuration ·
130 interrupted. A file under cli/ is one command: ``add(subparsers)`` describes it, ``run(args)`` does it. What is
heavy (torch, SQLAlchemy) is imported inside ``run``, so that `vidsense --help` answers at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from vidsense_daemon import __version__
from vidsense_daemon.base import logs
from vidsense_daemon.base.errors import EXIT_CONFIG, EXIT_FAILED, ConfigError, VidsenseError
from vidsense_daemon.base.redact import Redactor, url_credentials
from vidsense_daemon.base.shortage import shortage_of
from vidsense_daemon.cli import (
    ask,
    cameras,
    check,
    config,
    db,
    demo,
    describer,
    doctor,
    evaluate,
    events,
    explain,
    hooks,
    init,
    install,
    learn,
    models,
    replay,
    review,
    run,
    search,
    train,
    triggers,
)
from vidsense_daemon.cli.output import note
from vidsense_daemon.cli.parser import CommandParser

_INTERRUPTED = 130  # 128 + SIGINT, as shells have it
_COMMANDS = (
    demo,
    init,
    check,
    run,
    doctor,
    install,
    replay,
    events,
    search,
    triggers,
    ask,
    hooks,
    describer,
    review,
    cameras,
    config,
    models,
    db,
    train,
    evaluate,
    learn,
    explain,
)


def build_parser() -> argparse.ArgumentParser:
    """The whole command line; the docs' tests read it too."""
    parser = CommandParser(
        prog="vidsense",
        description="A home-surveillance daemon that understands what it sees and never sends a frame off the machine.",
    )
    parser.add_argument("--version", action="version", version=f"vidsense {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    args = build_parser().parse_args(argv)
    # what a command's parts log must not stand among its results; commands that say more, or less, set it up again
    logs.configure(json=not sys.stderr.isatty(), level="warning", redactor=Redactor())
    try:
        status: int = args.run(args)
    except ConfigError as error:
        _complain(error)
        return EXIT_CONFIG
    except VidsenseError as error:
        _complain(error)
        return EXIT_FAILED
    except BrokenPipeError:  # who reads has seen enough: `entry_point` ends in silence
        raise
    except (MemoryError, OSError) as error:
        _complain(shortage_of(error) or _of_file(error))
        return EXIT_FAILED
    except (KeyboardInterrupt, EOFError):  # Ctrl-C, or Ctrl-D where somebody was asked
        return _INTERRUPTED
    return status


def _of_file(error: MemoryError | OSError) -> str:
    """A file that was named on the command line, mostly."""
    reason = str(getattr(error, "strerror", None) or error)
    name = getattr(error, "filename", None)
    return f"{name}: {reason}" if name else reason


def _complain(error: Exception | str) -> None:
    note(f"vidsense: {url_credentials(str(error))}")
