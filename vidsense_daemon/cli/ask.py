"""`vidsense ask "did anyone come this afternoon?"` and `vidsense digest`: stored events, told in words."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import Console

from vidsense_daemon.base.clock import LocalZone
from vidsense_daemon.base.errors import EXIT_OK
from vidsense_daemon.cli.context import (
    Subparsers,
    add_config_option,
    add_json_option,
    day,
    load_settings,
    open_storage_to_read,
    said,
)
from vidsense_daemon.cli.output import note, say, say_json

if TYPE_CHECKING:
    from vidsense_daemon.description.telling import Told


def add(subparsers: Subparsers) -> None:
    ask = subparsers.add_parser("ask", help="a question about what was seen, answered with the events it rests on")
    ask.add_argument("question", type=said, help='such as "did anyone come to the door this afternoon?"')
    ask.add_argument("--words-only", action="store_true", help="look by words and time only: loads no encoder")
    add_config_option(ask)
    add_json_option(ask)
    ask.set_defaults(run=_ask)

    digest = subparsers.add_parser("digest", help="a day in a few lines")
    digest.add_argument("--day", type=day, metavar="YYYY-MM-DD", help="default: today")
    add_config_option(digest)
    add_json_option(digest)
    digest.set_defaults(run=_digest)


def _ask(args: argparse.Namespace) -> int:
    from vidsense_daemon.daemon import backends, describing

    settings, storage = load_settings(args), open_storage_to_read()
    with Console(stderr=True).status("looking"):
        encoder = None
        if not args.words_only:
            encoder = backends.load_encoder(settings.encoder, state_dir=storage.state_dir)
        server = describing.build_server(settings.describer)
        questions = describing.build_questions(settings, storage=storage, encoder=encoder, server=server)
        told = questions.ask(args.question)
    return _tell(told, as_json=args.json)


def _digest(args: argparse.Namespace) -> int:
    from vidsense_daemon.daemon import describing

    settings, storage = load_settings(args), open_storage_to_read()
    on = args.day or datetime.now(LocalZone()).date()
    with Console(stderr=True).status("summing up"):
        server = describing.build_server(settings.describer)
        told = describing.build_digests(storage=storage, server=server).of_day(on)
    return _tell(told, as_json=args.json)


def _tell(told: Told, *, as_json: bool) -> int:
    if as_json:
        say_json(asdict(told), indent=2)
        return EXIT_OK
    say(told.text)
    if told.event_ids:
        say(f"events: {', '.join(told.event_ids)}")
    if told.why_plain:
        note(f"no model wrote this: {told.why_plain}")
    return EXIT_OK
