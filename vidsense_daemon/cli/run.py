"""`vidsense run`: the daemon, in the foreground; systemd or a terminal stops it."""

from __future__ import annotations

import argparse
import os
import signal
from types import FrameType

from vidsense_daemon.base import logs
from vidsense_daemon.base.redact import Redactor
from vidsense_daemon.cli.context import Subparsers, add_config_option, load_settings
from vidsense_daemon.settings.paths import state_dir


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("run", help="watch the cameras until stopped (SIGTERM or Ctrl-C)")
    add_config_option(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    settings = load_settings(args)
    logs.configure(json=True, level=settings.log.level, redactor=Redactor(settings.secrets))
    from vidsense_daemon.daemon.live import Daemon

    daemon = Daemon(settings, state_dir=state_dir(os.environ))

    def stop(number: int, _frame: FrameType | None) -> None:
        daemon.ask_to_stop()
        signal.signal(number, signal.SIG_DFL)  # a second one ends at once

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return daemon.run()
