"""`vidsense evaluate`: how good are the triggers and the trained actions, on the owner's clips and on public sets?

Each part is measured for itself: one that cannot be is told on standard error, the others are still printed, and the
exit status is then 78.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from vidsense_daemon.base import logs
from vidsense_daemon.base.errors import EXIT_CONFIG, EXIT_OK, EXIT_USAGE, ConfigError
from vidsense_daemon.base.redact import Redactor
from vidsense_daemon.cli.context import (
    Subparsers,
    add_config_option,
    add_json_option,
    count,
    settings_if_any,
)
from vidsense_daemon.cli.output import note, say, say_json, say_table
from vidsense_daemon.settings.paths import state_dir

if TYPE_CHECKING:
    from vidsense_daemon.domain.ports import Encoder
    from vidsense_daemon.evaluation.labels import Labels
    from vidsense_daemon.evaluation.report import Table
    from vidsense_daemon.settings.schema import Settings

    Progress = Callable[[str, int, int], None]
    Part = Callable[[], list[Table]]

_SETS = ("ped2", "fights", "ucf101")


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("evaluate", help="measure triggers and actions on labelled clips, beside baselines")
    parser.add_argument("labels", type=Path, nargs="?", metavar="LABELS.yaml", help="your own clips and what they show")
    parser.add_argument(
        "--set",
        nargs=2,
        action="append",
        default=[],
        dest="sets",
        metavar=("KIND", "FOLDER"),
        help=f"a public set on this machine: {', '.join(_SETS)}; may be given several times",
    )
    parser.add_argument("--seed", type=count, default=0, help="of folds, training and intervals (default: %(default)s)")
    add_config_option(parser)
    add_json_option(parser)
    parser.set_defaults(run=_evaluate)


def _evaluate(args: argparse.Namespace) -> int:
    unknown = [kind for kind, _ in args.sets if kind not in _SETS]
    if unknown or (args.labels is None and not args.sets):
        wanted = f"there is no set {unknown[0]!r}" if unknown else "name a LABELS.yaml, or a set"
        note(f"vidsense evaluate: {wanted}; sets are {', '.join(_SETS)}: --set fights FOLDER")
        return EXIT_USAGE
    settings = settings_if_any(args)
    logs.configure(json=False, level="error", redactor=Redactor(settings.secrets if settings else ()))
    labels = labels_for(args, settings) if args.labels is not None else None
    with Console(stderr=True).status("loading the encoder") as status:

        def show(what: str, done: int, total: int) -> None:
            status.update(f"{what}: {done} of {total}")

        tables, failures = _measured(_parts(args, labels, cache(partial(encoder_of, settings)), show))
    if args.json:
        say_json([table.as_json() for table in tables], indent=2)
    else:
        for table in tables:
            _print(table)
    for failure in failures:
        note(f"vidsense: {failure}")
    return EXIT_CONFIG if failures else EXIT_OK


def encoder_of(settings: Settings | None) -> Encoder:
    """The encoder that the daemon would take."""
    from vidsense_daemon.daemon.backends import load_encoder
    from vidsense_daemon.settings.schema import EncoderBlock

    return load_encoder(settings.encoder if settings else EncoderBlock(), state_dir=state_dir(os.environ))


def labels_for(args: argparse.Namespace, settings: Settings | None) -> Labels:
    """What the command's LABELS.yaml says; what it leaves open is noted."""
    from vidsense_daemon.evaluation.labels import read_labels

    known = {name: (each.prompt, each.contrast) for name, each in settings.triggers.items()} if settings else {}
    labels = read_labels(args.labels, triggers=known)
    for line in labels.notes:
        note(f"{args.labels}: {line}")
    return labels


def _parts(
    args: argparse.Namespace, read: Labels | None, encoder: Callable[[], Encoder], show: Progress
) -> Iterator[Part]:
    """What there is to measure, each as a function that does it; the encoder is loaded once a folder is as expected."""
    from vidsense_daemon.daemon.storage import cache_dir
    from vidsense_daemon.evaluation import acting, labels, novelty, sets, triggering
    from vidsense_daemon.learning.clips import ClipReader

    folder_of_cache, seed = cache_dir(state_dir(os.environ)), args.seed

    def reader(**more: Any) -> ClipReader:
        return ClipReader(encoder(), cache_dir=folder_of_cache, **more)

    def of_set(kind: str, folder: Path) -> list[Table]:
        if kind == "ped2":
            videos = sets.ped2(folder)
            native = reader(fps=sets.PED2_FPS, folder_fps=sets.PED2_FPS, with_tiles=True)
            return [novelty.evaluate(videos, native, encoder=encoder().name, seed=seed, on_progress=show)]
        clips = sets.CLASSED[kind](folder)
        return [acting.evaluate(clips, reader(), seed=seed, on_progress=show)]

    if read is not None:
        if any(clip.triggers for clip in read.clips):
            yield lambda: triggering.evaluate(read.clips, encoder(), seed=seed, on_progress=show)
        if read.actions:
            yield lambda: [acting.evaluate(labels.classed(read), reader(), seed=seed, on_progress=show)]
    for kind, folder in args.sets:
        yield partial(of_set, kind, Path(folder))


def _measured(parts: Iterator[Part]) -> tuple[list[Table], list[str]]:
    tables: list[Table] = []
    failures: list[str] = []
    for part in parts:
        try:
            tables += part()
        except ConfigError as error:
            failures.append(str(error))
    return tables, failures


def _print(table: Table) -> None:
    say(table.title)
    say_table(("method", *table.columns, "against the best baseline"), table.cells())
    for line in filter(None, (table.summary, *table.notes)):
        say(f"  {line}")
    say()
