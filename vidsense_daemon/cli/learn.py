"""`vidsense learn [list|rollback|forget]`: train cameras on their own days now, and see or undo what they learned."""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console

from vidsense_daemon.base import logs
from vidsense_daemon.base.clock import from_ms
from vidsense_daemon.base.errors import EXIT_OK, PermanentError
from vidsense_daemon.base.redact import Redactor
from vidsense_daemon.cli.context import (
    Subparsers,
    add_config_option,
    add_json_option,
    check_camera,
    count,
    load_settings,
    moment,
)
from vidsense_daemon.cli.output import say, say_json, say_table
from vidsense_daemon.settings.blocks import NAME_PATTERN
from vidsense_daemon.settings.paths import state_dir

if TYPE_CHECKING:
    from vidsense_daemon.learning.night import CameraTraining, Outcome
    from vidsense_daemon.settings.schema import Settings

_STEPS = 400


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("learn", help="let cameras learn from their own days what usually comes next")
    parser.add_argument("--camera", metavar="NAME", help="which camera (default: all)")
    parser.add_argument("--since", type=moment, metavar="WHEN", help="only what was seen since then, such as 7d")
    parser.add_argument("--steps", type=count, default=_STEPS, help="of training (default: %(default)s)")
    parser.add_argument(
        "--minutes", type=count, metavar="N", help="at most so long for each camera (default: no limit)"
    )
    parser.add_argument("--seed", type=count, default=0, help="default: %(default)s")
    add_config_option(parser)
    add_json_option(parser)
    parser.set_defaults(run=_learn)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")

    listing = actions.add_parser("list", help="what each camera has learned, and which model is live")
    _add_shared_options(listing)
    listing.set_defaults(run=_list)

    rollback = actions.add_parser("rollback", help="make the model live that was live before")
    _add_shared_options(rollback)
    rollback.set_defaults(run=_rollback)

    forget = actions.add_parser("forget", help="delete what was kept of a camera, and what it learned from it")
    _add_shared_options(forget)
    forget.set_defaults(run=_forget)


def _add_shared_options(parser: argparse.ArgumentParser) -> None:
    """The same options may stand before the action: a default here would overwrite them."""
    parser.add_argument("--camera", metavar="NAME", default=argparse.SUPPRESS, help="which camera")
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON for programs")


def _log_to_standard_error() -> None:
    """What a training logs is in its table; a refused file is not."""
    logs.configure(json=not sys.stderr.isatty(), level="warning", redactor=Redactor())


def _learn(args: argparse.Namespace) -> int:
    _log_to_standard_error()
    settings = load_settings(args)
    cameras = _wanted(settings, args.camera)
    outcomes = [_train(args, settings, camera) for camera in cameras]
    if args.json:
        say_json([asdict(outcome) for outcome in outcomes], indent=2)
    for outcome in () if args.json else outcomes:
        _show(outcome)
    return EXIT_OK


def _train(args: argparse.Namespace, settings: Settings, camera: str) -> Outcome:
    from vidsense_daemon.daemon.learning import model_registry

    ends_mono_s = time.monotonic() + args.minutes * 60 if args.minutes else float("inf")
    with Console(stderr=True).status(f"{camera}: reading") as status, model_registry(state_dir(os.environ)).locked():
        return _training(args, settings).train(
            camera,
            now=datetime.now(UTC),
            since=args.since,
            is_over=lambda: time.monotonic() > ends_mono_s,
            on_progress=lambda step, steps, ratio: status.update(
                f"{camera}: step {step} of {steps}, {ratio:.3f} of ridge-ar's error"
            ),
        )


def _training(args: argparse.Namespace, settings: Settings) -> CameraTraining:
    from vidsense_daemon.cli.context import open_storage_to_read
    from vidsense_daemon.daemon.backends import default_threads
    from vidsense_daemon.daemon.learning import JudgedEvents, experience_folder, model_registry
    from vidsense_daemon.learning.foretelling import Sizes
    from vidsense_daemon.learning.night import CameraTraining
    from vidsense_daemon.store.feedback import FeedbackStore

    folder = state_dir(os.environ)
    return CameraTraining(
        experience=experience_folder(folder, settings.learning),
        registry=model_registry(folder),
        judged=JudgedEvents(FeedbackStore(open_storage_to_read().database, given_by="cli")),
        sizes=Sizes(steps=args.steps),
        seed=args.seed,
        threads=default_threads(),
    )


def _show(outcome: Outcome) -> None:
    if outcome.note:
        say(f"{outcome.camera}: {outcome.note}")
    if outcome.rows:
        say(f"{outcome.camera}: prediction error on what was held out, the newest clips")
        rows = [(row.model, f"{row.error:.5f}", f"{row.ratio:.3f}", row.feedback, row.verdict) for row in outcome.rows]
        say_table(("model", "error", "of persistence", "feedback", "verdict"), rows)
        say(f"live: {outcome.live or 'persistence'}")


def _list(args: argparse.Namespace) -> int:
    from vidsense_daemon.daemon.learning import model_registry

    _log_to_standard_error()
    registry = model_registry(state_dir(os.environ))
    cameras = [_named(args, "list")] if args.camera else registry.cameras()
    kept = [each for camera in cameras for each in registry.kept(camera)]
    if args.json:
        say_json([{**asdict(each.card), "state": each.state} for each in kept], indent=2)
    elif kept:
        rows = [
            (
                each.card.camera,
                each.card.id,
                each.state,
                f"{from_ms(each.card.trained_at_ms).astimezone():%Y-%m-%d %H:%M}",
                str(each.card.clips),
                f"{each.card.error / each.card.persistence_error:.3f}" if each.card.persistence_error else "",
                each.card.verdict,
            )
            for each in kept
        ]
        say_table(("camera", "model", "state", "trained", "clips", "of persistence", "verdict"), rows)
    else:
        say("nothing has been learned yet: every camera runs on persistence")
    return EXIT_OK


def _rollback(args: argparse.Namespace) -> int:
    from vidsense_daemon.daemon.learning import model_registry

    camera = _named(args, "rollback")
    registry = model_registry(state_dir(os.environ))
    with registry.locked():
        kept = registry.rollback(camera)
    say(f"{camera}: {kept.card.id} is live again; a running daemon takes it up within seconds")
    return EXIT_OK


def _forget(args: argparse.Namespace) -> int:
    from vidsense_daemon.daemon.learning import experience_folder, model_registry
    from vidsense_daemon.settings.learning import LearningBlock

    camera = _named(args, "forget")
    folder = state_dir(os.environ)
    registry = model_registry(folder)
    with registry.locked():
        clips = experience_folder(folder, LearningBlock()).forget(camera)
        models = registry.forget(camera)
    say(f"{camera}: deleted {clips} clips and {models} models")
    return EXIT_OK


def _named(args: argparse.Namespace, action: str) -> str:
    """The camera that was asked for; it need not be configured any more."""
    if not args.camera:
        raise PermanentError(f"which camera? write `vidsense learn {action} --camera NAME`")
    camera: str = args.camera
    if not re.fullmatch(NAME_PATTERN, camera):  # it names a folder
        raise PermanentError(f"{camera!r} can't be a camera's name: those are lower-case letters, digits and _")
    return camera


def _wanted(settings: Settings, camera: str | None) -> Sequence[str]:
    if camera is None:
        return tuple(settings.cameras)
    check_camera(settings, camera)
    return (camera,)
