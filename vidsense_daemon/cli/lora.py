"""`vidsense train lora`: fit the perception to the owner's verdicts, on probation until it is the better one."""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.console import Console

from vidsense_daemon.base.errors import EXIT_OK
from vidsense_daemon.cli.context import (
    Subparsers,
    add_config_option,
    add_json_option,
    count,
    load_settings,
    open_storage_to_read,
)
from vidsense_daemon.cli.output import say, say_json
from vidsense_daemon.settings.paths import state_dir

if TYPE_CHECKING:
    from vidsense_daemon.learning.lora_report import HeldOut, LoraReport


def add(actions: Subparsers) -> None:
    """The action `lora` among those of `vidsense train`."""
    parser = actions.add_parser("lora", help="adapt the perception to your verdicts (LoRA); needs 50 of them")
    parser.add_argument(
        "--part", choices=["temporal", "clip"], default="temporal", help="what is adapted (default: %(default)s)"
    )
    parser.add_argument("--rollback", action="store_true", help="run what was live before this one, or no adapter")
    parser.add_argument("--seed", type=count, default=0, help="default: %(default)s")
    add_config_option(parser)
    add_json_option(parser)
    parser.set_defaults(run=_lora)


def _lora(args: argparse.Namespace) -> int:
    from vidsense_daemon.daemon.adapting import adapter_folder, train_lora

    if args.rollback:
        runs = adapter_folder(state_dir(os.environ), args.part).roll_back()
        say(f"from the daemon's next start on runs {runs}")
        return EXIT_OK
    settings, storage = load_settings(args), open_storage_to_read()
    with Console(stderr=True).status("loading the encoder, then training"):
        report = train_lora(settings, storage, part=args.part, seed=args.seed)
    if args.json:
        say_json(asdict(report), indent=2)
    else:
        _say(report)
    return EXIT_OK


def _say(report: LoraReport) -> None:
    share = report.parameters_trained / (report.parameters_trained + report.parameters_frozen)
    say(f"trained    {report.parameters_trained} parameters ({100 * share:.1f} %), {report.parameters_frozen} frozen")
    say(f"adapter    {report.size_bytes / 1e6:.2f} MB, rank {report.rank}, in {report.duration_s:.0f} s")
    say(f"events     {report.events_trained} of {report.days_trained} days")
    say(f"held out   {report.after.events} of {report.days_held_out} days")
    say(f"before     {_measured(report.before)}")
    say(f"after      {_measured(report.after)}")
    say(f"{'live from the next start on' if report.promoted else 'not live'}: {report.reason}")


def _measured(held_out: HeldOut) -> str:
    return (
        f"AUC {held_out.auc:.2f} [{held_out.auc_low:.2f} to {held_out.auc_high:.2f}] of {held_out.good} good and "
        f"{held_out.bad} bad, loss {held_out.loss:.3f}"
    )
