"""Pictures of the user's own cameras, out of the stills of their events: to calibrate and to compare runtimes on."""

from __future__ import annotations

import random
from collections import defaultdict
from itertools import chain, zip_longest
from pathlib import Path

from vidsense_daemon.daemon.storage import Storage
from vidsense_daemon.domain.events import StoredStill
from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.perception.runtimes.quantizing import Calibration
from vidsense_daemon.perception.runtimes.stills import views_of

_NEWEST_EVENTS = 2000


def camera_pictures(storage: Storage, *, picture_px: int, count: int) -> Calibration:
    """Up to ``count`` pictures, each camera's as many as another's; damaged and deleted stills are left out."""
    by_camera: defaultdict[str, list[StoredStill]] = defaultdict(list)
    for record in storage.archive.find(limit=_NEWEST_EVENTS):
        by_camera[record.event.camera] += record.stills
    chosen = random.Random(0)  # the same stills give the same pictures
    for stills in by_camera.values():
        chosen.shuffle(stills)
    in_turn = (still for still in chain.from_iterable(zip_longest(*by_camera.values())) if still is not None)
    pictures: list[Picture] = []
    for still in in_turn:
        if len(pictures) >= count:
            break
        pictures += still_pictures(still, picture_px=picture_px)
    return Calibration(pictures[:count], tuple(sorted(by_camera)))


def still_pictures(still: StoredStill, *, picture_px: int) -> list[Picture]:
    """The whole picture and the crop around what moved, as far as there are any; none when the still can't be read."""
    try:
        jpeg = Path(still.path).read_bytes()
    except OSError:
        return []  # deleted since, by the retention or by hand
    return views_of(jpeg, still.box, picture_px=picture_px)
