"""How well novelty finds what is unusual: UCSD Ped2, beside its baselines, and a normal day with odd clips in it.

    python benchmarks/novelty.py [FOLDER]            FOLDER holds ped2/, default ../shared/data; some ten minutes
    python benchmarks/novelty.py [FOLDER] --quick    fewer training videos, no day

Every frame passes capture and the builtin encoder as a live camera's does, at five frames a second. Scores are made of
training videos 1–12; 13–16 give each score its mean and deviation, and choose how long a score is smoothed and how much
its parts count: they are told from themselves played twice as fast. The test videos choose nothing. Intervals: 2000
bootstrap samples of the test videos. Ped2 states no licence: it is for evaluation only.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta
from pathlib import Path

import numpy as np
import torch
from _footage import STARTED_AT, Camera, footage_of
from numpy.typing import NDArray

from vidsense_daemon.domain.events import Event, EventStill
from vidsense_daemon.domain.windows import EmbeddedFrame, Window
from vidsense_daemon.perception.embedding import FrameEmbedder
from vidsense_daemon.perception.encoders.builtin import BuiltinEncoder
from vidsense_daemon.perception.surprise import Persistence, RidgeAR, SurpriseModel
from vidsense_daemon.perception.unusual import NoveltyRule, UnusualRules, UnusualWatch

# anomalous frames of each test video, counted from 1, both ends inside (the dataset's own ground truth; 10 fps)
ANOMALOUS = {1: (61, 180), 2: (95, 180), 3: (1, 146), 4: (31, 180), 5: (1, 129), 6: (1, 159)}
_NATIVE_FPS = 10
_HELD_OUT, _HELD_OUT_NAMES = 4, "train_1[3-6]*.mp4"
_SMOOTHED_OVER = (1, 3, 5, 9, 15)  # frames, before and up to the present one
_LIVE_OVER = 5  # frames: a second, or an alarm would come too late
_WEIGHTS = (0.5, 1.0, 2.0)  # of a part beside the first
_BOOTSTRAPS = 2000
_BUDGETS = (2.0, 168.0)  # events a week: as it ships, and one an hour
_TOP_TILES = 3
_NEIGHBOURS = 3

Scores = NDArray[np.float64]  # (T,)
Score = Callable[["Video"], Scores]


@dataclass(frozen=True)
class Video:
    """One video's frames, and how much each whole picture differs from the one before."""

    frames: list[EmbeddedFrame]
    difference: Scores  # (T,), grey levels

    @property
    def seconds(self) -> Scores:
        return np.array([frame.pts_s for frame in self.frames])


@dataclass(frozen=True)
class Readout:
    """How parts become one score: live from the frames up to now, afterwards from those that came later as well."""

    parts: tuple[str, ...]
    weights: tuple[float, ...]
    over: int  # frames
    live: bool

    def of(self, z: dict[str, Scores]) -> Scores:
        total = sum(weight * z[part] for part, weight in zip(self.parts, self.weights, strict=True))
        later = 0 if self.live else self.over // 2
        padded = np.concatenate(
            [np.repeat(total[:1], self.over - 1 - later), np.asarray(total), np.repeat(total[-1:], later)]
        )
        smoothed: Scores = np.convolve(padded, np.ones(self.over) / self.over, "valid")
        return smoothed


def videos(folder: Path, pattern: str, embedder: FrameEmbedder, *, fps: float, faster: float = 1.0) -> list[Video]:
    """The videos as a camera sends them at ``fps``; played ``faster``, when that is more than 1."""
    clips = tuple(sorted((folder / "ped2").glob(pattern)))
    runs: dict[str, list[EmbeddedFrame]] = {}
    differences: dict[str, list[float]] = {}
    before: dict[str, NDArray[np.int16]] = {}
    camera = Camera("campus", clips, tune=True, prompts={}, present_s={})
    for frame in footage_of(camera, busy_fps=fps / faster).frames:
        grey = frame.whole.picture.mean(axis=2).astype(np.int16)
        differences.setdefault(frame.run_id, []).append(float(np.abs(grey - before.get(frame.run_id, grey)).mean()))
        before[frame.run_id] = grey
        timed = replace(frame, pts_s=frame.pts_s / faster)
        runs.setdefault(frame.run_id, []).extend(embedder.embed([timed]))
    return [Video(frames, _first_as_second(np.array(differences[run]))) for run, frames in runs.items()]


