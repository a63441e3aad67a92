"""What is explained: the frames of a clip as capture samples them, and what its gate said of each look.

Everything here is capture's own code on a file, with the camera's own options: the same gate, sampler and cuts decide
as they do live. It runs in this process and not in a child: it is the operator's own file, and nobody else waits.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.capture.decoding import Decoding
from vidsense_daemon.capture.faults import CameraError
from vidsense_daemon.capture.masks import PrivacyMask
from vidsense_daemon.capture.options import StreamOptions
from vidsense_daemon.capture.overview import look_ahead
from vidsense_daemon.capture.sampling import Sampler
from vidsense_daemon.capture.scene import Scene
from vidsense_daemon.capture.scenechange import SceneWatch
from vidsense_daemon.capture.source import DecodedFrame, Source
from vidsense_daemon.capture.timeline import Moment, RecordedTimeline
from vidsense_daemon.capture.views import Scaler
from vidsense_daemon.domain.events import StoredStill
from vidsense_daemon.domain.frames import Frame, Still, View
from vidsense_daemon.explain.stills import ReadStill, read_stills

LONGEST_S = 120.0  # of a clip: its sampled frames are held in memory, some 600 kB each
_FILE_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Look:
    """One decoded frame that the gate looked at."""

    at_s: float  # of the clip
    changed_ratio: float  # of the pixels, against the look before
    moving: bool
    scene_changed: bool
    kept: bool  # sent to perception


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What is explained, whatever it came from."""

    name: str
    source: str  # in words: a clip, an event's clip, an event's stills
    frames: tuple[Frame, ...]  # those that perception gets
    looks: tuple[Look, ...]  # empty when only stills are left
    options: StreamOptions
    decoded_frames: int
    duration_s: float
    width_px: int
    height_px: int
    extract_s: float  # decoding, gate and cuts, measured
    cut_short: bool  # the clip goes on after `LONGEST_S`


def watch_clip(path: Path, options: StreamOptions, *, started_at: datetime, name: str | None = None) -> Material:
    """The clip through capture's gate and sampler; blocks for as long as decoding takes.

    Raises:
        PermanentError: it is no video, or holds no picture.
    """
    if not path.is_file():
        raise PermanentError(f"{path} is not a file: nothing was explained")
    begun_s = time.perf_counter()
    try:
        with closing(_open(path, options)) as source:
            watched = _Watched(source, options, started_at=started_at)
            watched.look_ahead()
        with closing(_open(path, options)) as source:
            watched.run(source)
    except CameraError as error:
        raise PermanentError(f"{path} cannot be read as a video: {error}") from None
    if not watched.frames:
        raise PermanentError(f"{path} holds no picture that can be decoded: nothing was explained")
    return Material(
        name=name or path.name,
        source="a clip",
        frames=tuple(watched.frames),
        looks=tuple(watched.looks),
        options=options,
        decoded_frames=watched.decoded_frames,
        duration_s=watched.last_s + watched.frame_s,
        width_px=source.facts.width_px,
        height_px=source.facts.height_px,
        extract_s=time.perf_counter() - begun_s,
        cut_short=watched.cut_short,
    )


def _open(path: Path, options: StreamOptions) -> Source:
    return Source(
        str(path), open_timeout_s=_FILE_TIMEOUT_S, read_timeout_s=_FILE_TIMEOUT_S, max_pixels=options.max_pixels
    )


