"""Actions: do heads tell classes of clips apart, on sources they have not seen, and does the order of frames matter?

    baselines      frame difference · block difference · |feature difference| (one number each, for two classes)
                   kNN on mean embeddings · mean pooling and |difference| with logistic regression
    transformers   those of learning.actions
    order          the same heads, shown the test windows backwards, shuffled, and at three times the speed

Everything is out of fold, and folds never tear a source apart.

N = windows, C = classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.base.errors import ConfigError, PermanentError
from vidsense_daemon.domain.windows import unit
from vidsense_daemon.evaluation.report import Table, TableMaker, fold_numbers
from vidsense_daemon.evaluation.sets import ClassedClip, ClassedClips
from vidsense_daemon.learning.actions import (
    BASELINES,
    CANDIDATES,
    STEPS,
    Windows,
    class_auc,
    clip_scores,
    cross_validated,
    windows_of,
)
from vidsense_daemon.learning.clips import ClipFeatures, ClipReader
from vidsense_daemon.learning.folds import grouped_folds, train_test
from vidsense_daemon.learning.measures import Figure, bootstrapped, precision_recall
from vidsense_daemon.learning.progress import Progress

_NEIGHBOURS = 5
_MOST_WINDOWS = 100  # of one part of a clip: a night of nothing must not outweigh everything else
_SPEED = 3

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """The set's clips that could be read and are long enough."""

    clips: tuple[ClassedClip, ...]
    features: tuple[ClipFeatures, ...]
    windows: Windows
    notes: tuple[str, ...]

    @property
    def labels(self) -> Rows:
        """(clips,)."""
        return np.array([clip.label for clip in self.clips])

    @property
    def groups(self) -> Rows:
        """(clips,)."""
        return fold_numbers([clip.group for clip in self.clips])


def gather(clips: ClassedClips, reader: ClipReader, *, on_progress: Progress) -> Gathered:
    """Read every clip; one that can't be read, or is shorter than a window, is left out with a note.

    Raises:
        ConfigError: not one clip could be used.
    """
    kept: list[tuple[ClassedClip, ClipFeatures]] = []
    notes = list(clips.notes)
    for done, clip in enumerate(clips.clips):
        on_progress("reading clips", done, len(clips.clips))
        try:
            features = reader.read(clip.path).between(clip.start_s, clip.end_s)
        except PermanentError as error:
            notes.append(f"left out: {error}")
            continue
        if windows_of(features):
            kept.append((clip, features))
        else:
            notes.append(f"left out, shorter than a window of frames: {_part(clip)}")
    if not kept:
        raise ConfigError(f"not one clip of {clips.name} can be used: {'; '.join(notes) or 'there is none'}")
    used, features_of = zip(*kept, strict=True)
    return Gathered(tuple(used), tuple(features_of), _windows(used, features_of), tuple(notes))


def evaluate(
    clips: ClassedClips, reader: ClipReader, *, steps: int = STEPS, seed: int = 0, on_progress: Progress
) -> Table:
    """The table of the module's head.

    Raises:
        ConfigError: a class lies in too few sources, or nothing could be read.
    """
    found = gather(clips, reader, on_progress=on_progress)
    folds = grouped_folds(found.labels, found.groups, names=clips.classes, seed=seed)  # of each clip
    sources = len(np.unique(found.groups))
    title = f"{clips.name}: {len(found.clips)} clips of {sources} sources, {len(clips.classes)} classes"
    maker = TableMaker(title, "AUC", found.groups, seed=seed, notes=list(found.notes))
    if len(clips.classes) == 2:
        for method, number in _ONE_NUMBER.items():
            values = np.array([number(each) for each in found.features])
            _add(maker, method, np.stack([-values, values], axis=1), found, folds, needs_threshold=True)
    _add(maker, f"kNN ({_NEIGHBOURS}) on mean embeddings", _neighbours(found, folds, len(clips.classes)), found, folds)
    of_windows = folds[np.searchsorted(np.unique(found.windows.clips), found.windows.clips)]
    tested = cross_validated(
        found.windows,
        of_windows,
        classes=len(clips.classes),
        steps=steps,
        seed=seed,
        on_progress=on_progress,
        also=reordered(found.windows, seed=seed),
    )
    for each in tested:
        order = {
            kind: class_auc(clip_scores(scores, found.windows), found.labels) for kind, scores in each.also.items()
        }
        scores = clip_scores(each.log_odds, found.windows)
        _add(maker, each.name, scores, found, folds, is_baseline=each.name in BASELINES, order=order)
    return maker.table()


