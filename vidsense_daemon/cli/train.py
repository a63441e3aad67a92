"""`vidsense train bridge|actions`: the builtin encoder's bridge from captions, actions from labelled clips."""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from vidsense_daemon.base import logs
from vidsense_daemon.base.errors import EXIT_OK
from vidsense_daemon.base.redact import Redactor
from vidsense_daemon.cli import lora
from vidsense_daemon.cli.context import (
    Subparsers,
    add_config_option,
    add_json_option,
    count,
    settings_if_any,
)
from vidsense_daemon.cli.output import say, say_json
from vidsense_daemon.settings.paths import state_dir

if TYPE_CHECKING:
    from vidsense_daemon.learning.camera_pairs import CameraClip


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("train", help="train what the perception runs on")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    bridge = actions.add_parser("bridge", help="join the builtin encoder's eye and language, from captioned pictures")
    bridge.add_argument("--images", type=Path, required=True, metavar="FOLDER", help="the pictures")
    bridge.add_argument("--captions", type=Path, required=True, metavar="CSV", help="columns image and caption")
    bridge.add_argument("--out", type=Path, required=True, metavar="FILE", help="the bridge (safetensors)")
    bridge.add_argument(
        "--clips", type=Path, metavar="LABELS.yaml", help="also labelled clips of fixed cameras, one camera a group"
    )
    bridge.add_argument("--epochs", type=count, default=30, help="default: %(default)s")
    bridge.add_argument("--seed", type=count, default=0, help="default: %(default)s")
    bridge.add_argument("--held-out", type=count, default=1000, help="pictures kept to test on (default: %(default)s)")
    add_json_option(bridge)
    bridge.set_defaults(run=_bridge)
    lora.add(actions)
    acts = actions.add_parser("actions", help="learn to see actions (a fight, a fall, …) from your own labelled clips")
    acts.add_argument("labels", type=Path, metavar="LABELS.yaml", help="clips, and when they show which action")
    acts.add_argument("--steps", type=count, default=80, help="of each transformer's training (default: %(default)s)")
    acts.add_argument("--seed", type=count, default=0, help="default: %(default)s")
    add_config_option(acts)
    add_json_option(acts)
    acts.set_defaults(run=_actions)


def _bridge(args: argparse.Namespace) -> int:
    from vidsense_daemon.daemon.storage import cache_dir
    from vidsense_daemon.learning.bridge import train_bridge

    clips = camera_clips(args.clips) if args.clips else ()
    with Console(stderr=True).status("reading the captions") as status:
        report = train_bridge(
            images_dir=args.images,
            captions_csv=args.captions,
            out=args.out,
            cache_dir=cache_dir(state_dir(os.environ)),
            on_progress=lambda what, done, total: status.update(f"{what}: {done} of {total}"),
            clips=clips,
            seed=args.seed,
            epochs=args.epochs,
            held_out=args.held_out,
        )
    if args.json:
        say_json({**asdict(report), "out": str(args.out)}, indent=2)
    else:
        say(f"{args.out}: {report}")
    return EXIT_OK


def camera_clips(file: Path) -> list[CameraClip]:
    """The labelled clips of fixed cameras, one camera a group.

    Raises:
        ConfigError: the file cannot be read or holds mistakes.
    """
    from vidsense_daemon.evaluation.labels import read_labels
    from vidsense_daemon.learning.camera_pairs import CameraClip, Shown

    return [
        CameraClip(
            path=clip.path,
            camera=clip.group,
            shown=tuple(Shown(each.prompt, each.contrast, each.present_s) for each in clip.triggers.values()),
            background=clip.background,
        )
        for clip in read_labels(file).clips
    ]


def _actions(args: argparse.Namespace) -> int:
    from vidsense_daemon.cli.evaluate import encoder_of, labels_for
    from vidsense_daemon.daemon.storage import actions_file, cache_dir
    from vidsense_daemon.evaluation.labels import classed
    from vidsense_daemon.evaluation.training import train_actions
    from vidsense_daemon.learning.clips import ClipReader

    settings = settings_if_any(args)
    logs.configure(json=False, level="error", redactor=Redactor(settings.secrets if settings else ()))
    clips = classed(labels_for(args, settings))
    folder = state_dir(os.environ)
    with Console(stderr=True).status("loading the encoder") as status:
        encoder = encoder_of(settings)
        card = train_actions(
            clips,
            ClipReader(encoder, cache_dir=cache_dir(folder)),
            out=actions_file(folder),
            encoder=encoder.name,
            steps=args.steps,
            seed=args.seed,
            on_progress=lambda what, done, total: status.update(f"{what}: {done} of {total}"),
        )
    if args.json:
        say_json({**card.as_json(), "out": str(actions_file(folder))}, indent=2)
    else:
        say(card.markdown())
        say(f"kept in {actions_file(folder)}; `action: {card.actions[0]}` in a trigger looks for it, after a reload")
    return EXIT_OK
