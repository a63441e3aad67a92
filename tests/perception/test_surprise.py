"""Prediction errors of tiles: what was to be expected surprises little."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.domain.windows import TILES
from vidsense_daemon.perception.surprise import Persistence, RidgeAR, Seconds, Tiles

D = 8
FIVE_FPS = np.arange(200) / 5


def swinging(seconds: Seconds, *, seed: int = 0) -> Tiles:
    """(T, 24, D): every tile goes round a circle of its own, one turn in four seconds."""
    start = np.random.default_rng(seed).uniform(0, 2 * np.pi, TILES)
    angle = start + seconds[:, None] * np.pi / 2  # (T, 24)
    tiles = np.zeros((len(seconds), TILES, D), np.float32)
    tiles[..., 0], tiles[..., 1] = np.cos(angle), np.sin(angle)
    return tiles


def test_a_camera_that_shows_the_same_as_before_surprises_nobody():
    """Nothing changes: the error is 0, and of the first frame nothing is known."""
    errors = Persistence().errors(np.ones((4, TILES, D), np.float32), np.arange(4.0))

    assert np.isnan(errors[0]).all()
    assert (errors[1:] == 0).all()


def test_ridge_expects_what_it_has_seen_going_on():
    """A regular movement is predicted far better than by "nothing changes"."""
    model = RidgeAR.fit([(swinging(FIVE_FPS), FIVE_FPS)], encoder="toy")
    unseen = swinging(FIVE_FPS, seed=1)

    learned = model.errors(unseen, FIVE_FPS)[3:].mean()

    assert learned < Persistence().errors(unseen, FIVE_FPS)[3:].mean() / 4


def test_ridge_is_surprised_by_a_jump_and_says_where():
    """One tile does what it never did: its error, and no other's, stands out."""
    model = RidgeAR.fit([(swinging(FIVE_FPS), FIVE_FPS)], encoder="toy")
    seen = swinging(FIVE_FPS[:20])
    seen[15, 7] *= -1

    assert int(model.errors(seen, FIVE_FPS[:20])[15].argmax()) == 7


def test_ridge_goes_by_the_clock_and_not_by_the_number_of_frames():
    """Learned at five frames a second, it still knows what to expect when frames come at half that pace."""
    model = RidgeAR.fit([(swinging(FIVE_FPS), FIVE_FPS)], encoder="toy")
    uneven = FIVE_FPS[:40][[*range(10), *range(10, 40, 2)]]
    seen = swinging(uneven, seed=2)

    assert model.errors(seen, uneven)[12:].mean() < Persistence().errors(seen, uneven)[12:].mean() / 2


def test_a_tile_that_is_no_number_spoils_only_what_is_predicted_from_it():
    """A damaged tile is unknown for as long as the model looks back; the other tiles stay known."""
    model = RidgeAR.fit([(swinging(FIVE_FPS), FIVE_FPS)], encoder="toy")
    seen = swinging(FIVE_FPS[:20])
    seen[8, 3] = np.nan

    unknown = np.isnan(model.errors(seen, FIVE_FPS[:20])[1:])

    assert sorted({int(tile) for _, tile in zip(*np.nonzero(unknown), strict=True)}) == [3]
    assert 0 < unknown.sum() <= 4


def test_damaged_frames_teach_nothing():
    """Tiles that are no numbers are left out of what is learned."""
    damaged = swinging(FIVE_FPS)
    damaged[50, 2] = np.nan

    assert np.isfinite(RidgeAR.fit([(damaged, FIVE_FPS)], encoder="toy").weights).all()


def test_too_little_to_learn_from_is_said():
    """A handful of frames makes no model."""
    with pytest.raises(PermanentError, match="9 frames are too few"):
        RidgeAR.fit([(swinging(FIVE_FPS[:10]), FIVE_FPS[:10])], encoder="toy")


def test_a_model_that_was_kept_predicts_as_before(tmp_path: Path):
    """Saved and loaded, it says the same and knows whose space it is of."""
    model = RidgeAR.fit([(swinging(FIVE_FPS), FIVE_FPS)], encoder="toy")
    (tmp_path / "ridge.safetensors").write_bytes(model.to_bytes())

    kept = RidgeAR.load(tmp_path / "ridge.safetensors")

    assert kept.encoder == "toy"
    seen = swinging(FIVE_FPS, seed=3)
    assert kept.errors(seen, FIVE_FPS)[1:] == pytest.approx(model.errors(seen, FIVE_FPS)[1:], abs=5e-3)


def test_a_damaged_model_is_named(tmp_path: Path):
    """A file that is no model: the message says which."""
    (tmp_path / "ridge.safetensors").write_bytes(b"no weights")

    with pytest.raises(PermanentError, match=r"ridge\.safetensors"):
        RidgeAR.load(tmp_path / "ridge.safetensors")
