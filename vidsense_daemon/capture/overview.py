"""Pictures from all over a recording, before it is watched: whoever replays a file need not wait for what comes later.

A camera learns its background as time goes on. A short recording is over before that, and one that begins with somebody
in the picture would take him for background; its own later frames show what is behind him.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from vidsense_daemon.capture.faults import CameraError
from vidsense_daemon.capture.scene import Scene
from vidsense_daemon.capture.source import DecodedFrame, Source
from vidsense_daemon.capture.views import Scaler

_PICTURES = 9
_DECODED_THROUGH_S = 20.0  # to the next picture; what is further away is sought, and its keyframe taken


def look_ahead(source: Source, scene: Scene, scaler: Scaler) -> None:
    """Let ``scene`` know the background of a recording; what is wrong with it is said when it is watched."""
    with contextlib.suppress(CameraError):
        scene.begin_with(
            [scaler.working_picture(frame.video, quarter_turns=frame.quarter_turns) for frame in overview(source)]
        )


def overview(source: Source) -> Iterator[DecodedFrame]:
    """Up to nine frames, evenly spread over the recording; none when it does not tell its length or its times.

    Raises:
        CameraError: it cannot be read to the last of them.
    """
    length_s = source.length_s
    if not length_s:
        return
    apart_s = length_s / _PICTURES
    wanted_s = [(number + 0.5) * apart_s for number in range(_PICTURES)]
    if apart_s > _DECODED_THROUGH_S:
        yield from _sought(source, wanted_s)
    else:
        yield from _passed(source, wanted_s)


def _sought(source: Source, wanted_s: list[float]) -> Iterator[DecodedFrame]:
    """The keyframe before each moment."""
    for at_s in wanted_s:
        source.seek(at_s)
        if frame := next(_frames(source), None):
            yield frame


def _passed(source: Source, wanted_s: list[float]) -> Iterator[DecodedFrame]:
    """The frame at each moment, all frames decoded in one go: a short recording may have a single keyframe."""
    waiting = list(wanted_s)
    first_s: float | None = None
    for frame in _frames(source):
        if frame.pts_s is None:
            return
        first_s = frame.pts_s if first_s is None else first_s
        if frame.pts_s - first_s >= waiting[0]:
            yield frame
            waiting.pop(0)
        if not waiting:
            return


def _frames(source: Source) -> Iterator[DecodedFrame]:
    for packet in source.packets():
        yield from source.decode(packet)
