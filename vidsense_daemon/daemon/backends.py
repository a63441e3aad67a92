"""Settings become stages: one table a port, one row a backend.

To add a backend: its file in the room, its tagged class in settings, its row here, its line in the contract tests, its
heading in docs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

import structlog

from vidsense_daemon.base.errors import ConfigError, PermanentError
from vidsense_daemon.capture.options import StreamOptions
from vidsense_daemon.daemon.pictures import camera_pictures
from vidsense_daemon.daemon.storage import (
    Storage,
    actions_file,
    adapter_dir,
    backup_dir,
    cache_dir,
    models_dir,
    texts_file,
)
from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.domain.ports import Encoder
from vidsense_daemon.learning.lora_files import LoraFolder
from vidsense_daemon.perception.actions import Head, action_head
from vidsense_daemon.perception.encoders import clip
from vidsense_daemon.perception.encoders.builtin import BuiltinEncoder, unsupported_prompt
from vidsense_daemon.perception.encoders.clip import ClipEncoder
from vidsense_daemon.perception.encoders.hub_files import model_folder
from vidsense_daemon.perception.encoders.limits import has_words, reads_as_english
from vidsense_daemon.perception.encoders.locked import LockedEncoder
from vidsense_daemon.perception.encoders.remembered import RememberedTexts
from vidsense_daemon.perception.runtimes.choosing import MeasuredRuntimes
from vidsense_daemon.perception.runtimes.gate import made_up_pictures
from vidsense_daemon.perception.runtimes.notes import Failure
from vidsense_daemon.perception.runtimes.tower import Runtimes, VisionModel
from vidsense_daemon.perception.triggers import DEFAULT_COLD_THRESHOLD, TriggerRule
from vidsense_daemon.perception.xclip import OTHERWISE, VideoHead, VideoModel
from vidsense_daemon.settings.resolved import ResolvedCamera
from vidsense_daemon.settings.schema import (
    ActionsBlock,
    BackupBlock,
    EncoderBlock,
    RetentionBlock,
    Settings,
    Trigger,
)
from vidsense_daemon.store.retention import Retention, Rule

_GB = 1_000_000_000
_COMPARED_PICTURES = 24  # enough to find a runtime that is off, few enough to embed while the daemon starts


def choose_encoder(settings: EncoderBlock, *, state_dir: Path) -> str:
    """Which encoder backend `auto` means on this machine; says so in the log."""
    if settings.backend != "auto":
        return settings.backend
    there = clip.available(settings.model, models_dir=models_dir(state_dir))
    why = f"the weights of {settings.model} are {'here' if there else 'not here'}"
    taken = "clip" if there else "builtin"
    structlog.get_logger().info("encoder_chosen", backend=taken, why=why)
    return taken


def open_encoder(settings: EncoderBlock, *, state_dir: Path, runtimes: Runtimes | None = None) -> tuple[Encoder, str]:
    """The encoder that the settings mean on this machine, loaded, and its backend; takes seconds.

    `auto` goes on with the builtin one where the weights that it would take are damaged: a house is watched less well,
    not left alone. ``runtimes`` decides what computes pictures; PyTorch for who only has sentences.

    Raises:
        ConfigError: its weights are missing or damaged; the message says what to do.
    """
    try:
        backend = choose_encoder(settings, state_dir=state_dir)
        return build_encoder(settings, backend=backend, state_dir=state_dir, runtimes=runtimes), backend
    except ConfigError as error:
        if settings.backend != "auto":
            raise
        structlog.get_logger().error("encoder_unusable", reason=str(error), instead="builtin")
        return build_encoder(settings, backend="builtin", state_dir=state_dir, runtimes=runtimes), "builtin"


def build_encoder(
    settings: EncoderBlock, *, backend: str, state_dir: Path, runtimes: Runtimes | None = None
) -> Encoder:
    """Load an encoder for all who ask it; takes seconds. To be called in the thread that will use it most.

    ``runtimes`` decides what computes pictures; PyTorch for who only has sentences.

    Raises:
        ConfigError: its weights are missing or damaged; the message says what to do.
    """
    bare = bare_encoder(settings, backend=backend, state_dir=state_dir, runtimes=runtimes)
    return LockedEncoder(RememberedTexts(bare, path=texts_file(state_dir)))


def bare_encoder(
    settings: EncoderBlock, *, backend: str, state_dir: Path, runtimes: Runtimes | None = None
) -> BuiltinEncoder | ClipEncoder:
    """The same, for who looks inside it and is alone with it.

    Raises:
        ConfigError: its weights are missing or damaged; the message says what to do.
    """
    threads = threads_of(settings)
    if backend == "builtin":
        return BuiltinEncoder(cache_dir=cache_dir(state_dir), threads=threads, runtimes=runtimes)
    return ClipEncoder(
        settings.model,
        threads=threads,
        models_dir=models_dir(state_dir),
        runtimes=runtimes,
        adapter=LoraFolder(adapter_dir(state_dir, "clip")).live,
    )


def build_runtimes(settings: EncoderBlock, storage: Storage) -> MeasuredRuntimes:
    """What computes the pictures here: chosen by measuring, on stills of the cameras where there are any."""

    def pictures(picture_px: int) -> Sequence[Picture]:
        return camera_pictures(storage, picture_px=picture_px, count=_COMPARED_PICTURES).pictures

    return _runtimes(settings, state_dir=storage.state_dir, pictures=pictures)


def runtimes_left_out(settings: EncoderBlock, model: VisionModel, *, state_dir: Path) -> Mapping[str, Failure]:
    """Those that failed while they computed this model, and are not chosen again as they are."""
    return _runtimes(settings, state_dir=state_dir).left_out(model)


def _runtimes(
    settings: EncoderBlock, *, state_dir: Path, pictures: Callable[[int], Sequence[Picture]] = made_up_pictures
) -> MeasuredRuntimes:
    return MeasuredRuntimes(
        cache_dir=cache_dir(state_dir),
        threads=threads_of(settings),
        runtime=settings.runtime,
        precision=settings.precision,
        pictures=pictures,
    )


def load_encoder(settings: EncoderBlock, *, state_dir: Path) -> Encoder:
    """The same, for who need not know which backend it is."""
    return open_encoder(settings, state_dir=state_dir)[0]


def refused_prompt(prompt: str, *, encoder_backend: str) -> str | None:
    """Why this encoder can't see what a sentence asks for; none when it may."""
    if encoder_backend == "builtin":
        return unsupported_prompt(prompt)
    return None if has_words(prompt) else f'a prompt needs words, and "{prompt}" has none'


