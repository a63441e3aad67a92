"""Novelty: which frames of a video are unlike the ordinary ones, by frame AUC, beside everything simpler.

    native rate   frame difference · largest 16-px block difference
    5 fps         kNN on whole embeddings · next-tile error of persistence, ridge-AR and the transformer, top 3 tiles
    fused         z(block difference) + z(next-tile error)

Every score is smoothed within its video, and z is taken over calm videos that were held out of the fit; neither was
chosen on the tests. The main measure is micro: all frames of all tests against one threshold. The interval draws whole
videos. kNN and the prediction models learn from the training videos alone.

N = frames.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.base.errors import ConfigError, PermanentError
from vidsense_daemon.evaluation.report import Table, TableMaker
from vidsense_daemon.evaluation.sets import NoveltyVideos
from vidsense_daemon.learning.clips import BUSY_FPS, ClipFeatures, ClipReader
from vidsense_daemon.learning.experience import Clip, Pace
from vidsense_daemon.learning.foretelling import Sizes, fit_ridge, train_foresight
from vidsense_daemon.learning.measures import auc, bootstrapped, macro_auc
from vidsense_daemon.learning.progress import Progress
from vidsense_daemon.perception.surprise import Persistence, SurpriseModel

TRANSFORMER_STEPS = 400
_TUNED_ON = 4  # every fourth training video chooses λ and when to stop, and is what z is taken over
_TOP_TILES = 3  # what is unusual is rarely larger
_NEIGHBOURS = 5
_SMOOTHED_S = 1.0

Scores = NDArray[np.float64]
Scorer = Callable[[ClipFeatures], Scores]


@dataclass(frozen=True, slots=True, eq=False)
class _Videos:
    fit: tuple[ClipFeatures, ...]
    tune: tuple[ClipFeatures, ...]
    tests: tuple[ClipFeatures, ...]
    truth: tuple[NDArray[np.bool_], ...]


def evaluate(
    videos: NoveltyVideos,
    reader: ClipReader,
    *,
    encoder: str,
    steps: int = TRANSFORMER_STEPS,
    seed: int = 0,
    on_progress: Progress,
) -> Table:
    """The table of the module's head; ``reader`` must read at the native rate, with tiles.

    Raises:
        ConfigError: nothing could be read, or the encoder has no tiles.
    """
    found, notes = _gather(videos, reader, on_progress=on_progress)
    lengths = [len(clip) for clip in found.tests]
    maker = TableMaker(
        f"{videos.name}: {len(found.tests)} test videos, {sum(lengths)} frames",
        "frame AUC",
        np.repeat(np.arange(len(lengths)), lengths),
        seed=seed,
        notes=[*videos.notes, *notes],
    )
    block: Scorer = lambda clip: clip.block_difference.astype(np.float64)  # noqa: E731 - one of a table of scorers
    scorers: dict[str, Scorer] = {
        "frame difference": lambda clip: clip.frame_difference.astype(np.float64),
        "block difference": block,
        f"kNN ({_NEIGHBOURS}) on whole embeddings": _neighbours([_slow(clip) for clip in found.fit]),
    }
    for name, model in _models(found, encoder=encoder, steps=steps, seed=seed, on_progress=on_progress).items():
        scorers[f"tiles: {name}"] = _surprise(model, found.tune)
    for name in [name for name in scorers if name.startswith("tiles: ") and "persistence" not in name]:
        scorers[f"block difference + {name}"] = _fused(block, scorers[name], found.tune)
    truth = np.concatenate(found.truth)
    for name, scorer in scorers.items():
        _add(maker, name, [_smoothed(scorer(clip), clip.seconds) for clip in found.tests], truth)
    return maker.table()


def _gather(videos: NoveltyVideos, reader: ClipReader, *, on_progress: Progress) -> tuple[_Videos, list[str]]:
    notes: list[str] = []
    paths = [*videos.training, *(test.path for test in videos.tests)]
    read: dict[Path, ClipFeatures] = {}
    for done, path in enumerate(paths):
        on_progress("reading videos", done, len(paths))
        try:
            read[path] = reader.read(path)
        except PermanentError as error:
            notes.append(f"left out: {error}")
    training = [read[path] for path in videos.training if path in read]
    tests = [test for test in videos.tests if test.path in read]
    if len(training) < 2 or not tests:
        raise ConfigError(
            f"{videos.name} has {len(training)} training and {len(tests)} test videos that can be read; two and one "
            f"are the least. {'; '.join(notes)}"
        )
    if not training[0].tiles.shape[1]:
        raise ConfigError("this encoder does not tell what it sees where, so there are no tiles to predict")
    tune = training[_TUNED_ON - 1 :: _TUNED_ON] or training[-1:]
    fit = [clip for clip in training if not any(clip is other for other in tune)]
    features = tuple(read[test.path] for test in tests)
    truth = tuple(test.truth(len(clip)) for test, clip in zip(tests, features, strict=True))
    return _Videos(tuple(fit), tuple(tune), features, truth), notes


def _models(
    found: _Videos, *, encoder: str, steps: int, seed: int, on_progress: Progress
) -> Mapping[str, SurpriseModel]:
    fit, tune = ([_as_experience(clip, encoder) for clip in some] for some in (found.fit, found.tune))
    on_progress("fitting ridge-AR", 0, 1)
    ridge = fit_ridge(fit, tune)
    models: dict[str, SurpriseModel] = {"persistence": Persistence(), "ridge-AR": ridge}
    if steps:
        models["transformer"], _ = train_foresight(
            ridge,
            fit,
            tune,
            sizes=Sizes(steps=steps),
            seed=seed,
            on_progress=lambda step, of, _ratio: on_progress("training the transformer", step, of),
        )
    return models


def _add(maker: TableMaker, name: str, scores: Sequence[Scores], truth: NDArray[np.bool_]) -> None:
    flat, groups = np.concatenate(scores), maker.groups
    macro = bootstrapped(lambda rows: macro_auc(flat[rows], truth[rows], groups[rows]), groups, seed=maker.seed)
    maker.add(
        name,
        lambda rows: auc(flat[rows], truth[rows]),
        is_baseline="transformer" not in name,
        more={"macro, a video each": macro},
    )


def _slow(clip: ClipFeatures) -> ClipFeatures:
    """The frames that a daemon would look at, at its busy rate."""
    if len(clip) < 2:
        return clip
    fps = 1 / float(np.median(np.diff(clip.seconds)))
    return clip.rows(slice(None, None, max(1, round(fps / BUSY_FPS))))


def _spread(scores: Scores, clip: ClipFeatures) -> Scores:
    """Scores of the slow frames, each also for the frames up to the next one. (N,)"""
    place = np.searchsorted(_slow(clip).seconds, clip.seconds, side="right") - 1
    return scores[np.maximum(place, 0)]


def _surprise(model: SurpriseModel, calm: Sequence[ClipFeatures]) -> Scorer:
    """The most surprising tiles, each in deviations from its own usual: a busy path always errs more than a lawn."""

    def errors_of(clip: ClipFeatures) -> Scores:
        slow = _slow(clip)
        errors = model.errors(slow.tiles.astype(np.float32), slow.seconds.astype(np.float64))  # (T, 24)
        errors[0] = errors[1] if len(errors) > 1 else 0.0  # nothing comes before the first frame
        return errors.astype(np.float64)

    usual = np.concatenate([errors_of(clip) for clip in calm])
    mean, deviation = usual.mean(axis=0), np.maximum(usual.std(axis=0), 1e-9)  # (24,)

    def score(clip: ClipFeatures) -> Scores:
        unlike = (errors_of(clip) - mean) / deviation
        return _spread(np.sort(unlike, axis=1)[:, -_TOP_TILES:].mean(axis=1), clip)

    return score


def _neighbours(ordinary: Sequence[ClipFeatures]) -> Scorer:
    """Mean cosine distance to the nearest frames of ordinary videos."""
    seen = np.concatenate([clip.whole for clip in ordinary])  # (M, D)

    def score(clip: ClipFeatures) -> Scores:
        likeness = _slow(clip).whole @ seen.T  # (T, M)
        nearest = np.sort(likeness, axis=1)[:, -_NEIGHBOURS:].mean(axis=1)
        return _spread((1 - nearest).astype(np.float64), clip)

    return score


def _fused(one: Scorer, other: Scorer, calm: Sequence[ClipFeatures]) -> Scorer:
    """The sum of both in deviations from what they are on calm videos."""

    def standardised(scorer: Scorer) -> Scorer:
        usual = np.concatenate([_smoothed(scorer(clip), clip.seconds) for clip in calm])
        return lambda clip: (scorer(clip) - usual.mean()) / max(float(usual.std()), 1e-9)

    first, second = standardised(one), standardised(other)
    return lambda clip: first(clip) + second(clip)


def _smoothed(scores: Scores, seconds: NDArray[np.float32]) -> Scores:
    """The mean over a second around each frame: what is unusual lasts, noise does not."""
    if len(scores) < 2:
        return scores
    frames = max(1, round(_SMOOTHED_S / float(np.median(np.diff(seconds)))))
    counts = np.convolve(np.ones(len(scores)), np.ones(frames), "same")
    return np.convolve(scores, np.ones(frames), "same") / counts


def _as_experience(clip: ClipFeatures, encoder: str) -> Clip:
    """The video as the daemon would have kept it for training."""
    slow = _slow(clip)
    pts_s = slow.seconds.astype(np.float64)
    return Clip(
        camera="ped2",
        encoder=encoder,
        run_id="",
        pace=Pace.BUSY,
        at_ms=np.round(1000 * pts_s).astype(np.int64),
        pts_s=pts_s,
        whole=slow.whole.astype(np.float16),
        tiles=slow.tiles,
    )
