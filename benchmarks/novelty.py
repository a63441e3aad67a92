"""How well novelty finds what is unusual: UCSD Ped2, beside its baselines, and a normal day with odd clips in it.

    python benchmarks/novelty.py [FOLDER]            FOLDER holds ped2/, default ../shared/data; some ten minutes
    python benchmarks/novelty.py [FOLDER] --quick    fewer training videos, no day
    python benchmarks/novelty.py --seeds 5           the day five times

Every frame passes capture and the builtin encoder as a live camera's does, at five frames a second. Scores are made of
training videos 1–12; 13–16 give each score its mean and deviation, and choose how long a score is smoothed and how much
its parts count: they are told from themselves played twice as fast. The test videos choose nothing. Intervals: 1000
bootstrap samples of the test videos. Ped2 states no licence: it is for evaluation only.

The day is simulated once for each of --seeds: noise, paces and the order of the videos differ. Prediction errors are
computed once and get their noise afterwards: that takes a minute and not an hour, and pace changes no error that
stretches with time. Each odd clip is inserted alone after the same days, and then all of them one after the other.
That for budgets from two a week to four an hour: what each costs in false alarms, and what it tells in time.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import structlog
import torch
from _day import Clip, Day, rehearsed
from _footage import STARTED_AT, Camera, footage_of
from numpy.typing import NDArray

from vidsense_daemon.domain.windows import EmbeddedFrame
from vidsense_daemon.learning.measures import Figure, auc, bootstrapped, macro_auc
from vidsense_daemon.perception.blocks import BlocksPast
from vidsense_daemon.perception.embedding import FrameEmbedder
from vidsense_daemon.perception.encoders.builtin import BuiltinEncoder
from vidsense_daemon.perception.surprise import Persistence, RidgeAR, SurpriseModel

# anomalous frames of each test video, counted from 1, both ends inside (the dataset's own ground truth; 10 fps)
ANOMALOUS = {1: (61, 180), 2: (95, 180), 3: (1, 146), 4: (31, 180), 5: (1, 129), 6: (1, 159)}
_NATIVE_FPS = 10
_HELD_OUT, _HELD_OUT_NAMES = 4, "train_1[3-6]*.mp4"
_SMOOTHED_OVER = (1, 3, 5, 9, 15)  # frames, before and up to the present one
_LIVE_OVER = 5  # frames: a second, or an alarm would come too late
_WEIGHTS = (0.5, 1.0, 2.0)  # of a part beside the first
_TOP_TILES = 3
_NEIGHBOURS = 3
_BUDGETS = (2.0, 20.0, 84.0, 168.0, 336.0, 672.0)  # events a week: as it ships, … one an hour, two, four
_FIRST_DAY_BUDGETS = (2.0, 168.0)
_WEEK_HOURS, _DAY_HOURS, _STRANGERS_HOURS = 168, 24, 4

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
        total = np.sum([weight * z[part] for part, weight in zip(self.parts, self.weights, strict=True)], axis=0)
        later = 0 if self.live else self.over // 2
        padded = np.concatenate([np.repeat(total[:1], self.over - 1 - later), total, np.repeat(total[-1:], later)])
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
        "most changed block": lambda video: _first_as_second(np.array([frame.block_change for frame in video.frames])),
        "blocks by their past": _by_their_past(fitted),
        "kNN, whole frame": lambda video: _distances([frame.whole for frame in video.frames], whole),
        "persistence": _surprise(Persistence()),
        "ridge-AR": _surprise(RidgeAR.fit([(_tiles(video), video.seconds) for video in fitted], encoder="builtin")),
        "velocity of what moves": _velocities,
        "kNN, crop of what moves": lambda video: _distances(
            [frame.whole if frame.crop is None else frame.crop for frame in video.frames], crops
        ),
    }


_SHIPS = "blocks + ridge-AR + velocity"
_SHIPPED_WEIGHTS = (1.0, 0.5, 0.25)
COMBINATIONS = {
    "most changed + ridge-AR": ("most changed block", "ridge-AR"),
    "blocks + persistence": ("blocks by their past", "persistence"),
    "blocks + ridge-AR": ("blocks by their past", "ridge-AR"),
    _SHIPS: ("blocks by their past", "ridge-AR", "velocity of what moves"),
    "blocks + ridge-AR + crop kNN": ("blocks by their past", "ridge-AR", "kNN, crop of what moves"),
    "blocks + most changed + ridge": ("blocks by their past", "most changed block", "ridge-AR"),
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
    head = f"{'micro':>6} {'95 %':>14} {'macro':>6}"
    print(f"\n{'afterwards':>58} | {'live':>28}\n{'score':29} {head} | {head}   read out live")
    found: dict[str, list[Scores]] = {}
    for name, names in rows.items():
        line = f"{name:29} "
        for live in (False, True):
            readout = _chosen(slow, fast, names, live=live)
            found[name] = [readout.of(one) for one in seen]  # the live ones stay
            line += _figures(found[name], truths) + ("   " if live else " | ")
        print(line + f"over {readout.over}" + (f", weights {readout.weights}" if len(names) > 1 else ""))
    runs = Readout(COMBINATIONS[_SHIPS], _SHIPPED_WEIGHTS, _LIVE_OVER, live=True)
    found["as it runs"] = [runs.of(one) for one in seen]
    print(f"{'as it runs':29} {'':28} | {_figures(found['as it runs'], truths)}   over 5, weights {_SHIPPED_WEIGHTS}")
    for name in ("most changed block", "most changed + ridge-AR", "ridge-AR", "blocks + ridge-AR"):
        print(f"live, as it runs against {name}: {_difference(found['as it runs'], found[name], truths)}")


def _figures(found: Sequence[Scores], truths: Sequence[NDArray[np.bool_]]) -> str:
    flat, odd, groups = np.concatenate(found), np.concatenate(truths), _groups(truths)
    micro = bootstrapped(lambda rows: auc(flat[rows], odd[rows]), groups)
    return f"{micro!s:>21} {100 * macro_auc(flat, odd, groups):6.1f}"


def _difference(one: Sequence[Scores], other: Sequence[Scores], truths: Sequence[NDArray[np.bool_]]) -> Figure:
    """By how much one micro AUC is better than another, on the same samples of videos."""
    a, b, odd = np.concatenate(one), np.concatenate(other), np.concatenate(truths)
    return bootstrapped(lambda rows: auc(a[rows], odd[rows]) - auc(b[rows], odd[rows]), _groups(truths))


def _groups(truths: Sequence[NDArray[np.bool_]]) -> NDArray[np.intp]:
    return np.repeat(np.arange(len(truths)), [len(truth) for truth in truths])


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


@dataclass(frozen=True)
class Lived:
    """What one simulated camera told."""

    false: int  # events in a normal day
    strangers: int  # in videos never seen
    alone: list[float | None]  # seconds until each clip was told
    in_turn: list[float | None]


def days(train: Sequence[Video], tests: Sequence[Video], *, seeds: int) -> None:
    """The operating curve: how often each budget alarms in normal life, and how soon at the odd clips."""
    ridge = RidgeAR.fit([(_tiles(video), video.seconds) for video in train[:-_HELD_OUT]], encoder="builtin")
    for model, budgets in ((ridge, _BUDGETS), (Persistence(), _FIRST_DAY_BUDGETS)):
        known, odd = ([rehearsed(video.frames, model) for video in some] for some in (train, tests))
        clips = [clip[int(truth(number, tests[number - 1]).argmax()) :] for number, clip in enumerate(odd, 1)]
        print(
            f"\n{model.name}, means of {seeds} days: false events an hour; of {len(clips)} clips told, and within 2 s"
        )
        print(f"{'budget a week (an hour)':>24} {'normal day':>11} {'never seen':>11}   {'each alone':11} in turn")
        for per_week in budgets:
            lived = [_day(known, clips, model=model.name, per_week=per_week, seed=seed) for seed in range(seeds)]
            false = np.mean([one.false for one in lived]) / _DAY_HOURS
            strangers = np.mean([one.strangers for one in lived]) / _STRANGERS_HOURS
            alone, in_turn = [one.alone for one in lived], [one.in_turn for one in lived]
            print(
                f"{per_week:14g} ({per_week / _WEEK_HOURS:7.2f}) {false:11.2f} {strangers:11.2f}   {_told(alone):11} "
                f"{_told(in_turn):11} after {_delays_s(alone)} s; in turn {_delays_s(in_turn)} s"
            )


def _day(known: Sequence[Clip], clips: Sequence[Clip], *, model: str, per_week: float, seed: int) -> Lived:
    """A day of training videos 1–12, then another of all, and the odd clips."""
    with tempfile.TemporaryDirectory() as folder:
        day = Day(Path(folder), model=model, per_week=per_week, seed=seed)
        day.pass_for(25, known[:-_HELD_OUT])
        false = day.pass_for(_DAY_HOURS, known[:-_HELD_OUT])
        day.at_s += 120
        alone = [day.again(seed=seed + 1000 + number).show(clip) for number, clip in enumerate(clips)]
        strangers = day.pass_for(_STRANGERS_HOURS, known[-_HELD_OUT:])
        after: dict[int, float | None] = {}
        for number in np.random.default_rng(seed).permutation(len(clips)).tolist():
            day.at_s += 120
            after[number] = day.show(clips[number])
    return Lived(false, strangers, alone, [after[number] for number in sorted(after)])


def _told(days: Sequence[Sequence[float | None]]) -> str:
    """Clips a day that were told, and within 2 s."""
    told = np.mean([sum(delay is not None for delay in delays) for delays in days])
    soon = np.mean([sum(delay is not None and delay <= 2 for delay in delays) for delays in days])
    return f"{told:.2f} {soon:.2f}"


def _delays_s(days: Sequence[Sequence[float | None]]) -> str:
    """Each clip's median over the days; a dash where most did not tell it."""
    medians = [
        np.median([np.inf if delay is None else delay for delay in delays]) for delays in zip(*days, strict=True)
    ]
    return " ".join(f"{median:.1f}" if np.isfinite(median) else "–" for median in medians)


