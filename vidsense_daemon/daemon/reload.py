"""What a changed configuration means for a daemon that runs: which streams go on, which begin anew, what must wait.

    SIGHUP ─► the file is read and checked ─► a mistake in it: refused, everything goes on as it was
                                           └► `plan` ─► only what changed is stopped and started (daemon.live)

`plan` is pure, and `vidsense config diff` shows it before anybody reloads. What only a start can apply (the encoder,
whose embeddings everything is compared with) is named and left as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vidsense_daemon.base.files import replace_file
from vidsense_daemon.base.redact import Redactor
from vidsense_daemon.daemon.backends import resolved_cameras
from vidsense_daemon.settings.alarms import Novelty, Tamper
from vidsense_daemon.settings.cameras import Stream
from vidsense_daemon.settings.hooks import MqttHook
from vidsense_daemon.settings.resolved import ResolvedCamera
from vidsense_daemon.settings.schema import Settings
from vidsense_daemon.settings.secrecy import shown

# reach the stages through the cameras that they apply to
_OF_CAMERAS = {"cameras", "triggers", "sampling", "motion", "clips", "novelty", "tamper", *Stream.model_fields}
_STAGES = {
    "hooks": "hooks",
    "describer": "describer",
    "retention": "schedule",
    "backup": "schedule",
    "digest": "schedule",
    "learning": "schedule",
    "review": "review",
    "triggers": "review",  # its pages show them
    "cameras": "review",
}
_BEGINS_ANEW = {
    "hooks": "the hooks begin anew",
    "describer": "the describer begins anew",
    "schedule": "retention, backup and learning follow the new rules",
    "review": "the review pages begin anew",
}
_APPLIED = "applied.yaml"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done; all of it empty when nothing changed."""

    started: tuple[str, ...] = ()  # cameras
    stopped: tuple[str, ...] = ()
    restarted: tuple[str, ...] = ()  # their streams are to be read in another way
    retriggered: tuple[str, ...] = ()  # their streams go on; what is looked for changes
    stages: frozenset[str] = frozenset()  # hooks, describer, schedule, review
    waiting: tuple[str, ...] = ()  # keys that only a start of the daemon applies

    def lines(self) -> Iterator[str]:
        """The plan in words, a line each."""
        yield from (f"camera {name} is added" for name in self.started)
        yield from (f"camera {name} is no longer watched" for name in self.stopped)
        yield from (f"the stream of {name} is opened anew" for name in self.restarted)
        yield from (f"{name} looks for something else, its stream goes on" for name in self.retriggered)
        yield from (_BEGINS_ANEW[stage] for stage in sorted(self.stages))
        yield from (f"{key}: only a restart applies it" for key in self.waiting)


@dataclass(frozen=True, slots=True)
class Difference:
    """One key that differs; the values are as they may be shown, none where the key is missing."""

    key: str
    before: Any
    after: Any


def plan(before: Settings, after: Settings) -> Plan:
    """What it takes to come from one configuration to the other. Pure."""
    old = {camera.name: camera for camera in resolved_cameras(before)}
    new = {camera.name: camera for camera in resolved_cameras(after)}
    both = [name for name in new if name in old]
    restarted = tuple(name for name in both if _stream(old[name]) != _stream(new[name]))
    retriggered = tuple(name for name in both if _sought(old[name]) != _sought(new[name]) and name not in restarted)
    changed = [key for key in Settings.model_fields if getattr(before, key) != getattr(after, key)]
    stages = {_STAGES[key] for key in changed if key in _STAGES}
    if not before.review.enabled and not after.review.enabled:
        stages.discard("review")
    if _queries(old.values()) != _queries(new.values()):
        stages.add("describer")
    if _watched(old.values()) != _watched(new.values()) and any(isinstance(hook, MqttHook) for hook in after.hooks):
        stages.add("hooks")  # Home Assistant has an entity for each camera, trigger and alarm
    return Plan(
        started=tuple(name for name in new if name not in old),
        stopped=tuple(name for name in old if name not in new),
        restarted=restarted,
        retriggered=retriggered,
        stages=frozenset(stages),
        waiting=tuple(key for key in changed if key not in _STAGES and key not in _OF_CAMERAS),
    )


def _stream(camera: ResolvedCamera) -> ResolvedCamera:
    """What concerns the camera's stream, and nothing of what is looked for in it."""
    return replace(camera, triggers={}, queries=(), novelty=Novelty(), tamper=Tamper())


def _sought(camera: ResolvedCamera) -> tuple[object, ...]:
    """What makes events of the camera."""
    return camera.triggers, camera.novelty, camera.tamper


def _queries(cameras: Iterable[ResolvedCamera]) -> dict[str, tuple[str, ...]]:
    return {camera.name: camera.queries for camera in cameras if camera.queries}


def _watched(cameras: Iterable[ResolvedCamera]) -> dict[str, tuple[str, ...]]:
    return {camera.name: camera.watched_for for camera in cameras}


def differences(before: Settings, after: Settings) -> list[Difference]:
    """Every key that differs, in the order of the file; a changed secret shows as such, its values do not."""
    redactor = Redactor((*before.secrets, *after.secrets))
    old, new = _flat(before.model_dump(mode="json")), _flat(after.model_dump(mode="json"))
    old_shown, new_shown = (_flat(shown(settings, redactor=redactor)) for settings in (before, after))
    return [
        Difference(key, old_shown.get(key), new_shown.get(key))
        for key in dict.fromkeys([*old, *new])
        if old.get(key) != new.get(key)
    ]


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    """`{"hooks[0].url": …}`: the leaves by the names that the docs use."""
    if isinstance(value, dict) and value:
        parts = ((f"{path}.{key}" if path else str(key), item) for key, item in value.items())
    elif isinstance(value, list) and value and not all(isinstance(item, str | int | float) for item in value):
        parts = ((f"{path}[{index}]", item) for index, item in enumerate(value))
    else:
        return {path: value}
    return {key: leaf for part, item in parts for key, leaf in _flat(item, part).items()}


def remember_applied(config: Path, state_dir: Path) -> None:
    """Keep the file as it was applied, for `vidsense config diff`; secrets that stand in it stay among ourselves."""
    replace_file(state_dir / _APPLIED, config.read_bytes())


def applied(state_dir: Path) -> Path:
    """Where the configuration lies that the daemon last applied; it may not exist."""
    return state_dir / _APPLIED
