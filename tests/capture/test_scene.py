"""What of a camera's picture counts, by the frames that are sent."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from vidsense_daemon.capture.options import StreamOptions
from vidsense_daemon.capture.sampling import Sampler
from vidsense_daemon.capture.scene import Scene
from vidsense_daemon.capture.timeline import Moment
from vidsense_daemon.capture.views import Scaler, WorkingPicture
from vidsense_daemon.domain.frames import Frame

AT = datetime(2026, 1, 2, tzinfo=UTC)


def grey(levels: int) -> WorkingPicture:
    planes = np.full((360 * 3 // 2, 640), 128, np.uint8)
    planes[:360] = levels
    return WorkingPicture(planes, colorspace=1)


def frames_of(scene: Scene, *pictures: WorkingPicture) -> list[Frame]:
    moments = [Moment(AT, pts_s=0.2 * number, starts_run=number == 0) for number in range(len(pictures))]
    looked = [
        scene.look(picture, moment, lambda _begins: None) for picture, moment in zip(pictures, moments, strict=True)
    ]
    return [frame for frame in looked if frame is not None]


def test_where_the_picture_is_private_nothing_changes_when_the_rest_grows_brighter() -> None:
    """A cloud passes: the black of the mask stays black, and that is no motion under it."""
    options = StreamOptions(url="yard.mp4", privacy_masks=[[(0.0, 0.0), (0.3, 0.0), (0.3, 1.0), (0.0, 1.0)]])
    sampler = Sampler(calm_fps=5, busy_fps=5, max_frames_per_s=10)
    scene = Scene(options, scaler=Scaler(picture_px=32), sampler=sampler, new_run_id=lambda: "run")
    brighter = grey(107)
    brighter.planes[200:224, 400:432] = 220
    _, frame = frames_of(scene, grey(100), brighter)

    assert frame.block_changes is not None
    assert frame.block_changes[8, 13] > 30
    assert not frame.block_changes[:, :6].any()
