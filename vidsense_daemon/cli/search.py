"""`vidsense search "white van at night"`: events by the words of their descriptions and by what was seen."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from rich.console import Console

from vidsense_daemon.base.clock import to_ms
from vidsense_daemon.base.errors import EXIT_OK
from vidsense_daemon.cli.context import (
    Subparsers,
    add_config_option,
    add_json_option,
    count,
    load_settings,
    moment,
    open_storage_to_read,
    said,
)
from vidsense_daemon.cli.event_json import event_json
from vidsense_daemon.cli.events import words_of
from vidsense_daemon.cli.output import say, say_json, say_table

if TYPE_CHECKING:
    from vidsense_daemon.store.search import Found


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("search", help="find events by what was said of them and by what was seen")
    parser.add_argument("sentence", type=said, help='such as "white van at night"')
    parser.add_argument("--camera", help="of this camera only")
    parser.add_argument("--since", type=moment, metavar="WHEN", help="not before, such as 7d or 2026-11-22T18:00")
    parser.add_argument("--until", type=moment, metavar="WHEN", help="before")
    parser.add_argument("--limit", type=count, default=20, help="at most so many (default: %(default)s)")
    parser.add_argument("--words-only", action="store_true", help="only by words: loads no encoder")
    add_config_option(parser)
    add_json_option(parser)
    parser.set_defaults(run=_search)


def _search(args: argparse.Namespace) -> int:
    from vidsense_daemon.daemon.searching import search_of

    storage = open_storage_to_read()
    encoder = None
    if not args.words_only:
        from vidsense_daemon.daemon import backends

        settings = load_settings(args)
        with Console(stderr=True).status("loading the encoder"):
            encoder = backends.load_encoder(settings.encoder, state_dir=storage.state_dir)
    find = search_of(storage, encoder=encoder)
    found = find(args.sentence, camera=args.camera, since=args.since, until=args.until, limit=args.limit)
    if args.json:
        say_json([_found_json(each) for each in found], indent=2)
    elif found:
        say_table(("time", "camera", "trigger", "found by", "id", "description"), (_row(each) for each in found))
    else:
        say("nothing found")
    return EXIT_OK


def _found_json(found: Found) -> dict[str, object]:
    seen_at_ms = None if found.seen_at is None else to_ms(found.seen_at)
    return {"found_by": list(found.by), "seen_at_ms": seen_at_ms, "event": event_json(found.record)}


def _row(found: Found) -> tuple[str, ...]:
    event = found.record.event
    at = event.started_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return at, event.camera, event.trigger, ", ".join(found.by), event.id, words_of(found.record)
