"""Train heads that tell actions from windows of embeddings, and choose among them by folds that share no source.

    candidates   mean pooling · |difference| · transformer · transformer on |difference|  (perception.action_parts)
    test         every candidate on folds grouped by source: out-of-fold log-odds of each window, averaged over its clip
    choice       the best baseline, unless a transformer's clip AUC lies above it by an interval that excludes 0
    shipped      that candidate, trained on everything, with what ordinary windows score out of fold

A transformer that merely ties ships as its baseline: it costs more and explains less. `vidsense train actions` calls
this, `vidsense evaluate` shows the same test as a table.

N = windows, T = frames of a window, D = dimension of the embedding space, C = classes, P = dimension inside a part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from vidsense_daemon.learning.clips import ClipFeatures
from vidsense_daemon.learning.folds import train_test
from vidsense_daemon.learning.measures import Figure, auc, bootstrapped, mean_of_told
from vidsense_daemon.learning.progress import Progress
from vidsense_daemon.perception.action_parts import CorrectedPart, Part, PooledPart, TemporalPart, pooled
from vidsense_daemon.perception.actions import NOTHING, ActionModel, log_odds
from vidsense_daemon.perception.windows import DEFAULT_WINDOW_FRAMES

MEAN, DIFFERENCE, TRANSFORMER = "mean pooling", "|difference|", "transformer"
CORRECTED = "transformer on |difference|"
CANDIDATES = (MEAN, DIFFERENCE, TRANSFORMER, CORRECTED)
BASELINES = (DIFFERENCE, MEAN)  # of two that tie the first ships: what changes travels better than what is there

_WINDOW_STEP = 2  # frames between the beginnings of two windows: most of a short clip is seen several times
_RIDGE = 100.0  # of standardised features, over the number of windows: hundreds of features, hundreds of windows
_NEWTON_STEPS = 50
_SMALLEST_DEVIATION = 1e-4
_INNER, _LAYERS, _HEADS = 64, 1, 4  # a part's own dimension: 512 learn some hundred windows by heart
_MEMBERS = 3
STEPS = 80  # of a transformer's training
_BATCH = 128
_LEARNING_RATE, _WEIGHT_DECAY, _DROPOUT = 3e-3, 0.05, 0.3
_SMOOTHING = 0.1  # labels of whole clips are wrong for some of their windows


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """What heads learn from and are tested on; a row a window."""

    x: NDArray[np.float32]  # (N, T, D)
    seconds: NDArray[np.float32]  # (N, T)
    labels: NDArray[np.intp]  # (N,), places in the classes
    clips: NDArray[np.intp]  # (N,): which clip a window was cut from
    groups: NDArray[np.intp]  # (N,): which source the clip was cut from

    def rows(self, chosen: NDArray[np.intp]) -> Windows:
        return Windows(
            self.x[chosen], self.seconds[chosen], self.labels[chosen], self.clips[chosen], self.groups[chosen]
        )

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True, slots=True, eq=False)
class Tested:
    """A candidate's out-of-fold scores."""

    name: str
    log_odds: NDArray[np.float32]  # (N, C)
    also: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)  # of the changed windows


@dataclass(frozen=True, slots=True)
class Choice:
    """What is shipped and why."""

    name: str
    aucs: Mapping[str, Figure]  # of each candidate
    baseline: str  # the best of the baselines
    contender: str  # the best with a transformer in it
    contribution: Figure  # contender less baseline, paired


def windows_of(clip: ClipFeatures, *, frames: int = DEFAULT_WINDOW_FRAMES, step: int = _WINDOW_STEP) -> list[slice]:
    """Where the windows of a clip lie; none when it is shorter than one."""
    return [slice(start, start + frames) for start in range(0, len(clip) - frames + 1, step)]