def doubted_prompt(prompt: str, encoder: BuiltinEncoder | ClipEncoder) -> str | None:
    """Why this encoder may see something else than a sentence means; none when there is no doubt."""
    if isinstance(encoder, BuiltinEncoder):
        return None  # it refuses what it can't read
    if unread := encoder.tokens_unread(prompt):
        return f"its prompt is too long by {unread} tokens, and what stands at its end is not read"
    if not reads_as_english(prompt):
        return "its prompt is not in English, and most models of this kind read nothing else"
    return None


def refused_triggers(camera: ResolvedCamera, *, encoder_backend: str) -> dict[str, str]:
    """The camera's triggers that ask for what this encoder can't see, and why."""
    reasons = {
        name: refused_prompt(trigger.prompt, encoder_backend=encoder_backend)
        for name, trigger in camera.triggers.items()
        if trigger.action is None
    }
    return {name: reason for name, reason in reasons.items() if reason}


def unseen_actions(camera: ResolvedCamera, settings: ActionsBlock, *, state_dir: Path) -> dict[str, str]:
    """The camera's triggers that ask for an action which nothing here can see, and why."""
    reasons: dict[str, str] = {}
    if video_model_wanted(settings, state_dir=state_dir):
        return reasons
    for name, trigger in camera.triggers.items():
        try:
            if trigger.action is not None:
                action_head(trigger.action, path=actions_file(state_dir), encoder=None)
        except PermanentError as error:
            reasons[name] = str(error)
    return reasons


def labels_seen(labels: Sequence[str], *, encoder_backend: str) -> list[str]:
    """The vocabulary without what this encoder can't see; the log says why."""
    reasons = {label: refused_prompt(label, encoder_backend=encoder_backend) for label in labels}
    for reason in filter(None, reasons.values()):
        structlog.get_logger().warning("label_left_out", reason=reason)
    return [label for label, reason in reasons.items() if reason is None]


def trigger_rules(camera: ResolvedCamera, *, encoder_backend: str) -> list[TriggerRule]:
    """What to look for on a camera. What this encoder can't see is left out, and the log says why."""
    refused = refused_triggers(camera, encoder_backend=encoder_backend)
    for name, reason in refused.items():
        structlog.get_logger().warning("trigger_not_watched", camera=camera.name, trigger=name, reason=reason)
    return [trigger_rule(name, trigger) for name, trigger in camera.triggers.items() if name not in refused]