def scores(fitted: Sequence[Video]) -> dict[str, Score]:
    """Every part, made of these videos."""
    whole = np.stack([frame.whole for video in fitted for frame in video.frames])
    crops = np.stack([frame.crop for video in fitted for frame in video.frames if frame.crop is not None])
    return {
        "frame difference": lambda video: video.difference,
        "block difference": lambda video: _first_as_second(np.array([frame.block_change for frame in video.frames])),
        "kNN, whole frame": lambda video: _distances([frame.whole for frame in video.frames], whole),
        "persistence": _surprise(Persistence()),
        "ridge-AR": _surprise(RidgeAR.fit([(_tiles(video), video.seconds) for video in fitted], encoder="builtin")),
        "velocity of what moves": _velocities,
        "kNN, crop of what moves": lambda video: _distances(
            [frame.whole if frame.crop is None else frame.crop for frame in video.frames], crops
        ),
    }


_SHIPS = "block + ridge-AR"
COMBINATIONS = {
    "block + persistence": ("block difference", "persistence"),
    _SHIPS: ("block difference", "ridge-AR"),
    "the same + velocity": ("block difference", "ridge-AR", "velocity of what moves"),
    "the same + crop kNN": ("block difference", "ridge-AR", "kNN, crop of what moves"),
}


def compare(train: Sequence[Video], hasty: Sequence[Video], tests: Sequence[Video]) -> None:
    """Print the table; ``hasty`` are the held-out training videos, twice as fast."""
    held_out = train[-_HELD_OUT:]
    parts = scores(train[:-_HELD_OUT])
    calm = {name: np.concatenate([score(video) for video in held_out]) for name, score in parts.items()}
    scale = {name: (known.mean(), known.std() + 1e-9) for name, known in calm.items()}

    def z(video: Video) -> dict[str, Scores]:
        return {name: (score(video) - scale[name][0]) / scale[name][1] for name, score in parts.items()}

    slow, fast = [z(video) for video in held_out], [z(video) for video in hasty]
    seen, truths = [z(video) for video in tests], [truth(number, video) for number, video in enumerate(tests, 1)]
    rows = {**{name: (name,) for name in parts}, **COMBINATIONS}
    head = f"{'micro':>6} {'95 %':>11} {'macro':>6}"
    print(f"\n{'afterwards':>51} | {'live':>25}\n{'score':26} {head} | {head}   read out live")
    found: dict[str, list[Scores]] = {}
    for name, names in rows.items():
        line = f"{name:26} "
        for live in (False, True):
            readout = _chosen(slow, fast, names, live=live)
            found[name] = [readout.of(one) for one in seen]  # the live ones stay
            line += _figures(found[name], truths) + ("   " if live else " | ")
        print(line + f"over {readout.over}" + (f", weights {readout.weights}" if len(names) > 1 else ""))
    ships = [Readout(COMBINATIONS[_SHIPS], (1.0, 1.0), 5, live=True).of(one) for one in seen]
    print(f"{'as it runs':26} {'':25} | {_figures(ships, truths)}   over 5, equal weights")
    for name in ("block difference", "ridge-AR", "the same + velocity", "the same + crop kNN"):
        gain, low, high = difference(found[_SHIPS], found[name], truths)
        print(f"live, {_SHIPS} against {name}: {gain:+.1f} [{low:+.1f}, {high:+.1f}]")


def _figures(found: Sequence[Scores], truths: Sequence[NDArray[np.bool_]]) -> str:
    micro, low, high = interval(found, truths)
    return f"{micro:6.1f} {low:5.1f}–{high:5.1f} {macro(found, truths):6.1f}"


def truth(number: int, video: Video) -> NDArray[np.bool_]:
    first, last = ANOMALOUS[number]
    frame = np.round(video.seconds * _NATIVE_FPS) + 1
    return (first <= frame) & (frame <= last)


def _chosen(
    slow: Sequence[dict[str, Scores]], fast: Sequence[dict[str, Scores]], parts: tuple[str, ...], *, live: bool
) -> Readout:
    """The readout that best tells the held-out training videos from themselves played twice as fast."""
    weights = itertools.product((1.0,), *[_WEIGHTS] * (len(parts) - 1))
    lengths = [over for over in _SMOOTHED_OVER if not live or over <= _LIVE_OVER]
    options = [Readout(parts, chosen, over, live) for chosen in weights for over in lengths]

    def told_apart(option: Readout) -> float:
        normal, odd = (np.concatenate([option.of(one) for one in some]) for some in (slow, fast))
        return auc(np.concatenate([normal, odd]), np.arange(len(normal) + len(odd)) >= len(normal))

    return max(options, key=told_apart)


def auc(score: Scores, odd: NDArray[np.bool_]) -> float:
    """In percent; NaN when all frames are of one kind."""
    ranks = np.empty(len(score))
    ranks[score.argsort(kind="stable")] = np.arange(1, len(score) + 1)
    many = int(odd.sum())
    if many in (0, len(odd)):
        return float("nan")
    return 100 * float((ranks[odd].sum() - many * (many + 1) / 2) / (many * (len(odd) - many)))


