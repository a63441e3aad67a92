"""`vidsense describer check|pull`: what the configured model can do here, and how it gets here."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn

from vidsense_daemon.base.errors import EXIT_OK, ConfigError
from vidsense_daemon.cli.context import Subparsers, add_config_option, add_json_option, load_settings
from vidsense_daemon.cli.output import say, say_json

if TYPE_CHECKING:
    from vidsense_daemon.description.checkup import Checkup


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("describer", help="the model that writes the words: check, pull")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)

    check = actions.add_parser("check", help="let the model describe a drawn event: tokens, seconds, memory, advice")
    add_config_option(check)
    add_json_option(check)
    check.set_defaults(run=_check)

    pull = actions.add_parser("pull", help="let Ollama fetch the configured model")
    add_config_option(pull)
    pull.set_defaults(run=_pull)


def _check(args: argparse.Namespace) -> int:
    from vidsense_daemon.daemon.describing import build_server
    from vidsense_daemon.description.checkup import check

    settings = load_settings(args).describer
    server = build_server(settings)
    if server is None:
        say("the builtin describer needs no model: it writes a plain sentence from the event's own scores")
        return EXIT_OK
    with Console(stderr=True).status(f"{server.model} looks at a drawn event; this may take minutes"):
        checkup = check(server, timeout_s=settings.timeout_s)
    if args.json:
        say_json(asdict(checkup), indent=2)
    else:
        for line in _lines(checkup):
            say(line)
    return EXIT_OK


def _pull(args: argparse.Namespace) -> int:
    from vidsense_daemon.daemon.describing import build_server
    from vidsense_daemon.description.describers.ollama import Ollama

    settings = load_settings(args).describer
    server = build_server(settings)
    if not isinstance(server, Ollama):
        raise ConfigError(f"describer.backend is {settings.backend}: only Ollama's models can be pulled from here")
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}
        for step in server.pull():
            if step.status not in tasks:
                tasks[step.status] = bars.add_task(step.status, total=step.total_bytes)
            bars.update(tasks[step.status], completed=step.completed_bytes, total=step.total_bytes)
    say(f"{server.model} is there; `vidsense describer check` tries it")
    return EXIT_OK


def _lines(checkup: Checkup) -> Iterator[str]:
    yield f"{checkup.backend} {checkup.model}"
    yield f"  family    {checkup.family}: {checkup.layout}, {checkup.frames} frames, context {checkup.num_ctx}"
    yield f"  tokens    {checkup.prompt_tokens} in all, {checkup.picture_tokens} of them for the pictures"
    further = "" if checkup.further_s is None else f", one more question {checkup.further_s:.1f} s"
    yield f"  seconds   load {checkup.load_s:.1f} s, first answer {checkup.first_s:.1f} s{further}"
    if checkup.memory is not None:
        in_all, on_gpu = checkup.memory.size_bytes / 1e9, checkup.memory.on_gpu_bytes / 1e9
        yield f"  memory    {in_all:.1f} GB, {on_gpu:.1f} GB of it on the graphics card"
    yield f"  form      {'holds the structured form' if checkup.structured else 'does not hold the structured form'}"
    yield f"  it said   {checkup.summary}"
    for advice in checkup.advice:
        yield f"  note      {advice}"
