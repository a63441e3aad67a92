"""`vidsense hooks list|retry|test`: who is told, what is owed to them, what was given up."""

from __future__ import annotations

import argparse
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from vidsense_daemon.base.clock import to_ms
from vidsense_daemon.base.errors import EXIT_FAILED, EXIT_OK
from vidsense_daemon.base.redact import Redactor
from vidsense_daemon.cli.context import (
    Subparsers,
    add_config_option,
    add_json_option,
    count,
    load_settings,
    open_storage_to_read,
)
from vidsense_daemon.cli.output import note, say, say_json, say_table, some
from vidsense_daemon.settings.paths import state_dir
from vidsense_daemon.store.state_folder import database_file

if TYPE_CHECKING:
    from vidsense_daemon.domain.events import Delivery, EventRecord
    from vidsense_daemon.store.dead_letters import DeadLetters, HookStanding


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("hooks", help="who is told: list, retry, test")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)

    listing = actions.add_parser("list", help="every hook, with what it got, is owed and never took")
    listing.add_argument("--dead", action="store_true", help="the messages that were given up, newest first")
    listing.add_argument("--limit", type=count, default=50, help="at most so many of them (default: %(default)s)")
    add_config_option(listing)
    add_json_option(listing)
    listing.set_defaults(run=_list)

    retry = actions.add_parser("retry", help="send again what was given up; the daemon does it when it runs")
    retry.add_argument("name", nargs="?", help="of this hook only")
    retry.add_argument("--id", type=int, action="append", metavar="N", help="this message, as `list --dead` shows it")
    retry.set_defaults(run=_retry)

    test = actions.add_parser("test", help="send a test event through one hook, now")
    test.add_argument("name", help="the hook's name")
    add_config_option(test)
    test.set_defaults(run=_test)


def _list(args: argparse.Namespace) -> int:
    letters = _dead_letters() if database_file(state_dir(os.environ)).exists() else None
    if args.dead:
        return _list_dead(letters.dead(limit=args.limit) if letters else [], as_json=args.json)
    kinds = {hook.name: hook.kind for hook in load_settings(args).hooks}
    standings = {standing.hook: standing for standing in letters.standings()} if letters else {}
    names = [*kinds, *(name for name in standings if name not in kinds)]
    if args.json:
        say_json([_standing_json(name, kinds.get(name), standings.get(name)) for name in names], indent=2)
    elif names:
        rows = (_standing_row(name, kinds.get(name, "(removed)"), standings.get(name)) for name in names)
        say_table(("hook", "kind", "sent", "owed", "given up", "owed since", "last error"), rows)
    else:
        say("no hooks: nobody is told")
    return EXIT_OK


def _list_dead(dead: list[tuple[Delivery, EventRecord]], *, as_json: bool) -> int:
    if as_json:
        say_json([_dead_json(delivery, record) for delivery, record in dead], indent=2)
    elif dead:
        say_table(
            ("id", "hook", "event", "phase", "owed since", "error"), (_dead_row(delivery) for delivery, _ in dead)
        )
    else:
        say("nothing was given up")
    return EXIT_OK


def _retry(args: argparse.Namespace) -> int:
    count = _dead_letters().retry(datetime.now(UTC), hook=args.name, delivery_ids=args.id)
    if count:
        say(f"{some(count, 'message')} will be sent again by the daemon")
    else:
        what = f"of {args.name} " if args.name else ""
        note(f"nothing {what}was given up: `vidsense hooks list --dead` shows what was")
    return EXIT_OK if count else EXIT_FAILED


def _test(args: argparse.Namespace) -> int:
    from vidsense_daemon.base.logs import configure
    from vidsense_daemon.daemon.alerting import try_hook

    settings = load_settings(args)
    # the libraries' own lines say why; without this they would show tokens
    configure(json=False, level="warning", redactor=Redactor(settings.secrets))
    event_id = try_hook(settings, args.name, now=datetime.now(UTC))
    note(f"{args.name} took the test event {event_id}")
    return EXIT_OK


def _dead_letters() -> DeadLetters:
    from vidsense_daemon.store.dead_letters import DeadLetters

    storage = open_storage_to_read()
    return DeadLetters(database=storage.database, media=storage.media)


def _standing_json(name: str, kind: str | None, standing: HookStanding | None) -> dict[str, Any]:
    """``kind`` is null for a hook that is in the configuration no more."""
    oldest_at = standing.oldest_pending_at if standing else None
    return {
        "hook": name,
        "kind": kind,
        "sent": standing.sent if standing else 0,
        "pending": standing.pending if standing else 0,
        "dead": standing.dead if standing else 0,
        "oldest_pending_at_ms": to_ms(oldest_at) if oldest_at else None,
        "last_error": standing.last_error if standing else None,
    }


def _standing_row(name: str, kind: str, standing: HookStanding | None) -> tuple[str, ...]:
    if standing is None:
        return name, kind, "0", "0", "0", "", ""
    counts = (str(count) for count in (standing.sent, standing.pending, standing.dead))
    since = _local(standing.oldest_pending_at) if standing.oldest_pending_at else ""
    return name, kind, *counts, since, standing.last_error or ""


def _dead_json(delivery: Delivery, record: EventRecord) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "hook": delivery.hook,
        "event_id": delivery.event_id,
        "phase": delivery.phase.value,
        "camera": record.event.camera,
        "trigger": record.event.trigger,
        "attempts": delivery.attempts,
        "created_at_ms": to_ms(delivery.created_at),
        "last_error": delivery.last_error,
    }


def _dead_row(delivery: Delivery) -> tuple[str, ...]:
    return (
        str(delivery.id),
        delivery.hook,
        delivery.event_id,
        delivery.phase.value,
        _local(delivery.created_at),
        delivery.last_error or "",
    )


def _local(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
