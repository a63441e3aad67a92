"""The parent's side of one camera: starts its capture child, reads the pipe, kills what stalls, tries again.

Runs as the body of one `base.worker.Worker` thread per camera.

    opening ──opened──► streaming ──fault, silence, crash──► waiting (0.5 s … 60 s) ──► opening …
       └─fault, silence, crash──────────────────────────────────┘
    a recording's end: ended, and the worker stops                     asked to stop: stopped

Silence means that neither a frame nor progress came for `stall_limit_s`: the child says "progress" from the loop that
sees packets, so a child that hangs says nothing. It counts from the child's first word: before that it is the computer
that is slow, not the camera. One log line a change of state; the same fault again is not a change. A stream that breaks
off again and again right after its beginning is tried more and more rarely, and told of once, until it lasts.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from vidsense_daemon.base.backoff import Backoff
from vidsense_daemon.base.clock import Clock, SystemClock, from_ms, to_ms
from vidsense_daemon.base.worker import Worker
from vidsense_daemon.capture.budget import FrameBudget
from vidsense_daemon.capture.faults import NEXT_STEP, NEXT_STEP_OF_FILE, CameraError, Fault
from vidsense_daemon.capture.options import StreamOptions
from vidsense_daemon.capture.process import CaptureProcess
from vidsense_daemon.capture.reachability import Knocker
from vidsense_daemon.capture.scenechange import SceneWatch
from vidsense_daemon.capture.state import CameraPhase, CameraState, CutClip
from vidsense_daemon.capture.wire import Message, unpack_frame
from vidsense_daemon.domain.frames import Frame

_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 60.0
_POLL_S = 0.5  # how soon a stop is noticed
# until a child's first word: after a boot twenty of them import at once, and killing the slow ones would make it worse
_START_LIMIT_S = 120.0
_JITTER_RATIO = 0.2
_STEADY_S = 10.0  # a stream that lasted so long counts as one that works
_BREAKS_ALLOWED = 3  # shorter ones in a row: somebody restarts the camera, or a cable is loose
_PICTURE_CODECS = ("mjpeg", "png", "webp")


class CameraSupervisor:
    """Keeps one camera's frames coming."""

    def __init__(
        self,
        camera: str,
        options: StreamOptions,
        *,
        on_frame: Callable[[Frame], None],
        on_state: Callable[[CameraState], None],
        on_clip: Callable[[CutClip], None] = lambda _clip: None,
        budget: FrameBudget | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Nothing runs until `run`; ``budget`` is the one that all cameras of the house share."""
        self._camera = camera
        self._options = options
        self._on_frame = on_frame
        self._on_state = on_state
        self._on_clip = on_clip
        self._orders: deque[tuple[str, dict[str, Any]]] = deque()  # from other threads, for the child
        self._clock = clock or SystemClock()
        self._backoff = Backoff(first_s=_FIRST_WAIT_S, cap_s=_LONGEST_WAIT_S)
        self._state = CameraState(camera, CameraPhase.OPENING, self._clock.now())
        self._budget = budget
        self._share_fps: float | None = None
        self._scenes = SceneWatch()
        self._streaming_since_mono_s: float | None = None
        self._short_sessions = self._session_frames = 0
        self._told_fault: Fault | None = None  # the one of the log's newest `camera_lost`; none once it streams
        self._main_fault: Fault | None = None
        self._hardware_refused = ""
        self._refused_codec = self._shortcoming = ""
        self._knocker = Knocker(options.substream_url or options.url)
        self._log = structlog.get_logger().bind(camera=camera)

    @property
    def state(self) -> CameraState:
        """The newest state; may be read from any thread."""
        return self._state

    def begin_event(self, event_id: str) -> None:
        """An event goes on, told from any thread: it gets good stills until `end_event`, however long it moves."""
        self._orders.append(("event_begin", {"event_id": event_id}))

    def end_event(self, event_id: str) -> None:
        """It is over, told from any thread."""
        self._orders.append(("event_end", {"event_id": event_id}))

    def begin_clip(self, event_id: str, folder: Path, started_at: datetime) -> None:
        """Have a clip cut into ``folder``, from any thread; nothing comes of it while the stream is not there."""
        values = {"event_id": event_id, "folder": str(folder), "started_at_ms": to_ms(started_at)}
        self._orders.append(("clip_begin", values))

    def end_clip(self, event_id: str, ended_at: datetime) -> None:
        """Its event is over, from any thread; `on_clip` is told when the clip is complete."""
        self._orders.append(("clip_end", {"event_id": event_id, "ended_at_ms": to_ms(ended_at)}))

    def run(self, worker: Worker) -> None:
        """Watch until ``worker`` is asked to stop, or a recording is read to its end: then it stops the worker."""
        while not worker.stopping.is_set():
            try:
                ended = self._session(worker)
            except CameraError as fault:
                self._lost(worker, fault)
                continue
            if ended and not self._options.loop:
                self._enter(CameraPhase.ENDED, message=self._shortcoming)
                worker.ask_to_stop()
                return
        self._enter(CameraPhase.STOPPED)

    def _session(self, worker: Worker) -> bool:
        """One life of the child; true when it has read a recording to its end.

        Raises:
            CameraError: the stream could not be opened, broke, or fell silent.
        """
        self._change(phase=CameraPhase.OPENING)
        self._share_fps = None
        self._orders.clear()  # what they asked for went with the stream before
        with CaptureProcess(self._options) as child:
            heard_mono_s, limit_s = self._clock.mono_s(), max(_START_LIMIT_S, self._options.stall_limit_s)
            while not worker.stopping.is_set():
                worker.beat()
                while self._orders:
                    name, values = self._orders.popleft()
                    child.order(name, **values)
                for message in child.read(_POLL_S):
                    heard_mono_s, limit_s = self._clock.mono_s(), self._options.stall_limit_s
                    if message.kind == "ended":
                        self._note_shortcoming(str(message.header.get("shortcoming", "")))
                        return True
                    self._take(worker, child, message)
                if self._clock.mono_s() - heard_mono_s > limit_s:
                    raise self._silence(limit_s)
        return False

    def _take(self, worker: Worker, child: CaptureProcess, message: Message) -> None:
        if message.kind == "frame":
            if self._state.phase is not CameraPhase.STREAMING:
                self._streams(worker)
            self._hand_on(child, unpack_frame(message, camera=self._camera, picture_px=self._options.picture_px))
        elif message.kind == "opened":
            self._describe(message.header)
        elif message.kind == "progress":
            self._count(message.header)
        elif message.kind == "clip":
            self._on_clip(_clip_of(message))
        elif message.kind == "clips_refused":
            self._clips_refused(str(message.header.get("codec")))
        elif message.kind == "main_fault":
            self._main_lost(_error_of(message))
        elif message.kind == "fault":
            raise _error_of(message)

    def _hand_on(self, child: CaptureProcess, frame: Frame) -> None:
        confirmed = self._scenes.confirmed(frame)
        if confirmed is not frame:
            child.order("scene_changed")
            frame = confirmed
        if self._budget is not None:
            share_fps = self._budget.share(self._camera, busy=frame.moving)
            if share_fps != self._share_fps:
                self._share_fps = share_fps
                child.order("budget", max_frames_per_s=min(share_fps, self._options.max_frames_per_s))
        self._state = replace(self._state, last_frame_at=frame.captured_at)
        self._session_frames += 1
        self._note_steadiness()
        self._on_frame(frame)

    def _streams(self, worker: Worker) -> None:
        self._streaming_since_mono_s, self._session_frames = self._clock.mono_s(), 0
        self._knocker.forget()
        worker.worked()
        self._enter(CameraPhase.STREAMING, sessions=self._state.sessions + 1)
        if self._short_sessions < _BREAKS_ALLOWED:
            self._backoff.reset()
            self._tell_streaming()

    def _note_steadiness(self) -> None:
        since_mono_s = self._streaming_since_mono_s
        if not self._short_sessions or since_mono_s is None or self._clock.mono_s() - since_mono_s < _STEADY_S:
            return
        self._backoff.reset()
        if self._short_sessions >= _BREAKS_ALLOWED:
            self._tell_streaming()
        self._short_sessions = 0

    def _tell_streaming(self) -> None:
        self._told_fault = None
        self._log.info(
            "camera_streaming",
            codec=self._state.codec,
            size=f"{self._state.width_px}x{self._state.height_px}",
            decoder=self._state.decoder,
        )

    def _describe(self, header: dict[str, Any]) -> None:
        try:
            self._change(
                codec=str(header["codec"]),
                width_px=int(header["width_px"]),
                height_px=int(header["height_px"]),
                fps=float(header["fps"]) if header["fps"] else None,
                decoder=str(header["decoder"]),
            )
            refused = str(header["hardware_refused"])
        except (KeyError, TypeError, ValueError):
            raise CameraError(Fault.CRASHED, "the capture process described no stream") from None
        if refused and refused != self._hardware_refused:
            self._hardware_refused = refused
            self._log.warning("decoding_in_software", wanted=self._options.hwaccel, reason=refused)

    def _count(self, header: dict[str, Any]) -> None:
        numbers = {key: value for key, value in header.items() if isinstance(value, int)}
        self._change(rss_bytes=numbers.pop("rss_bytes", 0), counts=numbers)

    def _main_lost(self, error: CameraError) -> None:
        """The main stream gives no stills; the substream is watched all the same."""
        if self._main_fault is not error.fault:
            self._main_fault = error.fault
            self._log.warning("main_stream_lost", fault=error.fault.value, reason=f"{error}; {NEXT_STEP[error.fault]}")

    def _note_shortcoming(self, shortcoming: str) -> None:
        """What was wrong with a recording; one that is watched again and again is told of once."""
        if shortcoming and shortcoming != self._shortcoming and not self._options.is_replay:
            self._log.warning("recording_incomplete", reason=shortcoming)
        self._shortcoming = shortcoming

    def _clips_refused(self, codec: str) -> None:
        if codec != self._refused_codec:
            self._refused_codec = codec
            reason = f"clips are cut from H.264 and H.265 only, and this stream is {codec}"
            self._log.warning("clips_impossible", reason=reason)

    def _silence(self, limit_s: float) -> CameraError:
        if self._state.phase is CameraPhase.OPENING:
            return CameraError(Fault.TIMEOUT, f"the camera could not be opened within {limit_s:g} s")
        return CameraError(Fault.STALLED, f"no frame came for {limit_s:g} s")

    def _lost(self, worker: Worker, fault: CameraError) -> None:
        """Say it once, then wait before the next try."""
        if self._is_snapshot(fault):
            fault = CameraError(Fault.BAD_DATA, "a single picture came, as from the address of a snapshot")
        self._end_session()
        wait_s = self._backoff.next_s()
        if fault.retry_after_s is not None:
            # at least as long as the fault asks for: cameras lock accounts
            wait_s = max(wait_s, fault.retry_after_s * random.uniform(1.0, 1.0 + _JITTER_RATIO))
        if self._budget is not None:
            self._budget.leave(self._camera)
        new = self._told_fault is not fault.fault
        step = (NEXT_STEP_OF_FILE if self._options.is_file else NEXT_STEP).get(fault.fault)
        message = f"{fault}; {step}" if step else str(fault)
        self._enter(
            CameraPhase.WAITING,
            fault=fault.fault,
            message=message,
            next_try_in_s=wait_s,
            faults=self._state.faults + 1,
        )
        if new and not self._options.is_replay:
            self._told_fault = fault.fault
            self._log.warning("camera_lost", fault=fault.fault.value, reason=message, next_try_in_s=round(wait_s, 1))
        self._rest(worker, wait_s)

    def _end_session(self) -> None:
        if self._streaming_since_mono_s is not None:
            lasted_s = self._clock.mono_s() - self._streaming_since_mono_s
            self._short_sessions = self._short_sessions + 1 if lasted_s < _STEADY_S else 0
            self._streaming_since_mono_s = None

    def _is_snapshot(self, fault: CameraError) -> bool:
        """Whether this was the address of a picture: one came, and that was all."""
        return fault.fault is Fault.ENDED and self._session_frames == 1 and self._state.codec in _PICTURE_CODECS

    def _rest(self, worker: Worker, wait_s: float) -> None:
        """Wait; no longer than until a camera that was away is back."""
        end_mono_s = self._clock.mono_s() + wait_s
        while (left_s := end_mono_s - self._clock.mono_s()) > 0 and not worker.stopping.is_set():
            worker.beat()
            if self._knocker.came_back(self._clock.mono_s()):
                self._backoff.reset()
                return
            self._clock.wait(worker.stopping, min(left_s, _POLL_S))

    def _enter(self, phase: CameraPhase, **changes: Any) -> None:
        if phase is CameraPhase.STREAMING:
            changes |= {"fault": None, "message": "", "next_try_in_s": None}
        self._change(phase=phase, since=self._clock.now(), **changes)

    def _change(self, **changes: Any) -> None:
        self._state = replace(self._state, **changes)
        self._on_state(self._state)


def _clip_of(message: Message) -> CutClip:
    try:
        started_at = from_ms(int(message.header["started_at_ms"]))
        return CutClip(str(message.header["event_id"]), started_at, int(message.header["duration_ms"]) / 1000)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise CameraError(Fault.CRASHED, "the capture process told of a clip that is none") from None


def _error_of(message: Message) -> CameraError:
    try:
        return CameraError(Fault(message.header["fault"]), str(message.header["message"]))
    except (KeyError, ValueError):
        return CameraError(Fault.CRASHED, "the capture process named a fault that does not exist")