def order_table(
    clips: ClassedClips, reader: ClipReader, *, steps: int = STEPS, seed: int = 0, on_progress: Progress
) -> Table:
    """Can a head tell clips as recorded from the same clips reversed, shuffled or sped up, on clips it has not seen?

    The main measure is the mean over the three; the classes of ``clips`` do not matter.

    Raises:
        ConfigError: nothing could be read, or there are too few clips.
    """
    found = gather(clips, reader, on_progress=on_progress)
    changed = {
        **{kind: (found.windows, other) for kind, other in reordered(found.windows, seed=seed).items()},
        f"{_SPEED}× speed": (_slowed(found.windows), _sped_up(found.windows)),
    }
    scores: dict[str, dict[str, NDArray[np.float32]]] = {name: {} for name in CANDIDATES}
    labels = np.repeat([0, 1], len(found.clips))
    groups = np.tile(found.groups, 2)
    for kind, (recorded, other) in changed.items():
        both = _stacked(recorded, other)
        names = ("as recorded", kind)
        folds = grouped_folds(both.labels, both.groups, names=names, seed=seed)
        for each in cross_validated(both, folds, classes=2, steps=steps, seed=seed, on_progress=on_progress):
            scores[each.name][kind] = clip_scores(each.log_odds, both)
    title = f"{clips.name}: as recorded or not, {len(found.clips)} clips"
    maker = TableMaker(title, "mean AUC", groups, seed=seed, notes=list(found.notes))
    for name, of_kind in scores.items():
        each_auc = {kind: class_auc(values, labels) for kind, values in of_kind.items()}
        maker.add(name, _mean_auc(list(of_kind.values()), labels), is_baseline=name in BASELINES, more=each_auc)
    return maker.table()


def reordered(windows: Windows, *, seed: int) -> dict[str, Windows]:
    """The same windows backwards, shuffled, and with every third frame only, at the time of their usual ones."""
    random = np.random.default_rng(seed)
    orders = np.stack([random.permutation(windows.x.shape[1]) for _ in range(len(windows))])  # (N, T)
    return {
        "reversed": replace(windows, x=np.ascontiguousarray(windows.x[:, ::-1])),
        "shuffled": replace(windows, x=np.take_along_axis(windows.x, orders[:, :, None], axis=1)),
        f"{_SPEED}× speed": _sped_up(windows),
    }


def _sped_up(windows: Windows) -> Windows:
    kept = windows.x[:, ::_SPEED]
    return replace(windows, x=np.ascontiguousarray(kept), seconds=windows.seconds[:, : kept.shape[1]])


