"""`vidsense run`: the daemon, in the foreground; systemd or a terminal stops it, SIGHUP has it read its file again."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from types import FrameType
from typing import TYPE_CHECKING

import structlog

from vidsense_daemon.base import logs
from vidsense_daemon.base.redact import Redactor
from vidsense_daemon.cli.context import Subparsers, add_config_option
from vidsense_daemon.settings.paths import find_config, state_dir

if TYPE_CHECKING:
    from vidsense_daemon.settings.schema import Settings


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("run", help="watch the cameras until stopped (SIGTERM or Ctrl-C); SIGHUP reloads")
    add_config_option(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from vidsense_daemon.settings.load import load

    # the same file at every reload, whatever becomes of the working directory
    path = find_config(args.config, os.environ).absolute()
    asked_early = threading.Event()
    signal.signal(signal.SIGHUP, lambda _number, _frame: asked_early.set())  # the daemon takes seconds to import
    settings = load(path)
    redactor = Redactor(settings.secrets)
    logs.configure(json=not sys.stderr.isatty(), level=settings.log.level, redactor=redactor)
    from vidsense_daemon.daemon.live import Daemon
    from vidsense_daemon.daemon.memory import limit_bytes, memory_shortage
    from vidsense_daemon.daemon.reload import remember_applied

    folder = state_dir(os.environ)

    def warn(of: Settings) -> None:
        for warning in of.warnings:
            structlog.get_logger().warning("configuration_should_change", reason=warning)
        if shortage := memory_shortage(len(of.cameras), limit=limit_bytes()):
            structlog.get_logger().warning("memory_is_little", reason=shortage)

    def reread() -> Settings:
        changed = load(path)
        redactor.learn(changed.secrets)
        warn(changed)
        return changed

    warn(settings)
    daemon = Daemon(
        settings, state_dir=folder, reread=reread, on_applied=lambda _settings: remember_applied(path, folder)
    )

    def stop(number: int, _frame: FrameType | None) -> None:
        daemon.ask_to_stop()
        signal.signal(number, signal.SIG_DFL)  # a second one ends at once

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGHUP, lambda _number, _frame: daemon.ask_to_reload())
    if asked_early.is_set():
        daemon.ask_to_reload()
    status = daemon.run()
    # everything is closed. The interpreter's own end takes PyTorch seconds of the ten that are promised, and is a crash
    # (SIGABRT) where a worker was left behind inside it
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
