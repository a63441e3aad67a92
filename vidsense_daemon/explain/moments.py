"""How much each moment of a stored event counts, for its review page: recomputed from its stills.

With a transformer trained on the camera: attention rollout (Abnar & Zuidema 2020) through it, the mean over all tiles
and over the moments that look. Without one a window is the mean of its frames, and every moment counts the same.

T = moments, K = tiles, D = dimension.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from vidsense_daemon.domain.events import StoredStill
from vidsense_daemon.domain.ports import Encoder
from vidsense_daemon.explain.attention import rollout, tile_maps
from vidsense_daemon.explain.encoding import Floats
from vidsense_daemon.explain.stills import read_stills
from vidsense_daemon.perception.foresight import Foresight

_FEWEST = 2


@dataclass(frozen=True, slots=True)
class Moment:
    """One still of the event."""

    captured_at: datetime
    weight: float  # of all the event's moments together: they add up to 1


def moments_of(stills: Sequence[StoredStill], *, encoder: Encoder, foresight: Foresight | None) -> list[Moment]:
    """The event's moments, oldest first; none when fewer than two stills can be read.

    Costs an encoder call for each still when something is trained, and a look at the files otherwise.
    """
    if foresight is None:
        files = sorted(stills, key=lambda still: still.captured_at)
        there = [still for still in files if Path(still.path).is_file()]
        return _moments(there, np.ones(len(there), np.float32))
    read = list(read_stills(stills))
    if len(read) < _FEWEST:
        return []
    there = [still.stored for still in read]
    tiles = encoder.embed_scenes([still.squashed(encoder.picture_px) for still in read])[1]  # (T, K, D)
    if tiles is None or foresight.encoder != encoder.name:
        return _moments(there, np.ones(len(there), np.float32))
    return _moments(there, _weights(tiles, there, foresight))


def _weights(tiles: Floats, stills: Sequence[StoredStill], foresight: Foresight) -> Floats:
    """(T,): of the moments. The last one is foretold and looked at by none, so it stands for itself once more."""
    seconds = np.array([(still.captured_at - stills[0].captured_at).total_seconds() for still in stills], np.float32)
    # the predictor leaves out the last frame, which is what it foretells: it is given twice to be looked from
    twice = np.concatenate([tiles, tiles[-1:]])
    maps = tile_maps(twice, np.append(seconds, seconds[-1] + 1.0).astype(np.float32), foresight.predictor)
    looked_at = [rollout(of_tile).mean(axis=0) for of_tile in maps]  # K times (T,)
    return np.asarray(np.mean(looked_at, axis=0), np.float32)


def _moments(stills: Sequence[StoredStill], weights: Floats) -> list[Moment]:
    if len(stills) < _FEWEST:
        return []
    shares = weights / weights.sum()
    return [Moment(still.captured_at, float(share)) for still, share in zip(stills, shares, strict=True)]