def trigger_rule(name: str, trigger: Trigger) -> TriggerRule:
    """What to look for, whether an encoder sees it or not."""
    return TriggerRule(
        name=name,
        prompt=trigger.prompt,
        contrast=trigger.contrast,
        severity=trigger.severity,
        cooldown_s=trigger.cooldown_s,
        zones=trigger.zones,
        active=trigger.active,
        threshold=trigger.threshold,
        # a trained action compares nothing with a background picture
        cold_threshold=trigger.threshold if trigger.action else max(trigger.threshold, DEFAULT_COLD_THRESHOLD),
        action=trigger.action or "",
    )


def video_model_wanted(settings: ActionsBlock, *, state_dir: Path) -> bool:
    """Whether actions may be looked for by the pretrained video model here."""
    if settings.backend == "auto":
        return model_folder(settings.model, models_dir=models_dir(state_dir)) is not None
    return settings.backend == "xclip"


def action_heads(settings: ActionsBlock, *, encoder: Encoder, state_dir: Path) -> Callable[[TriggerRule], Head]:
    """What finds the head for a rule's action: a trained one first, else the video model where its weights are.

    The trained file is read anew each time, so a reload takes a new training; the video model is loaded once.
    """
    wanted = video_model_wanted(settings, state_dir=state_dir)
    video = cache(partial(VideoModel, settings.model, models_dir=models_dir(state_dir)))

    def head(rule: TriggerRule) -> Head:
        if settings.backend != "xclip":
            try:
                return action_head(rule.action, path=actions_file(state_dir), encoder=encoder.name)
            except PermanentError:
                if not wanted:
                    raise
        return VideoHead(video(), rule.prompt, rule.contrast or OTHERWISE)

    return head


def build_retention(settings: RetentionBlock, storage: Storage) -> Retention:
    """What keeps the state folder within the operator's bounds."""
    everything = Rule(keep=timedelta(days=settings.keep_days))
    special = (
        Rule(keep=timedelta(days=rule.keep_days), camera=rule.camera, severity=rule.severity, trigger=rule.trigger)
        for rule in settings.rules
    )
    return Retention(
        database=storage.database,
        media=storage.media,
        rules=(everything, *special),
        keep_windows=timedelta(days=settings.keep_windows_days),
        max_media_bytes=None if settings.max_media_gb is None else round(settings.max_media_gb * _GB),
        min_free_bytes=least_free_bytes(settings),
        reserve=storage.reserve,
    )


def least_free_bytes(settings: RetentionBlock) -> int:
    """What is to stay free on the disk."""
    return round(settings.min_free_gb * _GB)


def backup_folder(settings: BackupBlock, state_dir: Path) -> Path:
    """Where the copies of the database lie."""
    return Path(settings.folder) if settings.folder else backup_dir(state_dir)


def stream_options(camera: ResolvedCamera, *, picture_px: int, **overrides: Any) -> StreamOptions:
    """How a camera is watched; ``overrides`` are a replay's."""
    options: Mapping[str, Any] = {
        "url": camera.url,
        "substream_url": camera.substream_url,
        "picture_px": picture_px,
        "transport": camera.transport,
        "calm_fps": camera.sampling.calm_fps,
        "busy_fps": camera.sampling.busy_fps,
        "max_frames_per_s": camera.sampling.max_frames_per_s,
        "motion_threshold_levels": camera.motion.threshold_levels,
        "motion_changed_ratio": camera.motion.changed_ratio,
        "motion_masks": camera.motion.masks,
        "zones": dict(camera.zones),
        "privacy_masks": camera.privacy_masks,
        "clips": camera.has_clips,
        "clip_before_s": camera.clips.before_s,
        "clip_after_s": camera.clips.after_s,
        "clip_max_s": camera.clips.max_s,
        "clips_of_main": camera.clips.stream == "main" and camera.substream_url is not None,
        "stall_limit_s": camera.stall_limit_s,
        "hwaccel": camera.hwaccel,
        "tls_ca_file": camera.tls_ca_file,
        "max_pixels": camera.max_pixels,
        "memory_limit_mb": camera.memory_limit_mb,
        **overrides,
    }
    return StreamOptions(**options)


def threads_of(settings: EncoderBlock) -> int:
    """How many threads the encoder computes with."""
    return settings.threads or default_threads()


def default_threads() -> int:
    """Half of the processors that this process may use: the cameras' decoders and the describer want some too."""
    return max(1, len(os.sched_getaffinity(0)) // 2)


def resolved_cameras(settings: Settings) -> list[ResolvedCamera]:
    """The enabled cameras with all that applies to them."""
    cameras = (settings.camera(name) for name in settings.cameras)
    return [camera for camera in cameras if camera.enabled]
