"""The nightly training: `python -m vidsense_daemon.daemon.nightly`, a child of the daemon that nobody else calls.

Nice, on one thread, and with a limit to the processor time it may take: a home server has other work. The camera that
was trained longest ago comes first, and each gets its part of what is left, so that in the end all have their turn.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import structlog

from vidsense_daemon.base import logs
from vidsense_daemon.base.errors import EXIT_FAILED, EXIT_OK, PermanentError, StoreError
from vidsense_daemon.base.redact import Redactor
from vidsense_daemon.daemon.learning import JudgedEvents, experience_folder, model_registry
from vidsense_daemon.daemon.storage import Storage
from vidsense_daemon.learning.night import CameraTraining
from vidsense_daemon.learning.registry import ModelRegistry
from vidsense_daemon.settings.learning import LearningBlock
from vidsense_daemon.store.feedback import FeedbackStore

_GRACE_S = 60  # processor seconds beyond its minutes: importing, judging, writing
_NICEST = 19


def main(argv: Sequence[str] | None = None) -> int:
    """Train the cameras in turn; the exit status."""
    args = _parser().parse_args(argv)
    os.nice(_NICEST)
    limit_s = args.minutes * 60 + _GRACE_S
    resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s))
    logs.configure(json=True, redactor=Redactor())
    block = LearningBlock(keep_mb=args.keep_mb, keep_days=args.keep_days)
    registry = model_registry(args.state_dir)
    try:
        with registry.locked(), closing(Storage(args.state_dir, may_upgrade=False)) as storage:
            training = CameraTraining(
                experience=experience_folder(args.state_dir, block),
                registry=registry,
                judged=JudgedEvents(FeedbackStore(storage.database, given_by="cli")),
            )
            train_in_turn(training, _longest_ago_first(registry, args.cameras), budget_s=args.minutes * 60)
    except (PermanentError, StoreError) as error:
        structlog.get_logger().error("learning_failed", reason=str(error))
        return EXIT_FAILED
    return EXIT_OK


def train_in_turn(training: CameraTraining, cameras: Sequence[str], *, budget_s: float) -> None:
    """Each camera gets an equal part of what the ones before it have left of the budget."""
    ends_mono_s = time.monotonic() + budget_s
    for index, camera in enumerate(cameras):
        now_mono_s = time.monotonic()
        part_ends_mono_s = now_mono_s + (ends_mono_s - now_mono_s) / (len(cameras) - index)
        training.train(camera, now=datetime.now(UTC), is_over=_after(part_ends_mono_s))


def _after(mono_s: float) -> Callable[[], bool]:
    return lambda: time.monotonic() > mono_s


def _longest_ago_first(registry: ModelRegistry, cameras: Sequence[str]) -> list[str]:
    return sorted(
        cameras, key=lambda camera: max((kept.card.trained_at_ms for kept in registry.kept(camera)), default=0)
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cameras", nargs="+")
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--minutes", type=int, required=True)
    parser.add_argument("--keep-mb", type=int, required=True)
    parser.add_argument("--keep-days", type=float, required=True)
    return parser


if __name__ == "__main__":
    sys.exit(main())
