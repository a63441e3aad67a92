"""What cameras see is offered for training: every frame that could be looked at, once, in order."""

from __future__ import annotations

from dataclasses import dataclass, field

from vidsense_daemon.domain.events import Source
from vidsense_daemon.domain.windows import EmbeddedFrame
from vidsense_daemon.perception.mailbox import FrameMailbox
from vidsense_daemon.perception.perceiver import Perceiver

from .fakes import Camera, ColourEncoder, RememberingSink, View, broken


@dataclass
class RememberingRecorder:
    frames: list[EmbeddedFrame] = field(default_factory=list)

    def record(self, frame: EmbeddedFrame) -> None:
        self.frames.append(frame)


def test_every_frame_that_could_be_looked_at_is_offered_once() -> None:
    """One that the encoder can't read is left out; triggers or none, it makes no difference."""
    recorder, camera = RememberingRecorder(), Camera()
    perception = Perceiver(
        encoder=ColourEncoder(),
        sink=RememberingSink(),
        mailbox=FrameMailbox(),
        triggers={},
        source=Source.LIVE,
        recorder=recorder,
    )
    perception.process([*camera.frames("empty", 3), camera.frame(whole=View(broken(), None))])
    perception.process(camera.frames("person", 2))

    assert [frame.index for frame in recorder.frames] == [0, 1, 2, 4, 5]
    assert [frame.moving for frame in recorder.frames] == [False, False, False, True, True]
