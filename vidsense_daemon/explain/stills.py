"""An event's stills, read from the disk: what is left to look at when its clip is gone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from vidsense_daemon.domain.events import StoredStill
from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.perception.runtimes.stills import squashed


@dataclass(frozen=True, slots=True, eq=False)
class ReadStill:
    """A still and its file, read once."""

    stored: StoredStill
    jpeg: bytes
    picture: Picture  # (H, W, 3) RGB

    def squashed(self, side_px: int) -> Picture:
        """(S, S, 3): the whole still as the encoder's square, as live frames are."""
        return squashed(self.picture, side_px)


def read_stills(stills: Sequence[StoredStill]) -> Iterator[ReadStill]:
    """Those that can be read, oldest first; a file that is gone or damaged is passed over."""
    for still in sorted(stills, key=lambda still: still.captured_at):
        try:
            jpeg = Path(still.path).read_bytes()
            decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) if jpeg else None
        except (OSError, cv2.error):
            continue
        if decoded is not None:
            yield ReadStill(still, jpeg, np.asarray(np.ascontiguousarray(decoded[:, :, ::-1]), np.uint8))