def macro(found: Sequence[Scores], truths: Sequence[NDArray[np.bool_]]) -> float:
    return float(np.nanmean([auc(score, odd) for score, odd in zip(found, truths, strict=True)]))


def interval(found: Sequence[Scores], truths: Sequence[NDArray[np.bool_]]) -> tuple[float, float, float]:
    """Micro AUC and its 95 % interval over videos."""
    samples = [_micro(found, truths, chosen) for chosen in _bootstraps(len(truths))]
    return _micro(found, truths, range(len(truths))), *_middle(samples)


def difference(
    one: Sequence[Scores], other: Sequence[Scores], truths: Sequence[NDArray[np.bool_]]
) -> tuple[float, float, float]:
    """By how much one micro AUC is better than another, on the same samples of videos."""
    everything = range(len(truths))
    samples = [_micro(one, truths, some) - _micro(other, truths, some) for some in _bootstraps(len(truths))]
    return _micro(one, truths, everything) - _micro(other, truths, everything), *_middle(samples)


def _micro(found: Sequence[Scores], truths: Sequence[NDArray[np.bool_]], chosen: Sequence[int]) -> float:
    return auc(np.concatenate([found[i] for i in chosen]), np.concatenate([truths[i] for i in chosen]))


def _bootstraps(count: int) -> list[list[int]]:
    chance = np.random.default_rng(0)
    return [chance.integers(0, count, count).tolist() for _ in range(_BOOTSTRAPS)]


def _middle(samples: Sequence[float]) -> tuple[float, float]:
    return float(np.nanpercentile(samples, 2.5)), float(np.nanpercentile(samples, 97.5))


@dataclass
class Remembered:
    """A sink that keeps when events began."""

    started: list[Event] = field(default_factory=list)

    def opened(self, event: Event, first: EventStill | None, window: Window) -> None:  # noqa: ARG002 - the port's
        self.started.append(event)

    def extended(self, event: Event) -> None: ...
    def closed(self, event: Event, stills: Sequence[EventStill], window: Window) -> None: ...
    def observed(self, window: Window, encoder: str) -> None: ...


class Day:
    """A camera before which training videos pass: one every five minutes, faster or slower, with noise."""

    def __init__(self, passing: Sequence[Video], *, model: SurpriseModel, per_week: float, seed: int = 0) -> None:
        self._passing, self._chance = passing, np.random.default_rng(seed)
        self.sink, self.at_s, self._index = Remembered(), 0.0, 0
        self.watch = UnusualWatch(
            {"campus": UnusualRules(NoveltyRule(per_week=per_week))},
            encoder="builtin",
            models={"campus": model},
            time_zone=UTC,
            folder=Path(tempfile.mkdtemp()),
        )

    def pass_for(self, hours: float) -> int:
        """Normal life; how many events it made."""
        before, end_s = len(self.sink.started), self.at_s + hours * 3600
        while self.at_s < end_s:
            self.show(self._passing[self._chance.integers(len(self._passing))], pace=self._chance.uniform(0.8, 1.25))
            self.at_s += 300
        return len(self.sink.started) - before

    def show(self, video: Video, *, pace: float = 1.0, since: int = 0) -> float | None:
        """Play it; seconds from its frame ``since`` to the first frame at which an event stood, if one did."""
        before, began_s = len(self.sink.started), self.at_s
        told_s = None
        for number, frame in enumerate(video.frames):
            at_s = began_s + (frame.pts_s - video.frames[0].pts_s) / pace
            self.at_s = at_s
            self._see(frame, at_s)
            if number < since:
                before = len(self.sink.started)
            elif told_s is None and len(self.sink.started) > before:
                told_s = at_s - (began_s + (video.frames[since].pts_s - video.frames[0].pts_s) / pace)
        return told_s

    def _see(self, frame: EmbeddedFrame, at_s: float) -> None:
        self._index += 1
        assert frame.tiles is not None
        noise = self._chance.normal(0, 0.004, frame.tiles.shape).astype(np.float32)
        seen = replace(
            frame,
            index=self._index,
            camera="campus",
            run_id="day",
            captured_at=STARTED_AT + timedelta(seconds=at_s),
            pts_s=at_s,
            tiles=frame.tiles + noise,
            block_change=frame.block_change * self._chance.normal(1, 0.03),
        )
        self.watch.see(Window((seen,), seen.whole[None], seen.whole), self.sink)


