"""`vidsense explain CLIP|EVENT_ID`: one page that shows what every stage of the daemon makes of a clip or an event."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from vidsense_daemon.base import logs
from vidsense_daemon.base.errors import EXIT_OK, PermanentError
from vidsense_daemon.base.redact import Redactor
from vidsense_daemon.cli.context import (
    Subparsers,
    add_config_option,
    count,
    open_storage_to_read,
    settings_if_any,
)
from vidsense_daemon.cli.output import note, say
from vidsense_daemon.settings.mistakes import no_such
from vidsense_daemon.settings.paths import state_dir
from vidsense_daemon.store.state_folder import database_file

if TYPE_CHECKING:
    from vidsense_daemon.domain.events import EventRecord
    from vidsense_daemon.settings.resolved import ResolvedCamera
    from vidsense_daemon.settings.schema import Settings

_NOBODYS = "nobodys"  # a configuration has at least one camera
_EVENT_ID = re.compile(r"\d{10,}-[a-z0-9]+")


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "explain",
        help="show what the model sees: tokens, embeddings, attention, words, in one page",
        description="Writes report.html, which holds everything it shows, and the figures as PNG files.",
    )
    parser.add_argument("subject", metavar="CLIP|EVENT_ID", help="a video file, or the id of a stored event")
    parser.add_argument(
        "--query",
        action="append",
        default=[],
        metavar="SENTENCE",
        help="what to look for; may be given several times (default: the camera's triggers, or the event's prompt)",
    )
    parser.add_argument("--frames", type=count, default=5, metavar="N", help="frames to show (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("report"), help="folder of the report (default: %(default)s)")
    parser.add_argument("--camera", metavar="NAME", help="whose masks, rates and triggers count for a clip")
    parser.add_argument(
        "--no-model", action="store_true", help="do not ask the describing model: show what it would be sent"
    )
    parser.add_argument(
        "--json", action="store_true", help="also write report.json, with the arrays behind the figures"
    )
    add_config_option(parser)
    parser.set_defaults(run=_explain)


def _explain(args: argparse.Namespace) -> int:
    clip = Path(args.subject)
    record = None if clip.is_file() else _record(args.subject)
    settings = _settings(args)
    camera = _camera(settings, args.camera if record is None else record.event.camera, named=record is None)
    logs.configure(json=not sys.stderr.isatty(), level="error", redactor=Redactor(settings.secrets))
    from vidsense_daemon.daemon.explaining import Explaining, Wish
    from vidsense_daemon.explain.encoding import check_queries
    from vidsense_daemon.explain.saving import check_folder
    from vidsense_daemon.explain.tokens import check_shown

    check_queries(args.query)
    check_shown(args.frames)
    check_folder(args.out)
    folder = state_dir(os.environ)
    storage = open_storage_to_read() if database_file(folder).exists() else None
    wish = Wish(queries=tuple(args.query), frames=args.frames, asks_model=not args.no_model)
    try:
        with Console(stderr=True).status("loading the encoder") as status:
            explaining = Explaining(settings, state_dir=folder, storage=storage)
            status.update(f"explaining {args.subject}")
            explained = (
                explaining.clip(clip, camera=camera, wish=wish)
                if record is None
                else explaining.event(record, camera=camera, wish=wish)
            )
            status.update("drawing")
            files = explained.save(args.out, with_arrays=args.json)
    finally:
        if storage is not None:
            storage.close()
    for file in files:
        say(str(file))
    if not any(file.suffix == ".png" for file in files):
        note("no PNG files: they need Pillow (pip install 'vidsense-daemon[explain]')")
    return EXIT_OK


def _record(subject: str) -> EventRecord:
    """The event with this id.

    Raises:
        PermanentError: there is no such event, and no such file either.
    """
    if not _EVENT_ID.fullmatch(subject):
        raise PermanentError(
            f"{subject} is neither a file nor the id of an event: nothing was explained. "
            "`vidsense events list` shows the ids"
        )
    storage = open_storage_to_read()
    try:
        record = storage.archive.get(subject)
    finally:
        storage.close()
    if record is None:
        raise PermanentError(
            f"there is no event {subject}: it was deleted, or retention has taken it; `vidsense events list` shows "
            "those that are there"
        )
    return record


def _settings(args: argparse.Namespace) -> Settings:
    """The operator's; without any file, the defaults: a clip can be explained before anything is configured."""
    from vidsense_daemon.settings.load import parse

    if (settings := settings_if_any(args)) is not None:
        return settings
    return parse(json.dumps({"cameras": {_NOBODYS: {"url": "/dev/video0"}}}), source="the defaults")


def _camera(settings: Settings, wanted: str | None, *, named: bool) -> ResolvedCamera | None:
    """The camera whose eyes are borrowed; none when there are several and none was named, or it is gone."""
    if wanted in settings.cameras:
        return settings.camera(wanted)
    if wanted is not None and named:
        raise PermanentError(no_such("camera", wanted, settings.cameras))
    only = list(settings.cameras) if named and len(settings.cameras) == 1 else [_NOBODYS]
    return None if only == [_NOBODYS] else settings.camera(only[0])
