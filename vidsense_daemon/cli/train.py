"""`vidsense train bridge|lora`: the builtin encoder's bridge from captioned pictures, adapters from verdicts."""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from vidsense_daemon.base.errors import EXIT_OK
from vidsense_daemon.cli import lora
from vidsense_daemon.cli.context import Subparsers, add_json_option
from vidsense_daemon.cli.output import say, say_json
from vidsense_daemon.settings.paths import state_dir


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("train", help="train what the perception runs on")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    bridge = actions.add_parser("bridge", help="join the builtin encoder's eye and language, from captioned pictures")
    bridge.add_argument("--images", type=Path, required=True, metavar="FOLDER", help="the pictures")
    bridge.add_argument("--captions", type=Path, required=True, metavar="CSV", help="columns image and caption")
    bridge.add_argument("--out", type=Path, required=True, metavar="FILE", help="the bridge (safetensors)")
    bridge.add_argument("--epochs", type=int, default=30, help="default: %(default)s")
    bridge.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    bridge.add_argument("--held-out", type=int, default=1000, help="pictures kept for the test (default: %(default)s)")
    add_json_option(bridge)
    bridge.set_defaults(run=_bridge)
    lora.add(actions)


def _bridge(args: argparse.Namespace) -> int:
    from vidsense_daemon.daemon.storage import cache_dir
    from vidsense_daemon.learning.bridge import train_bridge

    with Console(stderr=True).status("reading the captions") as status:
        report = train_bridge(
            images_dir=args.images,
            captions_csv=args.captions,
            out=args.out,
            cache_dir=cache_dir(state_dir(os.environ)),
            on_progress=lambda what, done, total: status.update(f"{what}: {done} of {total}"),
            seed=args.seed,
            epochs=args.epochs,
            held_out=args.held_out,
        )
    if args.json:
        say_json({**asdict(report), "out": str(args.out)}, indent=2)
    else:
        say(f"{args.out}: {report}")
    return EXIT_OK
