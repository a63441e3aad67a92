"""Train a camera's prediction models on its own unlabelled days: ridge-AR, and the transformer on top of it.

    ridge-AR      closed form; how strongly it is held back (λ) is chosen on `tune`
    transformer   AdamW on (next-embedding error + masked-frame error), of what the ridge leaves over; warm-up, cosine
                  decay; every few steps it is tried on `tune`, and the best weights so far are kept

One seed makes the same weights again on the same machine and thread count. It ends at its deadline with the best so
far. Called by `vidsense learn` and by the nightly child process, never by a thread of the daemon.

B = sequences of a batch, T = frames of a sequence, K = tiles of a picture, D = dimension of the embedding space.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from vidsense_daemon.learning.experience import Clip
from vidsense_daemon.perception.foresight import CONTEXT_FRAMES, Foresight
from vidsense_daemon.perception.surprise import RidgeAR, Seconds, SurpriseModel, Tiles
from vidsense_daemon.perception.temporal import TilePredictor

RIDGES = (0.01, 0.1, 0.3, 1.0, 3.0, 10.0)  # λ; on the footage that was measured 0.3 to 3 was best
_SEQUENCE_FRAMES = CONTEXT_FRAMES + 1  # eight seen, the ninth foretold, as when it runs
_CLIPS_A_STEP = 6
_TILES_A_CLIP = 8  # of 24, another choice each step: neighbours in one frame teach much the same
_TRIED_EVERY_STEPS = 20
_TRIED_ON_CLIPS = 16  # of `tune`, evenly spread: a try shall not cost more than the steps before it
_PATIENCE = 6  # tries without a better one
_WARM_UP_STEPS = 30
_LARGEST_GRADIENT = 1.0
_WEIGHT_DECAY = 0.05
_MASKED_COUNTS = 0.3  # beside the next-embedding error, which is what runs
OnProgress = Callable[[int, int, float], None]  # step, of, the error on `tune` against the ridge's


@dataclass(frozen=True, slots=True)
class Sizes:
    """The transformer's shape and how hard it is trained."""

    layers: int = 2
    heads: int = 8
    steps: int = 400
    learning_rate: float = 2e-4
    dropout: float = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class _Sequence:
    """A clip, ready for training; in half precision, for all of them together are some hundred MB."""

    tiles: Tensor  # (N, K, D)
    seconds: Tensor  # (N,), float
    left_over: Tensor  # (N − 1, K, D): what the ridge does not foretell


def fit_ridge(train: Sequence[Clip], tune: Sequence[Clip]) -> RidgeAR:
    """The ridge-AR that foretells ``tune`` best, of those that differ in how strongly they are held back."""
    models = RidgeAR.fits([sequence_of(clip) for clip in train], encoder=train[0].encoder, ridges=RIDGES)
    return min(models, key=lambda model: squared_error(model, tune))


def train_foresight(
    ridge: RidgeAR,
    train: Sequence[Clip],
    tune: Sequence[Clip],
    *,
    sizes: Sizes = Sizes(),
    seed: int = 0,
    is_over: Callable[[], bool] = lambda: False,
    on_progress: OnProgress = lambda _step, _steps, _ratio: None,
) -> tuple[Foresight, int]:
    """The best transformer found before ``is_over``, and the step at which it was found (0: none beat the ridge)."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    dimension, tiles = train[0].tiles.shape[2], train[0].tiles.shape[1]
    predictor = TilePredictor(
        dimension=dimension, tiles=tiles, layers=sizes.layers, heads=sizes.heads, dropout=sizes.dropout
    )
    weights = [weight for weight in predictor.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=sizes.learning_rate, weight_decay=_WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _pace(step, sizes.steps))
    sequences = _left_over_by_ridge(train, tune)
    model = Foresight(ridge, predictor)
    tune = tune[:: -(-len(tune) // _TRIED_ON_CLIPS)]
    start = best = squared_error(ridge, tune)
    best_step, kept = 0, _copy(predictor)
    for step in range(1, sizes.steps + 1):
        predictor.train()
        loss = _loss(predictor, sequences, random)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(weights, _LARGEST_GRADIENT)
        optimiser.step()
        schedule.step()
        over = is_over()
        if step % _TRIED_EVERY_STEPS == 0 or step == sizes.steps or over:
            predictor.eval()
            error = squared_error(model, tune)
            on_progress(step, sizes.steps, error / start)
            if error < best:
                best, best_step, kept = error, step, _copy(predictor)
        if over or step - best_step >= _PATIENCE * _TRIED_EVERY_STEPS:
            break
    predictor.load_state_dict(kept)
    return Foresight(ridge, predictor.eval()), best_step


def squared_error(model: SurpriseModel, clips: Sequence[Clip]) -> float:
    """Mean of ‖x_t − x̂_t‖² over all tiles of all frames that can be foretold from two before them."""
    errors = [model.errors(*sequence_of(clip))[2:] for clip in clips]
    return float(np.mean([np.square(error).mean() for error in errors if len(error)]))


def sequence_of(clip: Clip) -> tuple[Tiles, Seconds]:
    """The clip's tiles (N, K, D) and their times (N,)."""
    return clip.tiles.astype(np.float32), clip.pts_s


