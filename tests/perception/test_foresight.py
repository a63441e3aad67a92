"""Foretelling tiles: before training exactly what ridge-AR says, afterwards never from the future."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.domain.windows import TILES
from vidsense_daemon.perception.foresight import Foresight, load_surprise
from vidsense_daemon.perception.surprise import RidgeAR, Seconds, Tiles
from vidsense_daemon.perception.temporal import TilePredictor

D = 16


def seen(frames: int, *, seed: int = 0) -> tuple[Tiles, Seconds]:
    """Unit tiles (T, 24, D) at uneven times."""
    random = np.random.default_rng(seed)
    tiles = random.standard_normal((frames, TILES, D)).astype(np.float32)
    return tiles / np.linalg.norm(tiles, axis=-1, keepdims=True), random.uniform(0.1, 1.2, frames).cumsum()


@pytest.fixture(scope="module")
def ridge() -> RidgeAR:
    return RidgeAR.fit([seen(120)], encoder="toy")


def untrained() -> TilePredictor:
    torch.manual_seed(0)
    return TilePredictor(dimension=D, heads=4).eval()


def trained() -> TilePredictor:
    """A predictor whose every weight matters."""
    predictor = untrained()
    with torch.no_grad():
        for weight in predictor.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return predictor


@pytest.mark.parametrize("frames", [2, 3, 9, 40])
def test_before_training_it_is_ridge_to_the_last_bit(ridge: RidgeAR, frames: int) -> None:
    """Nothing is foretold that was not learnt."""
    tiles, seconds = seen(frames, seed=1)

    assert np.array_equal(
        ridge.errors(tiles, seconds), Foresight(ridge, untrained()).errors(tiles, seconds), equal_nan=True
    )


def test_the_gate_of_its_trunk_is_closed_and_is_not_trained(ridge: RidgeAR) -> None:
    """Whatever it learns about motion, triggers and search go on comparing plain embeddings with sentences."""
    predictor = trained()
    tiles, seconds = (torch.from_numpy(part).float() for part in seen(9))
    predictor(tiles.transpose(0, 1), seconds.expand(TILES, -1), torch.arange(TILES)).square().sum().backward()

    assert not untrained().trunk.gate.requires_grad
    assert untrained().trunk.gate.item() == 0
    assert predictor.trunk.gate.grad is None


def test_a_single_frame_says_nothing(ridge: RidgeAR) -> None:
    tiles, seconds = seen(1)

    assert np.isnan(Foresight(ridge, trained()).errors(tiles, seconds)).all()


def test_no_frame_is_foretold_from_itself_or_later_ones(ridge: RidgeAR) -> None:
    """A surprise now never depends on what comes afterwards."""
    model = Foresight(ridge, trained())
    tiles, seconds = seen(30, seed=2)
    other = tiles.copy()
    other[20:] = seen(10, seed=3)[0]

    assert np.allclose(model.foretold(tiles, seconds)[:20], model.foretold(other, seconds)[:20], atol=1e-5)
    assert not np.allclose(model.foretold(tiles, seconds)[20], model.foretold(other, seconds)[20], atol=1e-3)


def test_every_tile_has_its_place(ridge: RidgeAR) -> None:
    """The same sight is foretold differently on the road and in the sky."""
    tiles, seconds = seen(9)
    tiles[:] = tiles[:, :1]
    foretold = Foresight(ridge, trained()).foretold(tiles, seconds)

    assert not np.allclose(foretold[:, 0], foretold[:, 1], atol=1e-4)


def test_a_tile_that_is_no_number_spoils_no_other(ridge: RidgeAR) -> None:
    """An encoder that stumbles over one tile costs that tile's surprise, for as long as the ridge looks back."""
    model = Foresight(ridge, trained())
    tiles, seconds = seen(12)
    tiles[4, 7] = np.nan
    errors: NDArray[np.float32] = model.errors(tiles, seconds)

    assert np.isnan(errors[4:8, 7]).any()
    assert np.isfinite(errors[8:, 7]).all()
    assert np.isfinite(np.delete(errors[1:], 7, axis=1)).all()


def test_a_masked_frame_is_told_from_both_sides_and_not_from_itself() -> None:
    predictor = trained()
    x, seconds = torch.randn(2, 6, D), torch.arange(6.0).expand(2, -1)
    other, later = x.clone(), x.clone()
    other[:, 3] = 9
    later[:, 5] = 9
    with torch.no_grad():
        told, unseen, changed = (
            predictor.restored(case, seconds, torch.tensor([0, 1]), masked=3) for case in (x, other, later)
        )

    assert torch.equal(told, unseen)
    assert not torch.allclose(told, changed, atol=1e-3)


def test_it_comes_back_from_its_file(ridge: RidgeAR, tmp_path: Path) -> None:
    """What was judged is what runs after a restart."""
    model, file = Foresight(ridge, trained()), tmp_path / "a.safetensors"
    file.write_bytes(model.to_bytes())
    again = load_surprise(file)
    tiles, seconds = seen(12)

    assert (again.name, again.encoder) == ("transformer", "toy")
    assert np.allclose(model.errors(tiles, seconds)[1:], again.errors(tiles, seconds)[1:], atol=0.02)


def test_a_ridge_comes_back_from_its_file(ridge: RidgeAR, tmp_path: Path) -> None:
    (tmp_path / "r.safetensors").write_bytes(ridge.to_bytes())

    assert load_surprise(tmp_path / "r.safetensors").name == "ridge-ar"


@pytest.mark.parametrize("content", [b"", b"\0" * 500, b"not weights at all"])
def test_a_damaged_file_is_refused_by_name(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "broken.safetensors"
    file.write_bytes(content)

    with pytest.raises(PermanentError, match=r"broken\.safetensors"):
        load_surprise(file)


def test_a_file_that_lacks_a_weight_is_refused(ridge: RidgeAR, tmp_path: Path) -> None:
    """Of a version that nobody knows any more."""
    whole = TilePredictor(dimension=D, heads=4, layers=1)
    whole.ahead = torch.nn.Identity()  # type: ignore[assignment]
    file = tmp_path / "old.safetensors"
    file.write_bytes(Foresight(ridge, whole).to_bytes())

    with pytest.raises(PermanentError, match=r"old\.safetensors"):
        load_surprise(file)
