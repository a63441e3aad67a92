"""What no trigger asks for, built from the settings: which cameras are watched for novelty and tampering, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from vidsense_daemon.daemon.storage import cache_dir
from vidsense_daemon.perception.unusual import NoveltyRule, TamperRule, UnusualRules, UnusualWatch
from vidsense_daemon.perception.unusual_file import peaks_kept
from vidsense_daemon.perception.usual import PEAKS_TO_KNOW, known_at
from vidsense_daemon.settings.resolved import ResolvedCamera


def usual_dir(state_dir: Path) -> Path:
    """Where it is kept what is usual before each camera."""
    return cache_dir(state_dir) / "usual"


def unusual_rules(camera: ResolvedCamera) -> UnusualRules:
    """What this camera is watched for."""
    novelty, tamper = camera.novelty, camera.tamper
    return UnusualRules(
        novelty=NoveltyRule(
            per_week=novelty.per_week, severity=novelty.severity, busy_every_s=1 / camera.sampling.busy_fps
        )
        if novelty.enabled
        else None,
        tamper=TamperRule(severity=tamper.severity, after_s=tamper.after_s, frozen_after_s=tamper.frozen_after_s)
        if tamper.enabled
        else None,
    )


def learning_until(state_dir: Path, camera: str, now: datetime) -> datetime | None:
    """Until when a camera learns what is usual, if it is watched from now on without a pause; none when it knows."""
    known = peaks_kept(usual_dir(state_dir) / f"{camera}.safetensors")
    return known_at(known, now) if known < PEAKS_TO_KNOW else None


def build_unusual(
    cameras: Iterable[ResolvedCamera], *, encoder: str, state_dir: Path, is_enabled: Callable[[str, str], bool]
) -> UnusualWatch:
    """For live cameras only: a recording is too short to tell what is usual."""
    return UnusualWatch(
        {camera.name: unusual_rules(camera) for camera in cameras},
        encoder=encoder,
        folder=usual_dir(state_dir),
        is_enabled=is_enabled,
    )