def _tiles(video: Video) -> NDArray[np.float32]:
    return np.stack([frame.tiles for frame in video.frames if frame.tiles is not None])


def _surprise(model: SurpriseModel) -> Score:
    def score(video: Video) -> Scores:
        errors = model.errors(_tiles(video), video.seconds)  # (T, 24)
        return _first_as_second(np.sort(errors, axis=1)[:, -_TOP_TILES:].mean(axis=1).astype(np.float64))

    return score


def _by_their_past(fitted: Sequence[Video]) -> Score:
    past = BlocksPast()
    frames = [frame.block_changes for video in fitted for frame in video.frames if frame.block_changes is not None]
    for number, blocks in enumerate(frames):
        past.learn(STARTED_AT + timedelta(seconds=number / 5), blocks)

    def score(video: Video) -> Scores:
        known = (frame.block_changes for frame in video.frames)
        return _first_as_second(np.array([0.0 if one is None else past.standout(one).ratio for one in known]))

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
    distances: Scores = np.sort(1 - np.stack(looks) @ known.T, axis=1)[:, :_NEIGHBOURS].mean(axis=1, dtype=np.float64)
    return distances


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
    parser.add_argument("--seeds", type=int, default=2, help="how many days are simulated (default: 2)")
    parser.add_argument("--fps", type=float, default=5.0, help="frames a second while something moves (default: 5)")
    args = parser.parse_args()
    if not (args.folder / "ped2").is_dir():
        print(f"{args.folder} holds no ped2/: nothing is measured")
        return
    torch.set_num_threads(1)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))  # each day learns anew
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
        days(train, tests, seeds=args.seeds)


if __name__ == "__main__":
    main()