def fit(name: str, windows: Windows, *, classes: int, steps: int = STEPS, seed: int = 0) -> tuple[Part, ...]:
    """A candidate's ensemble, trained on ``windows``: seconds for a transformer, less for the others."""
    members = range(seed, seed + _MEMBERS)
    if name == TRANSFORMER:
        return tuple(_fit_temporal(windows, classes, steps, member) for member in members)
    base = _fit_pooled(windows, classes, "mean" if name == MEAN else "difference")
    return (
        (base,)
        if name in BASELINES
        else tuple(_fit_corrected(base, windows, classes, steps, member) for member in members)
    )


def cross_validated(
    windows: Windows,
    folds: NDArray[np.intp],
    *,
    classes: int,
    on_progress: Progress,
    steps: int = STEPS,
    seed: int = 0,
    also: Mapping[str, Windows] | None = None,
) -> list[Tested]:
    """Every candidate's scores of each window, by parts that were trained without the window's fold.

    ``also`` are the same windows changed (played backwards, say): scored by the same parts, never trained on.
    """
    shown = {"": windows, **(also or {})}
    scores = {(name, kind): np.zeros((len(windows), classes), np.float32) for name in CANDIDATES for kind in shown}
    splits = list(train_test(folds))
    for done, (train, test) in enumerate(splits):
        for number, name in enumerate(CANDIDATES):
            on_progress("testing on unseen sources", done * len(CANDIDATES) + number, len(splits) * len(CANDIDATES))
            parts = fit(name, windows.rows(train), classes=classes, steps=steps, seed=seed)
            for kind, each in shown.items():
                with torch.inference_mode():
                    scores[name, kind][test] = log_odds(parts, each.x[test], each.seconds[test])
    return [Tested(name, scores[name, ""], {kind: scores[name, kind] for kind in also or {}}) for name in CANDIDATES]


def chosen(tested: Sequence[Tested], windows: Windows, *, seed: int = 0) -> Choice:
    """The candidate to ship; see the module's head."""
    of_clips = {each.name: clip_scores(each.log_odds, windows) for each in tested}
    labels, groups = _by_clip(windows.labels, windows), _by_clip(windows.groups, windows)

    def value(name: str, rows: NDArray[np.intp]) -> float:
        return class_auc(of_clips[name][rows], labels[rows])

    aucs = {name: bootstrapped(partial(value, name), groups, seed=seed) for name in of_clips}
    baseline = max(BASELINES, key=lambda name: aucs[name].value)
    contender = max((name for name in aucs if name not in BASELINES), key=lambda name: aucs[name].value)
    contribution = bootstrapped(lambda rows: value(contender, rows) - value(baseline, rows), groups, seed=seed)
    return Choice(contender if contribution.low > 0 else baseline, aucs, baseline, contender, contribution)


def trained(
    windows: Windows,
    classes: Sequence[str],
    choice: Choice,
    tested: Sequence[Tested],
    *,
    encoder: str,
    steps: int = STEPS,
    seed: int = 0,
) -> ActionModel:
    """The chosen candidate, trained on all windows; its zero is set by what ordinary windows score out of fold."""
    scores = next(each.log_odds for each in tested if each.name == choice.name)  # (N, C)
    ordinary = scores[windows.labels == classes.index(NOTHING)] if NOTHING in classes else scores
    deviation = np.maximum(ordinary.std(axis=0), _SMALLEST_DEVIATION)
    return ActionModel(
        encoder=encoder,
        kind=choice.name,
        classes=tuple(classes),
        parts=fit(choice.name, windows, classes=len(classes), steps=steps, seed=seed),
        ordinary=np.stack([ordinary.mean(axis=0), deviation], axis=1).astype(np.float32),
    )


def clip_scores(scores: NDArray[np.float32], windows: Windows) -> NDArray[np.float32]:
    """(clips, C): the mean over each clip's windows, in the order of the clips' numbers."""
    return np.stack([scores[windows.clips == clip].mean(axis=0) for clip in np.unique(windows.clips)])


def class_auc(scores: NDArray[np.float32], labels: NDArray[np.intp]) -> float:
    """The mean over the classes' AUCs, each against the rest; of two classes both are the same."""
    return mean_of_told(auc(scores[:, place], labels == place) for place in range(scores.shape[1]))


