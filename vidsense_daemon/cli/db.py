"""`vidsense db upgrade|status|check|backup|restore`: the database and the stills beside it."""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from vidsense_daemon.base.errors import EXIT_FAILED, EXIT_OK
from vidsense_daemon.base.files import make_private
from vidsense_daemon.cli.context import (
    Subparsers,
    add_config_option,
    add_json_option,
    load_settings,
    open_storage_to_read,
)
from vidsense_daemon.cli.output import say, say_json, say_table
from vidsense_daemon.settings.paths import state_dir
from vidsense_daemon.store.state_folder import database_file


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("db", help="the database: upgrade, status, check, backup, restore")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)

    upgrade = actions.add_parser("upgrade", help="make or upgrade the database's schema")
    upgrade.set_defaults(run=_upgrade)

    status = actions.add_parser("status", help="its revision, its size and whether it is sound")
    add_json_option(status)
    status.set_defaults(run=_status)

    check = actions.add_parser("check", help="does the database hold together, and does it agree with the stills?")
    check.add_argument("--checksums", action="store_true", help="read every still and compare its checksum")
    check.add_argument("--repair", action="store_true", help="mend what can be mended without a backup")
    add_json_option(check)
    check.set_defaults(run=_check)

    backup = actions.add_parser("backup", help="copy the database, also while the daemon runs")
    backup.add_argument("to", type=Path, nargs="?", metavar="FILE", help="default: the backups folder, named by time")
    backup.add_argument("--with-windows", action="store_true", help="also what search and novelty can learn anew")
    backup.set_defaults(run=_backup)

    restore = actions.add_parser("restore", help="put a backup in the database's place; the old one is moved aside")
    restore.add_argument("backup", type=Path, metavar="FILE")
    restore.set_defaults(run=_restore)

    retention = actions.add_parser("retention", help="what the retention would delete now; deletes nothing")
    add_config_option(retention)
    add_json_option(retention)
    retention.set_defaults(run=_retention)


def _upgrade(_args: argparse.Namespace) -> int:
    from vidsense_daemon.daemon.storage import backup_dir, media_dir
    from vidsense_daemon.store.before_upgrade import copy_before_upgrade
    from vidsense_daemon.store.engine import database_url
    from vidsense_daemon.store.lock import StateLock
    from vidsense_daemon.store.upgrade import status, upgrade

    folder = state_dir(os.environ)
    path = database_file(folder)
    if not path.exists() or not path.stat().st_size or not status(database_url(folder)).is_current:
        with StateLock(folder):  # an older daemon that still runs would write into tables that are no more
            copy = copy_before_upgrade(database_url(folder), backup_dir(folder), datetime.now(UTC))
            if copy:
                say(f"copied the database to {copy}")
            upgrade(database_url(folder), media_dir=media_dir(folder))
    found = status(database_url(folder))
    say(f"{found.path} is at revision {found.revision}")
    return EXIT_OK


def _status(args: argparse.Namespace) -> int:
    from vidsense_daemon.store.engine import database_url
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


def _check(args: argparse.Namespace) -> int:
    from vidsense_daemon.store.check import check, repair

    storage = open_storage_to_read()
    problems = check(storage.database, storage.media, datetime.now(UTC), checksums=args.checksums)
    if args.repair:
        problems = repair(storage.database, storage.media, problems)
    if args.json:
        say_json([asdict(problem) for problem in problems], indent=2)
    elif problems:
        rows = [
            (problem.kind.replace("_", " "), problem.what, "yes" if problem.repaired else "no") for problem in problems
        ]
        say_table(("problem", "what", "repaired"), rows)
    else:
        say(f"{storage.database.path} and {storage.media.root} hold together")
    return EXIT_OK if all(problem.repaired for problem in problems) else EXIT_FAILED


def _backup(args: argparse.Namespace) -> int:
    from vidsense_daemon.daemon.storage import backup_dir
    from vidsense_daemon.store.backup import back_up
    from vidsense_daemon.store.engine import database_url

    folder, now = state_dir(os.environ), datetime.now(UTC)
    to: Path = args.to or backup_dir(folder) / f"vidsense-{now:%Y%m%dT%H%M%SZ}.db"
    make_private(to.parent)
    backup = back_up(database_url(folder), to, with_windows=args.with_windows)
    say(f"{backup.path}: {backup.events} events, {backup.size_bytes / 1e6:.1f} MB")
    return EXIT_OK


def _restore(args: argparse.Namespace) -> int:
    from vidsense_daemon.store.backup import restore
    from vidsense_daemon.store.engine import database_url
    from vidsense_daemon.store.lock import StateLock

    folder = state_dir(os.environ)
    with StateLock(folder):  # refused while the daemon runs
        aside = restore(args.backup, database_url(folder), datetime.now(UTC))
    say(f"restored {args.backup}" + (f"; the database that was there is now {aside}" if aside else ""))
    return EXIT_OK


def _retention(args: argparse.Namespace) -> int:
    from vidsense_daemon.daemon import backends

    settings, storage = load_settings(args), open_storage_to_read()
    plan = backends.build_retention(settings.retention, storage).plan(datetime.now(UTC))
    if args.json:
        say_json(asdict(plan) | {"windows_before": plan.windows_before and plan.windows_before.isoformat()}, indent=2)
        return EXIT_OK
    rows = [(deletion.event_id, deletion.reason.replace("_", " ")) for deletion in plan.events]
    if rows:
        say_table(("event", "reason"), rows)
    say(f"{len(rows)} events and {plan.media_bytes / 1e6:.1f} MB of stills would go")
    return EXIT_OK
