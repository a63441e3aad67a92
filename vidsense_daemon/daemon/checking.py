"""Try what a configuration names, without running it: `vidsense check`, and half of `vidsense doctor`.

Every part is used as the daemon would use it: the encoder is loaded, the describer is asked, the cameras are watched
until their first frame, side by side.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from vidsense_daemon.base.clock import LocalZone
from vidsense_daemon.base.errors import VidsenseError
from vidsense_daemon.base.worker import Worker
from vidsense_daemon.capture.state import CameraPhase, CameraState
from vidsense_daemon.capture.supervisor import CameraSupervisor
from vidsense_daemon.daemon import backends, describing
from vidsense_daemon.daemon.alerting import Alerting
from vidsense_daemon.daemon.findings import Finding, bad, doubtful, good
from vidsense_daemon.description.describers.model import ModelDescriber
from vidsense_daemon.domain.frames import Frame
from vidsense_daemon.perception.encoders.builtin import BuiltinEncoder
from vidsense_daemon.perception.encoders.clip import ClipEncoder
from vidsense_daemon.perception.encoders.hub_files import is_folder
from vidsense_daemon.review.server import check_access
from vidsense_daemon.settings.hooks import MqttHook, NamedHook, WebhookHook
from vidsense_daemon.settings.resolved import ResolvedCamera
from vidsense_daemon.settings.schema import ActionsBlock, EncoderBlock, ReviewBlock, Settings
from vidsense_daemon.store.engine import database_url
from vidsense_daemon.store.state_folder import database_file
from vidsense_daemon.store.upgrade import status

_CAMERA_LIMIT_S = 25.0
_CONNECT_LIMIT_S = 5.0
_PORTS = {"http": 80, "https": 443}


def findings(settings: Settings, *, state_dir: Path, offline: bool) -> Iterator[Finding]:
    """One finding a thing, as they are found; ``offline`` leaves out what needs a camera or another server."""
    cameras = backends.resolved_cameras(settings)
    found, encoder, backend = _encoder(settings.encoder, state_dir=state_dir)
    yield from found
    yield from _triggers(
        cameras, settings.actions, encoder_backend=backend, model=settings.encoder.model, state_dir=state_dir
    )
    if encoder is not None:
        yield from _doubts(cameras, encoder)
    yield database(state_dir)
    yield _hooks(settings)
    if settings.review.enabled:
        yield _review(settings.review)
    if not offline:
        yield from _receivers(settings.hooks)
        yield describer(settings, cameras)
        yield from _streams(cameras)


def database(state_dir: Path) -> Finding:
    """Whether the database is there, sound and of this program's version."""
    what = "database"
    if not database_file(state_dir).exists():
        return good(what, f"none in {state_dir} yet: the first run makes it")
    try:
        found = status(database_url(state_dir))
    except VidsenseError as error:
        return bad(what, str(error), _mend(error, "vidsense db status"))
    if found.integrity != "ok":
        return bad(what, f"{found.path} is damaged: {found.integrity}", "vidsense db restore FILE")
    if not found.is_current:
        return doubtful(what, f"{found.path} is of an older version", "vidsense db upgrade")
    return good(what, f"{found.path}, {found.size_bytes / 1e6:.1f} MB, sound")


def _encoder(block: EncoderBlock, *, state_dir: Path) -> tuple[list[Finding], BuiltinEncoder | ClipEncoder | None, str]:
    """What is to be said of it, the encoder if there is one, and its backend."""
    backend: str = "clip" if block.backend == "auto" else block.backend
    try:
        backend = backends.choose_encoder(block, state_dir=state_dir)
        encoder = backends.bare_encoder(block, backend=backend, state_dir=state_dir)
    except VidsenseError as error:
        mend = f"vidsense models pull {block.model}" if backend == "clip" and not is_folder(block.model) else ""
        if block.backend != "auto" or backend == "builtin":
            return [bad("encoder", str(error), mend)], None, backend
        instead = block.model_copy(update={"backend": "builtin"})
        found, other, backend = _encoder(instead, state_dir=state_dir)
        return [doubtful("encoder", f"{error}; until then the builtin encoder looks", mend), *found], other, backend
    found = [good("encoder", f"{backend}: {encoder.name}")]
    for label, failure in backends.runtimes_left_out(block, encoder.vision, state_dir=state_dir).items():
        mend = "vidsense models quantize" if label.endswith("int8") else "vidsense models measure"
        found.append(doubtful("runtime", f"{label} computes no pictures any more: {failure}", mend))
    return found, encoder, backend


