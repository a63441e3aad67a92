"""Try what a configuration names, without running it: for `vidsense check`. Cameras are tried side by side."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vidsense_daemon.base.errors import VidsenseError
from vidsense_daemon.base.worker import Worker
from vidsense_daemon.capture.state import CameraPhase, CameraState
from vidsense_daemon.capture.supervisor import CameraSupervisor
from vidsense_daemon.daemon import backends
from vidsense_daemon.daemon.storage import database_url
from vidsense_daemon.description.describers.model import ModelDescriber
from vidsense_daemon.domain.frames import Frame
from vidsense_daemon.settings.resolved import ResolvedCamera
from vidsense_daemon.settings.schema import Settings
from vidsense_daemon.store.upgrade import status

_CAMERA_LIMIT_S = 25.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one thing that the configuration names; holds no password."""

    what: str
    ok: bool
    says: str


def findings(settings: Settings, *, state_dir: Path, offline: bool) -> Iterator[Finding]:
    """One finding a thing, as they are found; ``offline`` leaves out what needs a camera or another server."""
    cameras = backends.resolved_cameras(settings)
    backend = backends.choose_encoder(settings.encoder, state_dir=state_dir)
    yield _encoder(settings, backend=backend, state_dir=state_dir)
    yield from _triggers(cameras, encoder_backend=backend)
    yield _hooks(settings)
    yield _database(state_dir)
    if not offline:
        yield _describer(settings, cameras)
        yield from _streams(cameras)


def _encoder(settings: Settings, *, backend: str, state_dir: Path) -> Finding:
    try:
        encoder = backends.build_encoder(settings.encoder, backend=backend, state_dir=state_dir)
    except VidsenseError as error:
        return Finding("encoder", ok=False, says=str(error))
    return Finding("encoder", ok=True, says=f"{backend}: {encoder.name}")


def _triggers(cameras: Sequence[ResolvedCamera], *, encoder_backend: str) -> Iterator[Finding]:
    for camera in cameras:
        refused = backends.refused_triggers(camera, encoder_backend=encoder_backend)
        for name, reason in refused.items():
            yield Finding(f"trigger {name} on {camera.name}", ok=False, says=reason)
        watched = [name for name in camera.triggers if name not in refused]
        yield Finding(f"triggers of {camera.name}", ok=True, says=", ".join(watched) or "none: it will make no events")


def _hooks(settings: Settings) -> Finding:
    try:
        hooks = backends.build_hooks(settings.hooks)
    except VidsenseError as error:
        return Finding("hooks", ok=False, says=str(error))
    return Finding("hooks", ok=True, says=", ".join(hooks) or "none: nobody will be told")


def _database(state_dir: Path) -> Finding:
    if not (state_dir / "vidsense.db").exists():
        return Finding("database", ok=True, says=f"none in {state_dir} yet: the first run makes it")
    try:
        found = status(database_url(state_dir))
    except VidsenseError as error:
        return Finding("database", ok=False, says=str(error))
    sound = found.integrity == "ok"
    return Finding("database", ok=sound, says=f"{found.path}, revision {found.revision}, integrity {found.integrity}")


def _describer(settings: Settings, cameras: Sequence[ResolvedCamera]) -> Finding:
    block = settings.describer
    preferred = block.model_copy(update={"backend": "ollama"}) if block.backend == "auto" else block
    describer = backends.build_describer(preferred, cameras=cameras, zone=backends.local_zone())
    try:
        if isinstance(describer, ModelDescriber):
            describer.look()
    except VidsenseError as error:
        may_fall_back = block.backend == "auto"
        rest = "; until then the builtin describer writes" if may_fall_back else ""
        return Finding("describer", ok=may_fall_back, says=f"{error}{rest}")
    finally:
        describer.close()
    return Finding("describer", ok=True, says=" ".join((describer.backend, describer.model)).strip())


def _streams(cameras: Sequence[ResolvedCamera]) -> Iterator[Finding]:
    trials = [_Trial(camera) for camera in cameras]
    for trial in trials:
        trial.start()
    for trial in trials:
        yield trial.finding()


class _Trial:
    """One camera, watched until its first frame, its first fault or the limit."""

    def __init__(self, camera: ResolvedCamera) -> None:
        self._camera = camera
        self._decided = threading.Event()
        self._state: CameraState | None = None
        supervisor = CameraSupervisor(
            camera.name,
            backends.stream_options(camera, picture_px=224),
            on_frame=self._saw,
            on_state=self._heard,
        )
        self._worker = Worker(f"trial-{camera.name}", supervisor.run, on_fatal=lambda *_reason: self._decided.set())

    def start(self) -> None:
        self._worker.start()

    def finding(self) -> Finding:
        self._decided.wait(_CAMERA_LIMIT_S)
        self._worker.ask_to_stop()
        state, what = self._state, f"camera {self._camera.name}"
        self._worker.join(5)
        if state is not None and state.phase is CameraPhase.STREAMING:
            return Finding(what, ok=True, says=f"{state.codec} {state.width_px}x{state.height_px}, {state.decoder}")
        message = state.message if state and state.message else f"no frame within {_CAMERA_LIMIT_S:g} s"
        return Finding(what, ok=False, says=message)

    def _saw(self, _frame: Frame) -> None:
        self._decided.set()

    def _heard(self, state: CameraState) -> None:
        if self._decided.is_set():
            return
        self._state = state
        if state.phase in (CameraPhase.WAITING, CameraPhase.ENDED):
            self._decided.set()