def _slowed(windows: Windows) -> Windows:
    """As many frames as the sped-up ones have, at their own speed: else the length would tell them apart."""
    frames = -(-windows.x.shape[1] // _SPEED)
    return replace(windows, x=windows.x[:, :frames].copy(), seconds=windows.seconds[:, :frames])


def _stacked(recorded: Windows, other: Windows) -> Windows:
    """Both as one set of two classes; a clip and its changed copy stay in one group, and are two examples."""
    clips = int(recorded.clips.max()) + 1
    return Windows(
        np.concatenate([recorded.x, other.x]),
        np.concatenate([recorded.seconds, other.seconds]),
        np.repeat([0, 1], len(recorded)),
        np.concatenate([recorded.clips, other.clips + clips]),
        np.tile(recorded.groups, 2),
    )


def _mean_auc(scores: Sequence[NDArray[np.float32]], labels: Rows) -> Callable[[Rows], float]:
    return lambda rows: float(np.mean([class_auc(each[rows], labels[rows]) for each in scores]))


def _windows(clips: Sequence[ClassedClip], features: Sequence[ClipFeatures]) -> Windows:
    x, seconds, owner = [], [], []
    for number, clip in enumerate(features):
        spans = windows_of(clip)
        for span in spans[:: -(-len(spans) // _MOST_WINDOWS)]:
            x.append(clip.whole[span])
            seconds.append(clip.seconds[span] - clip.seconds[span][0])
            owner.append(number)
    owners = np.array(owner)
    labels = np.array([clip.label for clip in clips])
    groups = fold_numbers([clip.group for clip in clips])
    return Windows(
        np.stack(x).astype(np.float32), np.stack(seconds).astype(np.float32), labels[owners], owners, groups[owners]
    )


def _add(
    maker: TableMaker,
    method: str,
    scores: NDArray[np.floating],  # (clips, C)
    found: Gathered,
    folds: Rows,
    *,
    is_baseline: bool = True,
    needs_threshold: bool = False,
    order: Mapping[str, float] | None = None,
) -> None:
    """AUC, accuracy and, for two classes, precision and recall of the second one."""
    labels = found.labels
    guessed = scores.argmax(axis=1)
    if needs_threshold:  # a plain number has no natural middle: the other folds say where to cut
        guessed = np.zeros(len(labels), np.intp)
        for train, test in train_test(folds):
            guessed[test] = scores[test, 1] > _best_cut(scores[train, 1], labels[train] == 1)
    right = guessed == labels
    accuracy = bootstrapped(lambda rows: float(right[rows].mean()), found.groups, seed=maker.seed)
    figures: dict[str, Figure | float] = {"accuracy": accuracy}
    if scores.shape[1] == 2:
        figures["precision"], figures["recall"] = precision_recall(guessed == 1, labels == 1)
    figures |= order or {}
    maker.add(method, lambda rows: class_auc(scores[rows], labels[rows]), is_baseline=is_baseline, more=figures)


def _best_cut(values: NDArray[np.floating], truth: NDArray[np.bool_]) -> float:
    """The middle between two values that separates best what is true from what is not."""
    steps = np.unique(values)
    cuts = (steps[1:] + steps[:-1]) / 2 if len(steps) > 1 else steps
    return float(max(cuts, key=lambda cut: float(((values > cut) == truth).mean())))


def _neighbours(found: Gathered, folds: Rows, classes: int) -> NDArray[np.float64]:
    """(clips, C): the share of each class among the nearest clips of the other folds, by cosine."""
    means = unit(np.stack([each.whole.mean(axis=0) for each in found.features]))  # (clips, D)
    shares = np.zeros((len(means), classes))
    for train, test in train_test(folds):
        nearest = train[np.argsort(-means[test] @ means[train].T, axis=1, kind="stable")[:, :_NEIGHBOURS]]
        for place, clip in enumerate(test):
            shares[clip] = np.bincount(found.labels[nearest[place]], minlength=classes) / _NEIGHBOURS
    return shares


def _feature_difference(clip: ClipFeatures) -> float:
    return float(np.linalg.norm(np.diff(clip.whole, axis=0), axis=1).mean())


_ONE_NUMBER: dict[str, Callable[[ClipFeatures], float]] = {
    "frame difference": lambda clip: float(clip.frame_difference[1:].mean()),
    "block difference": lambda clip: float(clip.block_difference[1:].mean()),
    "|feature difference|, one number": _feature_difference,
}


def _part(clip: ClassedClip) -> str:
    return f"{clip.path.name}" if clip.start_s == 0 and np.isinf(clip.end_s) else (
        f"{clip.path.name}, {clip.start_s:g} to {clip.end_s:g} s"
    )  # fmt: skip
