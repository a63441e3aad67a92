"""`vidsense check`: would it run? The configuration, the encoder, the database, the describer, the cameras."""

from __future__ import annotations

import argparse
import itertools
import os

from vidsense_daemon.base import logs
from vidsense_daemon.base.errors import EXIT_FAILED, EXIT_OK
from vidsense_daemon.base.redact import Redactor
from vidsense_daemon.cli.context import Subparsers, add_config_option, add_json_option, load_settings
from vidsense_daemon.cli.output import say_json, some
from vidsense_daemon.settings.paths import find_config, state_dir


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("check", help="read the configuration and try everything that it names")
    parser.add_argument("--offline", action="store_true", help="only what needs no camera and no other server")
    add_config_option(parser)
    add_json_option(parser)
    parser.set_defaults(run=_check)


def _check(args: argparse.Namespace) -> int:
    settings = load_settings(args)
    from vidsense_daemon.cli.findings import as_json, told
    from vidsense_daemon.daemon import checking
    from vidsense_daemon.daemon.findings import Verdict, doubtful, good, worst

    redactor = Redactor(settings.secrets)
    logs.configure(json=False, level="error", redactor=redactor)  # what the parts log, the findings say better
    path = find_config(args.config, os.environ)
    first = [
        good("configuration", f"{path} names {some(len(settings.cameras), 'camera')}"),
        *(doubtful("configuration", warning) for warning in settings.warnings),
    ]
    rest = checking.findings(settings, state_dir=state_dir(os.environ), offline=args.offline)
    found = told(itertools.chain(first, rest), redactor=redactor, quiet=args.json)
    if args.json:
        say_json(as_json(found), indent=2)
    return EXIT_FAILED if worst(found) is Verdict.FAILED else EXIT_OK
