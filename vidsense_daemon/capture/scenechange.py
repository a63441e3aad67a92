"""Scene changes, by PySceneDetect: its detector confirms what the gate alone would not call another scene.

It runs in the supervisor, on the pictures that are sent anyway, and not in the child: OpenCV and scenedetect would add
28 MB to every camera's process. The detector alone fires on every tenth window of plain motion, so it counts only when
much of the picture has changed as well.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scenedetect import FrameTimecode
from scenedetect.detectors import ContentDetector

from vidsense_daemon.domain.frames import Frame

_CHANGED_RATIO = 0.4  # a car that fills a quarter of the picture has made the detector fire
_THIN = 2  # every other pixel: scenes are large, and the detector takes four times as long with all of them
_NOMINAL_FPS = 5.0  # the detector only counts frames


class SceneWatch:
    """One camera's sampled frames, in order."""

    def __init__(self) -> None:
        self._run_id = ""
        self._seen = 0
        self._detector = _new_detector()

    def confirmed(self, frame: Frame) -> Frame:
        """The frame, marked as another scene where the detector alone finds one."""
        if not self.changed(frame) or frame.scene_changed:
            return frame
        return replace(frame, scene_changed=True, moving=False, zones=())

    def changed(self, frame: Frame) -> bool:
        """Whether this frame shows another scene than the one before it."""
        if frame.run_id != self._run_id:
            self._run_id, self._seen, self._detector = frame.run_id, 0, _new_detector()
        self._seen += 1
        bgr = np.ascontiguousarray(frame.whole.picture[::_THIN, ::_THIN, ::-1])
        fired = self._detector.process_frame(FrameTimecode(self._seen, _NOMINAL_FPS), bgr)
        return bool(fired) and frame.changed_ratio >= _CHANGED_RATIO


def _new_detector() -> ContentDetector:
    return ContentDetector(min_scene_len=1)
