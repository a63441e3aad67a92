"""`vidsense triggers feedback`: what a trigger has learned from verdicts, and the switch that rolls it back."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from vidsense_daemon.base.errors import EXIT_OK, PermanentError
from vidsense_daemon.cli.context import (
    Subparsers,
    add_config_option,
    add_json_option,
    check_camera,
    load_settings,
    open_storage_to_read,
)
from vidsense_daemon.cli.output import say_json, say_table
from vidsense_daemon.settings.mistakes import no_such

if TYPE_CHECKING:
    from vidsense_daemon.daemon.teaching import Learned


def add(actions: Subparsers) -> None:
    """The action `feedback` among those of `vidsense triggers`."""
    parser = actions.add_parser("feedback", help="what was learned from verdicts: false events spared, true ones lost")
    parser.add_argument("name", nargs="?", help="a trigger of the configuration (default: all)")
    parser.add_argument("--camera", help="on this camera only")
    switch = parser.add_mutually_exclusive_group()
    switch.add_argument("--off", action="store_true", help="what was learned does not count any more; nothing is lost")
    switch.add_argument("--on", action="store_true", help="it counts again, where it is worth it")
    add_config_option(parser)
    add_json_option(parser)
    parser.set_defaults(run=_feedback)


def _feedback(args: argparse.Namespace) -> int:
    from vidsense_daemon.daemon.backends import resolved_cameras
    from vidsense_daemon.daemon.teaching import last_encoder, learned_of
    from vidsense_daemon.store.feedback import FeedbackStore

    settings = load_settings(args)
    if args.camera is not None:
        check_camera(settings, args.camera)
    if args.name is not None and args.name not in settings.triggers:
        raise PermanentError(no_such("trigger", args.name, settings.triggers))
    cameras = [camera for camera in resolved_cameras(settings) if args.camera in (None, camera.name)]
    watched = [(camera.name, name) for camera in cameras for name in camera.triggers if args.name in (None, name)]
    if not watched:
        wanted = " ".join(part for part in (args.name, args.camera and f"on {args.camera}") if part)
        raise PermanentError(f"no camera that is watched has the trigger {wanted}: see `vidsense triggers list`")
    storage = open_storage_to_read()
    feedback = FeedbackStore(storage.database, given_by="cli")
    if args.off or args.on:
        for camera, trigger in watched:
            feedback.switch(camera, trigger, on=args.on, now=datetime.now(UTC))
    learned = [
        one
        for one in learned_of(feedback, cameras, encoder=last_encoder(storage, feedback))
        if (one.camera, one.trigger) in watched
    ]
    if args.json:
        say_json([_json(one) for one in learned], indent=2)
    else:
        headings = ("trigger", "camera", "good", "bad", "spared", "lost", "state", "why")
        say_table(headings, (_row(one) for one in learned))
    return EXIT_OK


def _row(one: Learned) -> tuple[str, ...]:
    trial = one.trial
    left_out = f"; {one.elsewhere} on another sentence or encoder left out" if one.elsewhere else ""
    counts = (trial.good, trial.bad, trial.spared, trial.lost)
    return (one.trigger, one.camera, *map(str, counts), one.state, trial.reason + left_out)


def _json(one: Learned) -> dict[str, Any]:
    trial = one.trial
    return {
        "trigger": one.trigger,
        "camera": one.camera,
        "severity": one.severity.value,
        "good": trial.good,
        "bad": trial.bad,
        "occasions": trial.occasions,
        "spared": trial.spared,
        "lost": trial.lost,
        "left_out": one.elsewhere,
        "live": one.head is not None,
        "state": one.state,
        "reason": trial.reason,
    }
