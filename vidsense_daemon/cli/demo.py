"""`vidsense demo`: the whole way once, on footage that came with pip or on the user's own, told as it happens."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from vidsense_daemon.base import logs
from vidsense_daemon.base.errors import EXIT_FAILED, EXIT_OK, PermanentError
from vidsense_daemon.base.files import make_private
from vidsense_daemon.base.redact import Redactor, url_credentials
from vidsense_daemon.capture.probe import probe
from vidsense_daemon.cli.context import Subparsers
from vidsense_daemon.cli.events import words_of
from vidsense_daemon.cli.footage import played_once, street_footage
from vidsense_daemon.cli.output import note, say, some
from vidsense_daemon.domain.events import EventRecord
from vidsense_daemon.settings.paths import state_dir
from vidsense_daemon.store.state_folder import database_file

_CAMERA = "demo"
_LOOK_EVERY_S = 0.3
_GLANCE_S = 0.1
# what one meets before a house; `contrast` says what the same picture shows otherwise
_TRIGGERS = {
    "person": {"prompt": "a person walking", "contrast": ["an empty pavement"]},
    "car": {"prompt": "a car driving", "contrast": ["an empty street"]},
    "bicycle": {"prompt": "a person riding a bicycle", "contrast": ["an empty street"]},
    "dog": {"prompt": "a dog", "contrast": ["an empty yard"]},
}


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "demo",
        help="watch real footage for once around and print the events",
        description="Without --source a local RTSP server plays ten seconds of street footage, once.",
    )
    parser.add_argument("--source", metavar="URL|FILE", help="watch this instead; Ctrl-C ends")
    parser.add_argument("--describer", choices=["auto", "builtin", "ollama"], default="auto", help="who writes")
    parser.set_defaults(run=_demo)


def _demo(args: argparse.Namespace) -> int:
    folder = state_dir(os.environ) / "demo"
    # a camera of one's own that does not answer is tried for ever: the warning says why; the demo's own just ends
    logs.configure(json=False, level="warning" if args.source else "error", redactor=Redactor())
    with _source(args.source) as url:
        note(f"watching {url_credentials(url)}" + ("" if args.source else ", real street footage, once around"))
        opened, described = _watch(url, describer=args.describer, folder=folder)
    say()
    say(f"database  {database_file(folder)}")
    say(f"stills    {folder / 'media'}")
    if described:
        say(f"{some(described, 'described event')}; this shows them again:")
        say(f"  VIDSENSE_STATE_DIR={shlex.quote(str(folder))} {shlex.quote(sys.argv[0])} events list")
        say("your own camera is next:")
        say(f"  {shlex.quote(sys.argv[0])} init")
        return EXIT_OK
    if opened:
        note(f"{some(opened, 'event')}, and the demo ended before anything was described")
    else:
        note(f"no event: nothing that the demo looks for ({', '.join(_TRIGGERS)}) was seen")
    return EXIT_FAILED


@contextlib.contextmanager
def _source(given: str | None) -> Iterator[str]:
    """The URL or the path to watch.

    Raises:
        VidsenseError: the footage is not there, or has no picture.
    """
    if given is None:
        with played_once(street_footage()) as url:
            yield url
    elif "://" in given or given.startswith("/dev/"):
        yield given
    elif Path(given).is_file():
        probe(given, measure_s=_GLANCE_S)  # a camera may come back, a file without a picture never gets one
        yield str(Path(given).absolute())
    else:
        raise PermanentError(f"{given} is not a file: nothing was watched")


def _watch(url: str, *, describer: str, folder: Path) -> tuple[int, int]:
    """Run the daemon on ``url`` until its stream ends or Ctrl-C; how many events were opened, how many described."""
    from vidsense_daemon.daemon.live import Daemon
    from vidsense_daemon.daemon.storage import Storage
    from vidsense_daemon.settings.load import parse

    configuration = {
        "cameras": {_CAMERA: {"url": url.replace("{", "{{").replace("}", "}}"), "triggers": list(_TRIGGERS)}},
        "triggers": _TRIGGERS,
        "describer": {"backend": describer},
        "review": {"enabled": False},  # a daemon that runs already has the port
    }
    # JSON is YAML: the demo goes through the same door as an operator's file
    daemon = Daemon(parse(json.dumps(configuration), source="the demo's settings"), state_dir=folder, one_pass=True)
    statuses: list[int] = []
    running = threading.Thread(target=lambda: statuses.append(daemon.run()), name="daemon")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: daemon.ask_to_stop())

    make_private(folder)
    archive = Storage(folder).archive
    bookmark = archive.newest_sequence()
    opened: set[str] = set()
    described: set[str] = set()
    running.start()
    alive = True
    while alive:
        alive = running.is_alive()  # asked before the look, so that the last changes are seen
        for change in archive.newer_than(bookmark):
            bookmark = change.sequence
            if change.kind == "opened":
                opened.add(change.record.event.id)
            elif change.kind == "described":
                described.add(change.record.event.id)
            _tell(change.kind, change.record)
        time.sleep(_LOOK_EVERY_S if alive else 0)
    return len(opened), len(described)


def _tell(kind: str, record: EventRecord) -> None:
    event = record.event
    at = f"{event.started_at.astimezone():%H:%M:%S}"
    if kind == "opened":
        say(f"{at}  {event.trigger}: something like “{event.prompt}” has appeared  [{event.id}]")
    elif kind == "described" and record.description:
        say(f"{at}  {event.trigger}: {words_of(record)}  [{event.id}, by {record.description.backend}]")