def a_day(train: Sequence[Video], tests: Sequence[Video]) -> None:
    """A day of training videos 1–12, then another of all: how often it alarms, and how soon at the odd clips."""
    model = RidgeAR.fit([(_tiles(video), video.seconds) for video in train[:-_HELD_OUT]], encoder="builtin")
    for per_week, surprise in itertools.product(_BUDGETS, (Persistence(), model)):
        day = Day(train[:-_HELD_OUT], model=surprise, per_week=per_week)
        day.pass_for(25)
        false = day.pass_for(24)
        unseen = Day(train[-_HELD_OUT:], model=surprise, per_week=per_week)
        unseen.watch, unseen.sink, unseen.at_s = day.watch, day.sink, day.at_s
        strangers = unseen.pass_for(4)
        day.at_s = unseen.at_s
        delays = []
        for number, video in enumerate(tests, 1):
            day.at_s += 120
            first = int(truth(number, video).argmax())
            clip = Video(video.frames[first:], video.difference[first:])
            delays.append(day.show(clip))
        told = [delay for delay in delays if delay is not None]
        soon = sum(delay <= 2 for delay in told)
        print(
            f"{per_week:g} a week, {surprise.name}: {false} events in a normal day of known videos, "
            f"{strangers} in 4 h of videos never seen; "
            f"odd clips told {len(told)} of {len(delays)}, within 2 s {soon}; "
            f"after {', '.join('–' if delay is None else f'{delay:.1f} s' for delay in delays)}"
        )


def _tiles(video: Video) -> NDArray[np.float32]:
    return np.stack([frame.tiles for frame in video.frames if frame.tiles is not None])


def _surprise(model: SurpriseModel) -> Score:
    def score(video: Video) -> Scores:
        errors = model.errors(_tiles(video), video.seconds)  # (T, 24)
        return _first_as_second(np.sort(errors, axis=1)[:, -_TOP_TILES:].mean(axis=1).astype(np.float64))

    return score


def _velocities(video: Video) -> Scores:
    """Ratios of the picture a second that the box of what moves has moved; 0 where nothing moves."""
    speeds = [0.0]
    for before, frame in itertools.pairwise(video.frames):
        if before.box is None or frame.box is None or not (before.moving and frame.moving):
            speeds.append(0.0)
            continue
        (x0, y0), (x1, y1) = before.box.centre, frame.box.centre
        speeds.append(float(np.hypot(x1 - x0, y1 - y0)) / (frame.pts_s - before.pts_s))
    return np.array(speeds)


def _distances(looks: Sequence[NDArray[np.float32]], known: NDArray[np.float32]) -> Scores:
    """Mean cosine distance to the nearest known looks."""
    return np.sort(1 - np.stack(looks) @ known.T, axis=1)[:, :_NEIGHBOURS].mean(axis=1).astype(np.float64)


def _first_as_second(score: Scores) -> Scores:
    """Of a first frame nothing is known."""
    return np.concatenate([score[1:2], score[1:]])


def _cost(encoder: BuiltinEncoder) -> Iterator[str]:
    """What tiles cost beside the embedding alone; both in turns, medians."""
    import time

    picture = np.random.default_rng(0).integers(0, 256, (encoder.picture_px, encoder.picture_px, 3), dtype=np.uint8)
    took: dict[str, list[float]] = {"picture": [], "picture and tiles": []}
    for _ in range(60):
        for name, embed in (("picture", encoder.embed_pictures), ("picture and tiles", encoder.embed_scenes)):
            begun = time.perf_counter()
            embed([picture])
            took[name].append(time.perf_counter() - begun)
    for name, all_s in took.items():
        yield f"{name}: {1000 * float(np.median(all_s)):.1f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--quick", action="store_true", help="fewer training videos, no day")
    parser.add_argument("--fps", type=float, default=5.0, help="frames a second while something moves (default: 5)")
    args = parser.parse_args()
    if not (args.folder / "ped2").is_dir():
        print(f"{args.folder} holds no ped2/: nothing is measured")
        return
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as cache:
        encoder = BuiltinEncoder(cache_dir=Path(cache), threads=1)
        print("; ".join(_cost(encoder)))
        embedder = FrameEmbedder(encoder)
        fitted = "train_0[14]*.mp4" if args.quick else "train_0*.mp4"
        rest = "" if args.quick else "train_1[0-2]*.mp4"
        train = videos(args.folder, fitted, embedder, fps=args.fps)
        train += videos(args.folder, rest, embedder, fps=args.fps) if rest else []
        train += videos(args.folder, _HELD_OUT_NAMES, embedder, fps=args.fps)
        hasty = videos(args.folder, _HELD_OUT_NAMES, embedder, fps=args.fps, faster=2)
        tests = videos(args.folder, "test_*.mp4", embedder, fps=args.fps)
    compare(train, hasty, tests)
    if not args.quick:
        a_day(train, tests)


if __name__ == "__main__":
    main()