def _doubts(cameras: Sequence[ResolvedCamera], encoder: BuiltinEncoder | ClipEncoder) -> Iterator[Finding]:
    prompts = {name: each.prompt for camera in cameras for name, each in camera.triggers.items() if not each.action}
    for name, prompt in prompts.items():
        if doubt := backends.doubted_prompt(prompt, encoder):
            yield doubtful(f"trigger {name}", doubt, "put it into short, plain English")


def _triggers(
    cameras: Sequence[ResolvedCamera], actions: ActionsBlock, *, encoder_backend: str, model: str, state_dir: Path
) -> Iterator[Finding]:
    reword = f"reword it, or: vidsense models pull {model}" if encoder_backend == "builtin" else "reword it"
    for camera in cameras:
        refused = backends.refused_triggers(camera, encoder_backend=encoder_backend)
        for name, reason in refused.items():
            yield bad(f"trigger {name} on {camera.name}", reason, reword)
        unseen = backends.unseen_actions(camera, actions, state_dir=state_dir)
        for name, reason in unseen.items():
            yield bad(f"trigger {name} on {camera.name}", reason, "vidsense train actions LABELS.yaml")
        watched = [name for name in camera.triggers if name not in refused | unseen]
        what = f"triggers of {camera.name}"
        if watched:
            yield good(what, ", ".join(watched))
        else:
            yield doubtful(what, "none: it will make no events", f"list some under cameras.{camera.name}.triggers")


def _hooks(settings: Settings) -> Finding:
    try:
        hooks = Alerting(settings.hooks, cameras=backends.resolved_cameras(settings)).hooks
    except VidsenseError as error:
        return bad("hooks", str(error))
    if not hooks:
        return doubtful("hooks", "none: nobody will be told", "add one under hooks: (docs/hooks.md)")
    return good("hooks", ", ".join(hooks))


def _review(block: ReviewBlock) -> Finding:
    at = f"http://{block.host}:{block.port}"
    try:
        check_access(block.host, users=block.users, tokens=block.tokens)
    except VidsenseError as error:
        return bad("review pages", str(error), "vidsense review password")
    return good("review pages", f"{at}, {'with' if block.users or block.tokens else 'without'} logging in")


def _receivers(hooks: Sequence[NamedHook]) -> Iterator[Finding]:
    """Whether somebody listens at the hooks' addresses; nothing is sent."""
    for hook in hooks:
        host, port = _address(hook)
        if not host or not port:
            continue
        what = f"hook {hook.name}"
        try:
            with socket.create_connection((host, port), timeout=_CONNECT_LIMIT_S):
                yield good(what, f"{host}:{port} listens")
        except OSError as error:
            says = f"{host}:{port} does not answer: {error.strerror or error}; what it is owed is kept and sent later"
            yield doubtful(what, says, f"start the receiver, or correct the address of {hook.name}")


def _address(hook: NamedHook) -> tuple[str, int]:
    """Where a hook's receiver is; nothing for programs and for Apprise, whose URLs may begin with a token."""
    match hook:
        case MqttHook():
            return hook.host, hook.port
        case WebhookHook():
            parts = urlsplit(hook.url)
            return parts.hostname or "", parts.port or _PORTS[parts.scheme.lower()]
    return "", 0


def describer(settings: Settings, cameras: Sequence[ResolvedCamera]) -> Finding:
    """Whether the describer answers, and can do what is wanted of it; `auto` has one to fall back to."""
    block = settings.describer
    preferred = block.model_copy(update={"backend": "ollama"}) if block.backend == "auto" else block
    writer = describing.build_describer(
        preferred, server=describing.build_server(preferred), cameras=cameras, zone=LocalZone()
    )
    try:
        if isinstance(writer, ModelDescriber):
            writer.look()
    except VidsenseError as error:
        if block.backend == "auto":
            return doubtful("describer", f"{error}; until then the builtin describer writes", _mend(error))
        return bad("describer", str(error), _mend(error))
    finally:
        writer.close()
    return good("describer", " ".join((writer.backend, writer.model)).strip())


def _mend(error: VidsenseError, otherwise: str = "vidsense describer check") -> str:
    """The first command that the message names: no Ollama is started, a missing model is pulled."""
    named = re.search(r"`([^`]+)`", str(error))
    return named[1] if named else otherwise


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
            return good(what, f"{state.codec} {state.width_px}x{state.height_px}, {state.decoder}")
        message = state.message if state and state.message else f"no frame within {_CAMERA_LIMIT_S:g} s"
        return bad(what, message, f"vidsense cameras probe {self._camera.name}")

    def _saw(self, _frame: Frame) -> None:
        self._decided.set()

    def _heard(self, state: CameraState) -> None:
        if self._decided.is_set():
            return
        self._state = state
        if state.phase.is_lost:
            self._decided.set()
