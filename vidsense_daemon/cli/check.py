"""`vidsense check`: would it run? The configuration, the encoder, the database, the describer, the cameras."""

from __future__ import annotations

import argparse
import itertools
import os
from dataclasses import asdict, replace

from vidsense_daemon.base.errors import EXIT_FAILED, EXIT_OK
from vidsense_daemon.base.redact import Redactor
from vidsense_daemon.cli.context import Subparsers, add_config_option, add_json_option, load_settings
from vidsense_daemon.cli.output import say, say_json
from vidsense_daemon.settings.paths import find_config, state_dir


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("check", help="read the configuration and try everything that it names")
    parser.add_argument("--offline", action="store_true", help="only what needs no camera and no other server")
    add_config_option(parser)
    add_json_option(parser)
    parser.set_defaults(run=_check)


def _check(args: argparse.Namespace) -> int:
    settings = load_settings(args)
    from vidsense_daemon.daemon import checking

    redactor = Redactor(settings.secrets)
    path = find_config(args.config, os.environ)
    all_ok = True
    first = checking.Finding("configuration", ok=True, says=f"{path} names {len(settings.cameras)} cameras")
    rest = checking.findings(settings, state_dir=state_dir(os.environ), offline=args.offline)
    found = []
    for finding in itertools.chain([first], rest):
        all_ok &= finding.ok
        found.append(replace(finding, says=redactor.text(finding.says)))
        if not args.json:  # told at once: a camera may take its time
            say(f"{'ok    ' if finding.ok else 'failed'}  {finding.what}: {found[-1].says}")
    if args.json:
        say_json([asdict(finding) for finding in found], indent=2)
    return EXIT_OK if all_ok else EXIT_FAILED