class _Watched:
    """One clip on its way through the gate: what `capture.watching` does with a recording, with every look noted."""

    def __init__(self, source: Source, options: StreamOptions, *, started_at: datetime) -> None:
        self._source = source
        self.frame_s = source.facts.frame_s
        self._started_at = started_at
        self._timeline = RecordedTimeline(started_at=started_at, frame_s=self.frame_s)
        self._scaler = Scaler(picture_px=options.picture_px)
        self._sampler = Sampler(
            calm_fps=options.calm_fps, busy_fps=options.busy_fps, max_frames_per_s=options.max_frames_per_s
        )
        self._run = 0
        self._scene = Scene(options, scaler=self._scaler, sampler=self._sampler, new_run_id=self._new_run_id)
        self._privacy = PrivacyMask(options.privacy_masks) if options.privacy_masks else None
        self._scenes = SceneWatch()
        self.frames: list[Frame] = []
        self.looks: list[Look] = []
        self.decoded_frames = 0
        self.last_s = 0.0
        self.cut_short = False

    def look_ahead(self) -> None:
        """Learn the background from all of the clip, as a replay does."""
        look_ahead(self._source, self._scene, self._scaler)

    def run(self, source: Source) -> None:
        """See the whole clip, or its first `LONGEST_S`; ``source`` is at its beginning."""
        for frame in self._decoded(source):
            moment = self._timeline.place(frame.pts_s)
            at_s = (moment.captured_at - self._started_at).total_seconds()
            if at_s > LONGEST_S:
                self.cut_short = True
                return
            self.decoded_frames += 1
            self.last_s = max(self.last_s, at_s)
            self._see(frame, moment, at_s)

    @staticmethod
    def _decoded(source: Source) -> Iterator[DecodedFrame]:
        decoding = Decoding(source, always_whole=True)
        for packet in source.packets():
            yield from decoding.frames(packet, calm=False, at_mono_s=time.monotonic())

    def _see(self, frame: DecodedFrame, moment: Moment, at_s: float) -> None:
        if moment.starts_run:
            self._scene.start_run()
        if (frame.is_corrupt and not moment.starts_run) or not self._sampler.looks(moment.pts_s):
            return
        picture = self._scaler.working_picture(frame.video, quarter_turns=frame.quarter_turns)
        sent = self._scene.look(picture, moment, lambda _begins: self._still(frame, moment.captured_at))
        change = self._scene.change
        assert change is not None  # it has just looked
        if sent is not None:
            sent = self._confirmed(sent)
            self.frames.append(sent)
        scene_changed = change.scene_changed if sent is None else sent.scene_changed
        self.looks.append(
            Look(at_s, change.changed_ratio, change.moving and not scene_changed, scene_changed, kept=sent is not None)
        )

    def _confirmed(self, frame: Frame) -> Frame:
        """The scene detector's word on it, as the supervisor asks for it."""
        confirmed = self._scenes.confirmed(frame)
        if confirmed is not frame:
            self._scene.scene_changed()
        return confirmed

    def _still(self, frame: DecodedFrame, captured_at: datetime) -> Still:
        jpeg, width_px, height_px = self._scaler.jpeg(
            frame.video, hidden=self._privacy, quarter_turns=frame.quarter_turns
        )
        return Still(jpeg, width_px, height_px, captured_at, box=None)

    def _new_run_id(self) -> str:
        self._run += 1
        return f"explained-{self._run}"


def of_stills(stills: Sequence[StoredStill], options: StreamOptions, *, name: str, camera: str) -> Material:
    """An event whose clip is not kept: its stills, as frames. The gate's curve is gone with the rest of the stream.

    Raises:
        PermanentError: none of them can be read.
    """
    begun_s = time.perf_counter()
    read = list(read_stills(stills))
    if not read:
        raise PermanentError(
            f"the stills of event {name} are gone, and so is its clip: there is nothing left to look at. "
            "`vidsense explain FILE` explains any video file"
        )
    frames = tuple(
        _frame_of(still, index, options.picture_px, camera=camera, started_at=read[0].stored.captured_at)
        for index, still in enumerate(read)
    )
    height_px, width_px = read[0].picture.shape[:2]
    return Material(
        name=name,
        source="the event's stills (no clip of it is kept)",
        frames=frames,
        looks=(),
        options=options,
        decoded_frames=len(frames),
        duration_s=frames[-1].pts_s,
        width_px=width_px,
        height_px=height_px,
        extract_s=time.perf_counter() - begun_s,
        cut_short=False,
    )


def _frame_of(still: ReadStill, index: int, side_px: int, *, camera: str, started_at: datetime) -> Frame:
    stored = still.stored
    return Frame(
        camera=camera,
        run_id=f"stills-{camera}",
        index=index,
        captured_at=stored.captured_at,
        pts_s=(stored.captured_at - started_at).total_seconds(),
        whole=View(still.squashed(side_px), None),
        crop=None,
        box=stored.box,
        moving=stored.box is not None,
        changed_ratio=0.0,
        scene_changed=False,
        zones=(),
        still=Still(still.jpeg, stored.width_px, stored.height_px, stored.captured_at, stored.box),
    )
