"""What an event's page says of its moments: all alike until something is trained, then what was looked at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from vidsense_daemon.domain.windows import TILES
from vidsense_daemon.explain.attention import tile_maps
from vidsense_daemon.explain.moments import moments_of
from vidsense_daemon.perception.foresight import Foresight
from vidsense_daemon.perception.surprise import RidgeAR
from vidsense_daemon.perception.temporal import TilePredictor

from .fakes import DIMENSION, BlockEncoder, stored_event


@pytest.fixture(scope="module")
def foresight() -> Foresight:
    random = np.random.default_rng(0)
    tiles = random.standard_normal((120, TILES, DIMENSION)).astype(np.float32)
    ridge = RidgeAR.fit([(tiles, np.arange(120.0))], encoder=BlockEncoder.name)
    torch.manual_seed(0)
    return Foresight(ridge, TilePredictor(dimension=DIMENSION, heads=4).eval())


def test_untrained_every_moment_counts_the_same(tmp_path: Path) -> None:
    record = stored_event(tmp_path, stills=4)
    moments = moments_of(record.stills, encoder=BlockEncoder(), foresight=None)

    assert [moment.weight for moment in moments] == [0.25] * 4
    assert [moment.captured_at for moment in moments] == [still.captured_at for still in record.stills]


def test_trained_weights_share_out_the_whole(tmp_path: Path, foresight: Foresight) -> None:
    record = stored_event(tmp_path, stills=4)
    moments = moments_of(record.stills, encoder=BlockEncoder(), foresight=foresight)

    assert sum(moment.weight for moment in moments) == pytest.approx(1)
    assert len({moment.weight for moment in moments}) > 1


def test_an_event_without_stills_shows_none(tmp_path: Path, foresight: Foresight) -> None:
    record = stored_event(tmp_path)
    for still in record.stills:
        Path(still.path).unlink()

    assert moments_of(record.stills, encoder=BlockEncoder(), foresight=None) == []
    assert moments_of(record.stills, encoder=BlockEncoder(), foresight=foresight) == []


def test_weights_of_another_encoder_are_not_used(tmp_path: Path, foresight: Foresight) -> None:
    """They speak of another space: the moments count the same, as without any."""

    class Other(BlockEncoder):
        name = "others"

    moments = moments_of(stored_event(tmp_path).stills, encoder=Other(), foresight=foresight)

    assert len({moment.weight for moment in moments}) == 1


def test_looking_at_attention_leaves_the_model_as_it_was(foresight: Foresight) -> None:
    """Each row shares out its attention among its own past; afterwards nothing hangs on the blocks."""
    tiles = np.random.default_rng(1).standard_normal((5, TILES, DIMENSION)).astype(np.float32)
    maps = tile_maps(tiles, np.arange(5, dtype=np.float32), foresight.predictor)

    assert maps.shape == (TILES, 2, 4, 4, 4)
    assert np.allclose(maps.sum(axis=-1), 1, atol=1e-5)
    assert not np.triu(maps, 1).any()
    assert not any(block._forward_hooks for block in foresight.predictor.trunk.blocks)
