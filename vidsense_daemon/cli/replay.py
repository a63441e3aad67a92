"""`vidsense replay FILE…`: recorded footage through the same pipeline, one JSON object per event on standard output."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.status import Status

from vidsense_daemon.base import logs
from vidsense_daemon.base.errors import EXIT_OK, PermanentError
from vidsense_daemon.base.redact import Redactor
from vidsense_daemon.cli.context import (
    Subparsers,
    add_config_option,
    check_camera,
    load_settings,
    moment,
)
from vidsense_daemon.cli.event_json import event_json
from vidsense_daemon.cli.output import note, say_json, some
from vidsense_daemon.settings.paths import state_dir

if TYPE_CHECKING:
    from vidsense_daemon.daemon.replay import Progress
    from vidsense_daemon.settings.schema import Settings


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "replay",
        help="send recorded files through the pipeline, as if a camera saw them now",
        description="Prints one JSON object per event. Events are stored, marked as replayed; hooks are not called.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a video file")
    parser.add_argument("--camera", metavar="NAME", help="whose triggers and masks (default: the only camera)")
    parser.add_argument(
        "--started-at",
        type=moment,
        metavar="WHEN",
        help="when the first file begins (default: now)",
    )
    add_config_option(parser)
    parser.set_defaults(run=_replay)


def _replay(args: argparse.Namespace) -> int:
    settings = load_settings(args)
    camera = _camera(settings, args.camera)
    for file in args.files:
        if not file.is_file():
            raise PermanentError(f"{file} is not a file: nothing was replayed")
    logs.configure(json=not sys.stderr.isatty(), level="warning", redactor=Redactor(settings.secrets))
    from vidsense_daemon.daemon.replay import Replay
    from vidsense_daemon.daemon.storage import Storage

    # several files lie an hour apart: begun so long ago, the last one begins now and nothing lies in the future
    started_at = args.started_at or datetime.now(UTC) - timedelta(hours=len(args.files) - 1)
    with Console(stderr=True).status("loading the encoder") as status:
        storage = Storage(state_dir(os.environ))
        try:
            replay = Replay(settings, camera=camera, storage=storage, on_progress=_show_in(status))
            count = 0
            for file, record in replay.events(args.files, started_at=started_at):
                say_json({"file": str(file.resolve()), **event_json(record)})
                count += 1
        finally:
            storage.close()
    note(some(count, "event"))
    return EXIT_OK


def _camera(settings: Settings, wanted: str | None) -> str:
    if wanted is None and len(settings.cameras) > 1:
        names = ", ".join(settings.cameras)
        raise PermanentError(f"several cameras are configured: choose one with --camera ({names})")
    if wanted is not None:
        check_camera(settings, wanted)
    return wanted or next(iter(settings.cameras))


def _show_in(status: Status) -> Callable[[Progress], None]:
    """The replay's progress in one line of a terminal; nothing elsewhere."""
    return lambda progress: status.update(f"{progress.file.name}: {progress.pts_s:.0f} s, {progress.events} events")