def _pace(step: int, steps: int) -> float:
    """Share of the learning rate: a straight rise, then half a cosine down."""
    return min(1.0, (step + 1) / _WARM_UP_STEPS) * 0.5 * (1 + math.cos(math.pi * min(1.0, step / max(1, steps))))


def _copy(predictor: TilePredictor) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in predictor.state_dict().items()}


def _left_over_by_ridge(train: Sequence[Clip], tune: Sequence[Clip]) -> list[_Sequence]:
    """The clips with what a ridge that has never seen them leaves over: each half's comes from the other half.

    What a ridge leaves over of its own clips is too small and of another kind: taught on that, the transformer made
    unseen clips worse.
    """
    half = len(train) // 2
    parts = ((train[:half], train[half:]), (train[half:], train[:half]))
    return [_prepared(clip, ridge) for shown, other in parts for ridge in [fit_ridge(other, tune)] for clip in shown]


def _prepared(clip: Clip, ridge: RidgeAR) -> _Sequence:
    tiles, seconds = sequence_of(clip)
    return _Sequence(
        torch.from_numpy(clip.tiles),
        torch.from_numpy((seconds - seconds[0]).astype(np.float32)),
        torch.from_numpy(ridge.residuals(tiles, seconds)).half(),
    )


def _loss(predictor: TilePredictor, sequences: Sequence[_Sequence], random: np.random.Generator) -> Tensor:
    """Squared error of the next embeddings and of one masked frame, over a batch of the same length."""
    chosen = [sequences[index] for index in random.integers(len(sequences), size=_CLIPS_A_STEP)]
    frames = min(_SEQUENCE_FRAMES, *(len(sequence.seconds) for sequence in chosen))
    x, seconds, left_over, place = _batch(chosen, frames, random)
    loss: Tensor = (left_over - predictor(x, seconds, place)).square().sum(dim=-1).mean()
    masked = int(random.integers(1, frames))
    difference = x[:, masked] - x[:, masked - 1]  # (B, D)
    restored = predictor.restored(x, seconds, place, masked=masked)
    return loss + _MASKED_COUNTS * (difference - restored).square().sum(dim=-1).mean()


def _batch(
    chosen: Sequence[_Sequence], frames: int, random: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A stretch of each clip, some tiles of it: x (B, T, D), seconds (B, T), left over (B, T − 1, D), place (B,)."""
    parts = []
    for sequence in chosen:
        first = int(random.integers(len(sequence.seconds) - frames + 1))
        tiles = sequence.tiles.shape[1]
        place = torch.from_numpy(random.choice(tiles, size=min(_TILES_A_CLIP, tiles), replace=False))
        parts.append(
            (
                sequence.tiles[first : first + frames, place].float().transpose(0, 1),
                sequence.seconds[first : first + frames].expand(len(place), -1),
                sequence.left_over[first : first + frames - 1, place].float().transpose(0, 1),
                place,
            )
        )
    x, seconds, left_over, places = (torch.cat(column) for column in zip(*parts, strict=True))
    return x, seconds, left_over, places
