"""`vidsense models list|pull|verify|remove|quantize|measure`: weights of encoders, and what computes them."""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from vidsense_daemon.base.errors import EXIT_FAILED, EXIT_OK
from vidsense_daemon.base.files import make_private
from vidsense_daemon.cli.context import (
    Subparsers,
    add_config_option,
    add_json_option,
    count,
    load_settings,
    open_storage_to_read,
)
from vidsense_daemon.cli.output import say, say_json, say_table
from vidsense_daemon.settings.paths import state_dir

_FRAMES = 200  # calibration takes some seconds for each of a ViT-B/16
_TOKEN_VARIABLE = "HF_TOKEN"  # noqa: S105 - the variable's name, as the hub's own tools have it


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "models", help="the encoder's weights: list, pull, verify, remove, quantize, measure"
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)

    listing = actions.add_parser("list", help="the models on this machine")
    add_json_option(listing)
    listing.set_defaults(run=_list)

    pull = actions.add_parser("pull", help="fetch a model from the Hugging Face hub; goes on where it stopped")
    pull.add_argument("name", help="such as openai/clip-vit-base-patch16")
    pull.set_defaults(run=_pull)

    verify = actions.add_parser("verify", help="compare a model's files with their checksums")
    verify.add_argument("name")
    verify.set_defaults(run=_verify)

    remove = actions.add_parser("remove", help="delete a model's files")
    remove.add_argument("name")
    remove.set_defaults(run=_remove)

    quantize = actions.add_parser(
        "quantize", help="let the configured encoder look in eight bits, calibrated on your cameras' own stills"
    )
    quantize.add_argument("--frames", type=count, default=_FRAMES, help=f"pictures to take (default: {_FRAMES})")
    add_config_option(quantize)
    quantize.set_defaults(run=_quantize)

    measure = actions.add_parser(
        "measure", help="measure again what computes the encoder's pictures fastest, those that have failed included"
    )
    add_config_option(measure)
    measure.set_defaults(run=_measure)


def _folder() -> Path:
    from vidsense_daemon.daemon.storage import models_dir

    return models_dir(state_dir(os.environ))


def _list(args: argparse.Namespace) -> int:
    from vidsense_daemon.perception.models import installed

    models = installed(_folder())
    if args.json:
        say_json([{**asdict(model), "folder": str(model.folder)} for model in models], indent=2)
    elif models:
        rows = [
            (
                model.name,
                f"{model.size_bytes / 1e6:.0f}",
                "yes" if model.complete else "no",
                str(model.folder),
            )
            for model in models
        ]
        say_table(("model", "MB", "complete", "folder"), rows)
    else:
        say(f"no models in {_folder()}; the builtin encoder needs none")
    return EXIT_OK


def _pull(args: argparse.Namespace) -> int:
    from vidsense_daemon.perception.models import pull

    folder = _folder()
    make_private(folder)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def show(file: str, done: int, total: int) -> None:
            if file not in tasks:
                tasks[file] = bars.add_task(file, total=total)
            bars.update(tasks[file], completed=done)

        model = pull(args.name, models_dir=folder, on_progress=show, token=os.environ.get(_TOKEN_VARIABLE))
    say(f"{model.name} is in {model.folder}, {model.size_bytes / 1e6:.0f} MB")
    return EXIT_OK


def _verify(args: argparse.Namespace) -> int:
    from vidsense_daemon.perception.models import verify

    damaged = verify(args.name, models_dir=_folder())
    for file in damaged:
        say(f"damaged or lost: {file}")
    say(f"run `vidsense models pull {args.name}`" if damaged else f"{args.name}: every file is as it was fetched")
    return EXIT_FAILED if damaged else EXIT_OK


def _remove(args: argparse.Namespace) -> int:
    from vidsense_daemon.perception.models import remove

    model = remove(args.name, models_dir=_folder())
    say(f"removed {model.name}, {model.size_bytes / 1e6:.0f} MB")
    return EXIT_OK


def _quantize(args: argparse.Namespace) -> int:
    from vidsense_daemon.daemon.quantizing import quantize_encoder

    settings = load_settings(args).encoder
    storage = open_storage_to_read()
    try:
        card = quantize_encoder(settings, storage, frames=args.frames, say=say)
    finally:
        storage.close()
    say(f"kept: {card.ms_before / card.ms_after:.1f} times as fast; the next start of the daemon measures and takes it")
    return EXIT_OK


def _measure(args: argparse.Namespace) -> int:
    from vidsense_daemon.daemon.quantizing import measure_encoder

    settings = load_settings(args).encoder
    storage = open_storage_to_read()
    try:
        choice = measure_encoder(settings, storage)
    finally:
        storage.close()
    if choice is None:
        say("nothing to choose: PyTorch's float32 computes the pictures")
        return EXIT_OK
    say_table(("runtime", "ms a picture"), [(label, f"{ms:.1f}") for label, ms in choice.ms.items()])
    say(f"the next start of the daemon takes {choice.runtime} {choice.precision}")
    return EXIT_OK
