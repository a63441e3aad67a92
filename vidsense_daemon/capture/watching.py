"""The child's loop: take a packet, decode it when needed, look, send. Clock, pipe and orders are arguments.

open ──► opened ──► packet ► decode ► place in time ► look ► frame          progress every 2 s
│
└── the end: `ended` for a recording, a CameraError for a camera
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from vidsense_daemon.base.clock import from_ms, to_ms
from vidsense_daemon.capture.clips import Clips
from vidsense_daemon.capture.decoding import LONGEST_KEYFRAME_S, Decoding
from vidsense_daemon.capture.faults import CameraError, Fault
from vidsense_daemon.capture.hardware import SOFTWARE, Decoder, choose
from vidsense_daemon.capture.mainstream import MainStream
from vidsense_daemon.capture.masks import PrivacyMask
from vidsense_daemon.capture.measuring import measure
from vidsense_daemon.capture.options import StreamOptions
from vidsense_daemon.capture.overview import look_ahead
from vidsense_daemon.capture.reading import Reading
from vidsense_daemon.capture.sampling import Sampler
from vidsense_daemon.capture.scene import Scene
from vidsense_daemon.capture.source import DecodedFrame, Source
from vidsense_daemon.capture.stills import Want
from vidsense_daemon.capture.timeline import LiveTimeline, Moment, RecordedTimeline
from vidsense_daemon.capture.views import Scaler
from vidsense_daemon.capture.wire import FramePacker
from vidsense_daemon.domain.frames import Frame, Still

_PROGRESS_EVERY_S = 2.0
_BLIND_S = 2.0  # without a whole frame
_CALM_NAP_S = 0.5  # motion is noticed a quarter of a second later on average; keyframes are two seconds apart
_BUSY_NAP_S = 0.2  # at five looks a second: one look late at most
_CALM_STILL_EVERY_S = 60.0  # one costs up to 10 ms and 200 kB

Orders = Callable[[], Sequence[dict[str, Any]]]


class Outlet(Protocol):
    """Where messages go."""

    def send(self, pieces: list[bytes | memoryview]) -> None: ...

    def say(self, kind: str, **values: Any) -> None: ...


class Watch:
    """One stream session."""

    def __init__(
        self,
        options: StreamOptions,
        outlet: Outlet,
        *,
        now: Callable[[], datetime],
        mono_s: Callable[[], float],
        sleep: Callable[[float], None],
        main: MainStream | None = None,
        clips: Clips | None = None,
    ) -> None:
        self._options = options
        self._main = main
        self._clips = clips
        self._outlet = outlet
        self._now, self._mono_s, self._sleep = now, mono_s, sleep
        self._scaler = Scaler(picture_px=options.picture_px)
        self._sampler = Sampler(
            calm_fps=options.calm_fps, busy_fps=options.busy_fps, max_frames_per_s=options.max_frames_per_s
        )
        self._scene = Scene(options, scaler=self._scaler, sampler=self._sampler, new_run_id=_new_run_id)
        self._privacy = PrivacyMask(options.privacy_masks) if options.privacy_masks else None
        self._place: Callable[[float | None], Moment] = self._place_live
        self._timeline = LiveTimeline()
        self._packer = FramePacker()
        self._progress_due_mono_s = 0.0
        self._at_s = 0.0  # stream time of the newest decoded frame
        self._whole_at_s = 0.0  # and of the newest one without damage
        self._seen_mono_s = mono_s()
        self._still_due_s = 0.0  # stream time of the next still while nothing moves

    def look_ahead(self, source: Source) -> None:
        """Learn the background from all of a recording, before it is watched."""
        look_ahead(source, self._scene, self._scaler)

    def run(self, source: Source, take_orders: Orders) -> Reading:
        """Watch until the stream ends; how much of a recording there was."""
        reading = Reading()
        self._announce(source)
        if self._options.is_file:
            self._place = self._recorded(source)
        # a recording is decoded whole: nobody waits for it, and it must miss nothing
        decoding = Decoding(source, always_whole=self._options.is_file)
        for packet in source.packets(nap_s=self._nap_s):
            for order in take_orders():
                self._obey(order)
            if self._clips is not None and not self._options.clips_of_main:
                self._clips.saw(packet, self._now())
            if self._options.is_file:
                reading.saw(packet)
            near_still = self._at_s + LONGEST_KEYFRAME_S >= self._still_due_s
            for frame in decoding.frames(packet, calm=self._calm, at_mono_s=self._mono_s(), for_still=near_still):
                reading.pictures += 1
                self._see(frame)
            self._report(source, decoding)
        return reading

    @property
    def _calm(self) -> bool:
        return self._scene.settled and not self._sampler.busy(self._at_s)

    def _nap_s(self) -> float:
        """How long packets may wait: what is new is looked at one look late at most, what is known a little later."""
        if self._calm or self._scene.stills.is_known:
            return _CALM_NAP_S
        return _BUSY_NAP_S if self._scene.settled else 0.0

    def _announce(self, source: Source) -> None:
        self._outlet.say("opened", **asdict(source.facts))

    def _recorded(self, source: Source) -> Callable[[float | None], Moment]:
        at_ms = self._options.started_at_ms
        started_at = self._now() if at_ms is None else from_ms(at_ms)
        timeline = RecordedTimeline(started_at=started_at, frame_s=source.facts.frame_s)
        started_mono_s = self._mono_s()

        def place(pts_s: float | None) -> Moment:
            moment = timeline.place(pts_s)
            if self._options.pace == "live":
                ahead_s = (moment.captured_at - started_at).total_seconds() - (self._mono_s() - started_mono_s)
                self._sleep(max(0.0, ahead_s))
            return moment

        return place

    def _place_live(self, pts_s: float | None) -> Moment:
        return self._timeline.place(pts_s, arrived_at=self._now(), arrived_mono_s=self._mono_s())

    def _see(self, frame: DecodedFrame) -> None:
        moment = self._place(frame.pts_s)
        self._at_s = moment.pts_s
        self._seen_mono_s = self._mono_s()
        if moment.starts_run:
            self._scene.start_run()
        if not frame.is_corrupt or moment.starts_run:
            self._whole_at_s = moment.pts_s
        elif moment.pts_s - self._whole_at_s < _BLIND_S:
            # damage looks like motion: the next whole frame takes its place; but damaged is better than blind
            self._sampler.counts.dropped_corrupt += 1
            return
        if not self._sampler.looks(moment.pts_s):
            return
        picture = self._scaler.working_picture(frame.video, quarter_turns=frame.quarter_turns)
        sampled = self._scene.look(picture, moment, lambda want: self._take_still(want, frame, moment.captured_at))
        if sampled is not None:
            self._outlet.send(self._packer.pack(self._with_calm_still(sampled, frame)))

    def _with_calm_still(self, sampled: Frame, frame: DecodedFrame) -> Frame:
        """A calm camera is seen on the live page, too: now and then a frame has a still although nothing moves.

        Of the stream that is open anyway. A recording that is read in one go has nobody who looks on.
        """
        if sampled.still is not None or sampled.index == 0:
            self._still_due_s = sampled.pts_s + (_CALM_STILL_EVERY_S if sampled.still else 0)
        if sampled.moving or self._options.pace == "asap" or sampled.pts_s < self._still_due_s:
            return sampled
        self._still_due_s = sampled.pts_s + _CALM_STILL_EVERY_S
        return replace(sampled, still=self._still(frame, sampled.captured_at))

    def _take_still(self, want: Want, frame: DecodedFrame, captured_at: datetime) -> Still | None:
        """Of the main stream when it has one; of the frame itself when it may not wait, or when nobody may want it."""
        if self._main is None or want is Want.PASSING:
            return self._still(frame, captured_at)
        self._main.want(anew=want is Want.FIRST)
        if picture := self._main.picture():
            return self._still(picture.frame, picture.captured_at)
        return None if want is Want.NEXT and self._main.is_awaited else self._still(frame, captured_at)

    def _still(self, frame: DecodedFrame, captured_at: datetime) -> Still:
        jpeg, width_px, height_px = self._scaler.jpeg(
            frame.video, hidden=self._privacy, quarter_turns=frame.quarter_turns
        )
        return Still(jpeg, width_px, height_px, captured_at, box=None)

    def _obey(self, order: dict[str, Any]) -> None:
        if order.get("order") == "scene_changed":
            self._scene.scene_changed()
        elif order.get("order") == "budget":
            self._sampler.set_budget(float(order["max_frames_per_s"]))
        elif order.get("order") == "event_begin":
            self._scene.stills.begin_event(order["event_id"])
        elif order.get("order") == "event_end":
            self._scene.stills.end_event(order["event_id"])
        elif self._clips is not None and order.get("order") == "clip_begin":
            self._clips.begin(order["event_id"], Path(order["folder"]), from_ms(order["started_at_ms"]))
        elif self._clips is not None and order.get("order") == "clip_end":
            self._clips.end(order["event_id"], from_ms(order["ended_at_ms"]), self._now())

    def _report(self, source: Source, decoding: Decoding) -> None:
        """Said from the loop that sees packets, never by a timer: no progress means that nothing goes on."""
        if self._mono_s() < self._progress_due_mono_s:
            return
        if self._mono_s() - self._seen_mono_s > self._options.stall_limit_s:
            raise CameraError(Fault.NO_KEYFRAME, f"no picture for {self._options.stall_limit_s:g} s")
        self._progress_due_mono_s = self._mono_s() + _PROGRESS_EVERY_S
        self._outlet.say(
            "progress",
            rss_bytes=_rss_bytes(),
            damaged_packets=source.damaged_packets,
            skipped_packets=decoding.skipped_packets,
            wakes=decoding.wakes,
            **asdict(self._sampler.counts),
        )


def watch(
    options: StreamOptions,
    outlet: Outlet,
    take_orders: Orders,
    *,
    now: Callable[[], datetime],
    mono_s: Callable[[], float],
    sleep: Callable[[float], None],
) -> None:
    """Watch one camera until its stream ends; `ended` is said at the end of a recording.

    Raises:
        CameraError: it cannot be opened, or broke.
    """
    clips = _clips(options, outlet) if options.clips else None
    main = None
    if options.substream_url is not None:
        main = MainStream(
            lambda: _open(options, options.url, SOFTWARE),  # hardware costs more than a still a second
            on_fault=lambda error: outlet.say("main_fault", fault=error.fault.value, message=str(error)),
            clips=clips if options.clips_of_main else None,
        )
    source = _open(options, options.substream_url or options.url, choose(options.hwaccel))
    length_s = source.length_s
    try:
        watching = Watch(options, outlet, now=now, mono_s=mono_s, sleep=sleep, main=main, clips=clips)
        if options.is_file and options.pace == "asap":
            with contextlib.closing(_open(options, options.url, SOFTWARE)) as ahead:
                watching.look_ahead(ahead)
        reading = watching.run(source, take_orders)
    finally:
        if clips is not None:
            clips.stream_ended()  # before the stream is closed: their files refer to it
        source.close()
        if main is not None:
            main.close()
    outlet.say("ended", shortcoming=reading.shortcoming(length_s))


def _clips(options: StreamOptions, outlet: Outlet) -> Clips:
    return Clips(
        before_s=options.clip_before_s,
        after_s=options.clip_after_s,
        max_s=options.clip_max_s,
        on_done=lambda clip: outlet.say(
            "clip",
            event_id=clip.event_id,
            started_at_ms=to_ms(clip.started_at),
            duration_ms=round(clip.duration_s * 1000),
        ),
        on_refused=lambda codec: outlet.say("clips_refused", codec=codec),
    )


def measured(options: StreamOptions, *, mono_s: Callable[[], float]) -> dict[str, Any]:
    """What the stream is like (`capture.measuring`).

    Raises:
        CameraError: it cannot be opened, or broke.
    """
    started_mono_s = mono_s()
    source = _open(options, options.url, choose(options.hwaccel))
    try:
        return measure(source, seconds=options.measure_s or 0.0, started_mono_s=started_mono_s, mono_s=mono_s)
    finally:
        source.close()


def _open(options: StreamOptions, url: str, decoder: Decoder) -> Source:
    return Source(
        url,
        transport=options.transport,
        open_timeout_s=options.stall_limit_s / 2 - 0.5,  # opening takes up to twice this
        read_timeout_s=options.stall_limit_s / 5,  # a stall shows after twice this: well before the parent kills
        tls_ca_file=options.tls_ca_file,
        max_pixels=options.max_pixels,
        decoder=decoder,
    )


def _new_run_id() -> str:
    return os.urandom(6).hex()


def _rss_bytes() -> int:
    """Resident memory of this process; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