def _by_clip(values: NDArray[np.intp], windows: Windows) -> NDArray[np.intp]:
    """One value a clip: that of its first window."""
    _, first = np.unique(windows.clips, return_index=True)
    return values[first]


def _fit_pooled(windows: Windows, classes: int, pooling: str) -> PooledPart:
    """Softmax regression with a ridge, by L-BFGS."""
    features = pooled(torch.from_numpy(windows.x), pooling)  # (N, D)
    mean, deviation = features.mean(0), features.std(0) + _SMALLEST_DEVIATION
    standardised, labels = (features - mean) / deviation, torch.from_numpy(windows.labels)
    weight = torch.zeros(classes, features.shape[1], requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=_NEWTON_STEPS, line_search_fn="strong_wolfe")
    balance = _balance(labels, classes)

    def loss() -> Tensor:
        optimiser.zero_grad()
        fit_loss = functional.cross_entropy(standardised @ weight.T + bias, labels, weight=balance)
        total: Tensor = fit_loss + _RIDGE / len(windows) * weight.square().sum() / 2
        torch.autograd.backward(total)
        return total

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    return PooledPart(pooling, mean, deviation, weight.detach(), bias.detach())


def _fit_temporal(windows: Windows, classes: int, steps: int, seed: int) -> TemporalPart:
    x = torch.from_numpy(windows.x)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        part = TemporalPart(
            projection=_projection(x - x.mean(dim=1, keepdim=True)),
            classes=classes,
            layers=_LAYERS,
            heads=_HEADS,
            dropout=_DROPOUT,
        )
        _descend(part, windows, classes, steps=steps, learning_rate=_LEARNING_RATE)
    return part


def _fit_corrected(base: PooledPart, windows: Windows, classes: int, steps: int, seed: int) -> CorrectedPart:
    changes = (torch.from_numpy(windows.x).diff(dim=1).abs() - base.mean) / base.deviation  # (N, T − 1, D)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        part = CorrectedPart(base=base, projection=_projection(changes), layers=_LAYERS, heads=_HEADS, dropout=_DROPOUT)
        _descend(part, windows, classes, steps=steps // 2, learning_rate=_LEARNING_RATE / 3)
    return part


def _descend(
    part: TemporalPart | CorrectedPart, windows: Windows, classes: int, *, steps: int, learning_rate: float
) -> None:
    x, seconds, labels = (torch.from_numpy(each) for each in (windows.x, windows.seconds, windows.labels))
    optimiser = torch.optim.AdamW(part.parameters(), learning_rate, weight_decay=_WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, learning_rate, total_steps=steps, pct_start=0.2)
    balance = _balance(labels, classes)
    for _ in range(steps):
        rows = torch.randperm(len(x))[:_BATCH]
        logits = part(x[rows], seconds[rows])  # (B, C)
        loss = functional.cross_entropy(logits, labels[rows], weight=balance, label_smoothing=_SMOOTHING)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(part.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    part.train(mode=False).requires_grad_(requires_grad=False)


def _projection(x: Tensor) -> Tensor:
    """(D, P): the directions in which ``x`` (N, T, D) varies most, scaled so that what comes out has unit length."""
    flat = x.flatten(0, 1)  # (N·T, D)
    values, vectors = torch.linalg.eigh(flat.T @ flat / len(flat))
    inner = min(_INNER, x.shape[-1])
    length = values[-inner:].clamp(min=0).sum().sqrt().clamp(min=_SMALLEST_DEVIATION)
    projection: Tensor = vectors[:, -inner:] / length
    return projection.contiguous()


def _balance(labels: Tensor, classes: int) -> Tensor:
    """Weights that let every class count the same, however many windows show it. (C,)"""
    counts = torch.bincount(labels, minlength=classes).clamp(min=1)
    balance: Tensor = len(labels) / (classes * counts.float())
    return balance
