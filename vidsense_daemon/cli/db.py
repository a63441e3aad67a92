"""`vidsense db upgrade|status`: the database's schema."""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict

from vidsense_daemon.base.errors import EXIT_FAILED, EXIT_OK
from vidsense_daemon.cli.context import Subparsers, add_json_option
from vidsense_daemon.cli.output import say, say_json
from vidsense_daemon.settings.paths import state_dir


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("db", help="the database: upgrade, status")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)

    upgrade = actions.add_parser("upgrade", help="make or upgrade the database's schema")
    upgrade.set_defaults(run=_upgrade)

    status = actions.add_parser("status", help="its revision, its size and whether it is sound")
    add_json_option(status)
    status.set_defaults(run=_status)


def _upgrade(_args: argparse.Namespace) -> int:
    from vidsense_daemon.daemon.storage import database_url, media_dir
    from vidsense_daemon.store.upgrade import status, upgrade

    folder = state_dir(os.environ)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    upgrade(database_url(folder), media_dir=media_dir(folder))
    found = status(database_url(folder))
    say(f"{found.path} is at revision {found.revision}")
    return EXIT_OK


def _status(args: argparse.Namespace) -> int:
    from vidsense_daemon.daemon.storage import database_url
    from vidsense_daemon.store.upgrade import status

    found = status(database_url(state_dir(os.environ)))
    healthy = found.is_current and found.integrity == "ok"
    if args.json:
        say_json({**asdict(found), "path": str(found.path), "is_current": found.is_current}, indent=2)
    else:
        say(f"{found.path}  {found.size_bytes / 1e6:.1f} MB")
        wanted = "" if found.is_current else f", this program wants {found.head}: run `vidsense db upgrade`"
        say(f"  revision   {found.revision or 'none'}{wanted}")
        say(f"  integrity  {found.integrity}")
    return EXIT_OK if healthy else EXIT_FAILED
