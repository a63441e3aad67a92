"""Sample what the cameras see into the experience ring, while the daemon runs.

    perception thread ── record(frame) ─► CameraClips (per camera) ─► queue ─► thread `learning` ── ExperienceFolder.add

The perception thread only collects references, and copies 1 MB when a clip is complete; the disk is the learning
thread's. When it is slower than the cameras, or full, clips are left out and counted: nobody waits for them.

Busy and calm clips have an allowance of their own, so that a street's traffic does not push out what its night looks
like. An allowance fills evenly over the day, so that the ring holds days and not the last two hours. It may be spent at
once, so that a new camera has enough to learn from after an hour.
"""

from __future__ import annotations

import queue
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import structlog

from vidsense_daemon.base.clock import to_ms
from vidsense_daemon.domain.windows import EmbeddedFrame
from vidsense_daemon.learning.experience import Clip, ExperienceFolder, Pace

CLIP_FRAMES = 16  # twice a window: 3 s of motion at 5 frames a second
LEAST_FRAMES = 6  # a shorter rest of a run teaches next to nothing
_BETWEEN_CLIPS = timedelta(minutes=1)  # of one pace: what comes closer shows the same again
_LONGEST_GAP_S = 60.0  # between two frames of a clip: beyond it the next one can't be foretold
_DAY = timedelta(days=1)
_WAITING_CLIPS = 32  # each about 1 MB


class Allowance:
    """How many clips of one pace may still be taken: a bucket that a day fills. Pure."""

    def __init__(self, *, clips_a_day: float, taken: Iterable[datetime] = ()) -> None:
        """``taken`` tells when earlier clips began: a daemon that starts again and again gets no new allowance."""
        self._a_day = clips_a_day
        self._left = clips_a_day
        self._counted_at: datetime | None = None
        self._last_at: datetime | None = None
        for at in sorted(taken):
            self._refill(at)
            self._spend(at)

    def take(self, at: datetime) -> bool:
        """Whether a clip may begin now; it is spent then."""
        self._refill(at)
        if self._left < 1 or (self._last_at is not None and abs(at - self._last_at) < _BETWEEN_CLIPS):
            return False
        self._spend(at)
        return True

    def _refill(self, at: datetime) -> None:
        passed = at - self._counted_at if self._counted_at is not None else timedelta(0)
        self._counted_at = at
        self._left = min(self._a_day, self._left + max(passed / _DAY, 0.0) * self._a_day)

    def _spend(self, at: datetime) -> None:
        self._left -= 1
        self._last_at = at


class CameraClips:
    """Cuts one camera's frames into clips; not thread-safe."""

    def __init__(self, *, encoder: str, allowances: dict[Pace, Allowance]) -> None:
        self._encoder = encoder
        self._allowances = allowances
        self._frames: list[EmbeddedFrame] = []
        self._pace = Pace.CALM

    def add(self, frame: EmbeddedFrame) -> Clip | None:
        """Take in the camera's next frame; a clip, when one ends with it or has ended before it."""
        ended = None
        if self._frames and not _continues(self._frames[-1], frame):
            ended = self._cut()
        if not self._frames:
            pace = Pace.BUSY if frame.moving else Pace.CALM
            if not self._allowances[pace].take(frame.captured_at):
                return ended
            self._pace = pace
        self._frames.append(replace(frame, still=None))  # a JPEG a frame would be held for nothing
        return self._cut() if len(self._frames) == CLIP_FRAMES else ended

    def _cut(self) -> Clip | None:
        frames, self._frames = self._frames, []
        return _clip_of(frames, self._pace, self._encoder) if len(frames) >= LEAST_FRAMES else None


class ExperienceRecorder:
    """Implements `domain.ports.Recorder`: `record` is for the perception thread, the rest for the one that writes."""

    def __init__(self, folder: ExperienceFolder, *, encoder: str) -> None:
        self._folder = folder
        self._encoder = encoder
        self._cutters: dict[str, CameraClips] = {}
        self._clips: queue.Queue[Clip] = queue.Queue(maxsize=_WAITING_CLIPS)
        self._log = structlog.get_logger()
        self._refused = False
        self.clips_kept = 0
        self.clips_left_out = 0

    def record(self, frame: EmbeddedFrame) -> None:
        """Consider a frame; returns at once."""
        if frame.camera not in self._cutters:
            self._cutters[frame.camera] = CameraClips(encoder=self._encoder, allowances=self._allowances(frame))
        clip = self._cutters[frame.camera].add(frame)
        if clip is None:
            return
        try:
            self._clips.put_nowait(clip)
        except queue.Full:
            self.clips_left_out += 1

    def begin(self) -> None:
        """Clear away what can't be used, before the first write."""
        removed = self._folder.remove_unusable(encoder=self._encoder)
        if removed:
            self._log.info("experience_of_other_encoder_removed", clips=removed, encoder=self._encoder)

    def finish(self) -> None:
        """Write the clips that wait."""
        while not self._clips.empty():
            self.write_next(timeout_s=0)

    def write_next(self, *, timeout_s: float) -> None:
        """Write one clip, if one comes within ``timeout_s``."""
        try:
            clip = self._clips.get(timeout=timeout_s)
        except queue.Empty:
            return
        try:
            self._folder.add(clip)
        except OSError as error:
            self.clips_left_out += 1
            if not self._refused:  # a disk that stays full would say so every minute
                self._log.warning("experience_not_kept", camera=clip.camera, reason=error.strerror or str(error))
            self._refused = True
        else:
            self.clips_kept += 1
            self._refused = False

    def _allowances(self, frame: EmbeddedFrame) -> dict[Pace, Allowance]:
        frame_bytes = 2 * (frame.whole.size + (0 if frame.tiles is None else frame.tiles.size))  # half precision
        clips_a_day = self._folder.keep_bytes / (frame_bytes * CLIP_FRAMES) / (self._folder.keep / _DAY)
        files = self._folder.files(frame.camera)
        return {
            pace: Allowance(
                clips_a_day=max(1.0, clips_a_day / len(Pace)),
                taken=[file.started_at for file in files if file.pace is pace],
            )
            for pace in Pace
        }


def _continues(before: EmbeddedFrame, frame: EmbeddedFrame) -> bool:
    """Whether what ``frame`` shows can be foretold from the frame before: same stream, same scene, not much later."""
    gap_s = frame.pts_s - before.pts_s
    return frame.run_id == before.run_id and not frame.scene_changed and 0 < gap_s <= _LONGEST_GAP_S


def _clip_of(frames: list[EmbeddedFrame], pace: Pace, encoder: str) -> Clip:
    whole = np.stack([frame.whole for frame in frames])  # (N, D)
    tiles = [frame.tiles for frame in frames if frame.tiles is not None]
    nothing = np.empty((len(frames), 0, whole.shape[1]))
    return Clip(
        camera=frames[0].camera,
        encoder=encoder,
        run_id=frames[0].run_id,
        pace=pace,
        at_ms=np.array([to_ms(frame.captured_at) for frame in frames], np.int64),
        pts_s=np.array([frame.pts_s for frame in frames], np.float64),
        whole=whole.astype(np.float16),
        tiles=(np.stack(tiles) if len(tiles) == len(frames) else nothing).astype(np.float16),  # (N, K, D)
    )
